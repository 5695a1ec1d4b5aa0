import pytest

from shared.domain.facts import HeldSignal
from shared.domain.rules import repeats
from tests.unit.domain.builders import breached, incident, retried, serving, situation

WAITS = {"hold": HeldSignal(dedup_key="k", about="incident i")}


@pytest.mark.parametrize(
    ("state", "held", "may"),
    [("open", {}, True), ("open", WAITS, False), ("remedying", {}, False), ("verifying", {}, False)],
)
def test_a_signal_may_act_on_an_open_incident_for_which_none_waits(state, held, may):
    one = incident(state, id="i")
    assert repeats.may_act(situation(breached(), serving("1", incidents=(one,), held=held)), one) is may


def test_the_one_that_waited_may_act():
    one = incident("open", id="i")
    assert repeats.may_act(retried(breached(), serving("1", incidents=(one,)), "incident i"), one)


def test_a_repeat_is_counted_and_says_so():
    one = incident("remedying", repeats=2)
    ruling = repeats.count("data_drift", serving("1", incidents=(one,)), one, ())
    assert (ruling.verdict, ruling.facts.incidents[0].repeats) == ("suppress", 3)
    assert "is remedying: this is counted, not acted on" in ruling.reasons[0].text


def test_only_a_remedy_is_under_way():
    one = incident("remedying")
    assert repeats.under_way(serving("1", incidents=(incident("open", id="o"), one))) == one
    assert repeats.under_way(serving("1", incidents=(incident("verifying"),))) is None
