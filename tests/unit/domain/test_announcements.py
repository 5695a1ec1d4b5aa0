"""The published vocabulary: closed, named in the past tense, explained."""

import re
from typing import get_args

from shared.domain.announcements import MEANINGS, AnnouncementType


def test_every_type_says_when_it_is_said_and_nothing_else_does():
    assert tuple(MEANINGS) == get_args(AnnouncementType)


def test_types_are_ours_and_one_word():
    assert [name for name in MEANINGS if not re.fullmatch(r"Outerloop\.[A-Z][a-z]+([A-Z][a-z]+)*", name)] == []


def test_meanings_are_sentences():
    assert [meaning for meaning in MEANINGS.values() if not re.fullmatch(r"[A-Z`].+\.", meaning)] == []
