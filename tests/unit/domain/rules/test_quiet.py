"""What a silence leaves of a ruling; whole stories are in ``test_silencing``."""

import pytest

from shared.domain.facts import Facts
from shared.domain.rules.quiet import quietened
from shared.domain.silences import Silence
from shared.domain.situation import Ruling
from tests.unit.domain.builders import after, codes, incident, kinds, serving, situation, window

QUIET = Silence(id="s", what="data_drift", by="ada", comment="holidays", until=after("5h"))


def ruling(here, verdict="act", rule="data_drift", facts=None, **fields):
    return Ruling(verdict, rule, (), facts or here.facts, commands=(here.tell("ml_engineers", "t", {}),), **fields)


def here():
    return situation(window(3), serving("1", silences=(QUIET,)))


def test_messages_of_a_silenced_rule_are_kept_as_what_would_have_been_sent():
    quiet = quietened(here(), ruling(here()))
    assert (kinds(quiet), kinds(quiet.planned), codes(quiet)) == ([], ["Notify"], ["silenced"])


def test_so_are_those_about_a_silenced_kind_of_incident():
    opened = here().facts.with_incident(incident("open"))
    assert kinds(quietened(here(), ruling(here(), rule="remedy", facts=opened))) == []


@pytest.mark.parametrize("changes", [{"rule": "rollout"}, {"verdict": "escalate"}, {"minded": True}])
def test_others_are_left_as_they_are(changes):
    whole = ruling(here(), **changes)
    assert quietened(here(), whole) is whole


def test_without_a_silence_nothing_is():
    free = situation(window(3), Facts())
    assert quietened(free, ruling(free)) == ruling(free)
