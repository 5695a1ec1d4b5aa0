"""Every kind of command says what to do when nobody knows whether it had its effect."""

from typing import get_args

import pytest

from shared.domain.commands import Notify, RestartDeployment, ScaleDeployment
from shared.domain.effects import AnyCommand, Message, Relieving
from shared.domain.on_unknown import ON_UNKNOWN, OnUnknown


def test_the_table_is_complete_and_has_no_more():
    assert set(ON_UNKNOWN) == set(get_args(AnyCommand))


def test_every_entry_is_one_that_the_executor_knows():
    assert set(ON_UNKNOWN.values()) <= set(get_args(OnUnknown))


@pytest.mark.parametrize("kind", get_args(Message))
def test_a_message_is_rather_sent_twice_than_never(kind):
    assert ON_UNKNOWN[kind] == "repeat"


def test_a_remedy_that_says_what_it_expects_and_sets_can_be_repeated():
    assert get_args(Relieving) == (ScaleDeployment, RestartDeployment)
    assert {ON_UNKNOWN[kind] for kind in get_args(Relieving)} == {"same_key"}
    assert ON_UNKNOWN[Notify] != "same_key"
