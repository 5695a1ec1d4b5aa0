"""Each thing that a look may find has its ruling; the stories are in ``tests/scenarios/test_by_hand.py``."""

import pytest

from shared.domain.evaluate import evaluate
from tests.unit.domain.builders import NOW, after, codes, kinds, known, rolling, serving, situation, version
from tests.unit.domain.platform_builders import looked

LATER = after("10h")
BOTH = known(version("1", "standby"), version("2"))
STATES = {"version-1": "Succeeded", "version-2": "Succeeded"}


def decided(facts, traffic, deployments=STATES, at=LATER, **seen):
    return evaluate(situation(looked(at, traffic, deployments, **seen), facts, now=LATER))


@pytest.mark.parametrize("at", [NOW, after("15m")])
def test_a_look_that_a_write_of_ours_may_have_overtaken_says_nothing(at):
    assert codes(decided(serving("1"), {"blue": 100}, at=at)) == ["settling"]


def test_nothing_is_known_of_an_endpoint_where_nothing_of_ours_ever_was():
    assert codes(decided(known(), {"blue": 100})) == ["settling"]


@pytest.mark.parametrize(
    ("facts", "traffic", "states", "code", "ordered"),
    [
        (BOTH, {"version-2": 100}, {}, "as_known", []),
        (BOTH, {"blue": 100}, {}, "changed_by_hand", ["Notify"]),
        (BOTH, {"version-2": 100}, {"version-1": "Failed"}, "deployment_failed", ["Notify"]),
        (
            rolling(),
            {"version-1": 90, "version-2": 10},
            {"version-2": "Failed"},
            "deployment_failed",
            ["RollBackTraffic", "Notify"],
        ),
        (rolling(), {"version-2": 100}, {"version-2": "Failed"}, "deployment_failed", ["Notify"]),
        (rolling(), {"version-1": 100}, {}, "rolled_back_by_hand", ["Notify"]),
        (rolling(percent=100), {"version-1": 100}, {}, "changed_by_hand", ["Notify"]),
    ],
    ids=["known", "traffic", "standby failed", "candidate failed", "failed and changed", "taken back", "last step"],
)
def test_what_is_ordered_for_what_is_seen(facts, traffic, states, code, ordered):
    done = decided(facts, traffic, STATES | states)
    assert (codes(done)[0], kinds(done)) == (code, ordered)


def test_two_failures_are_one_message():
    done = decided(BOTH, {"version-2": 100}, dict.fromkeys(STATES, "Failed"))
    (told,) = done.decision.commands
    assert told.title == "flight-delay: its champion has failed and its standby has failed"


def test_the_same_decision_is_made_of_the_same_look():
    assert decided(BOTH, {"blue": 100}) == decided(BOTH, {"blue": 100})
