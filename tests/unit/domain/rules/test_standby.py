import pytest

from shared.domain.evaluate import evaluate
from shared.domain.outcomes import Failed
from shared.domain.values import replace
from tests.unit.domain.builders import (
    NOW,
    after,
    codes,
    elapsed,
    finished,
    kinds,
    known,
    ordered,
    rolling,
    serving,
    situation,
    version,
)


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


def test_a_standby_ends_and_its_deployment_is_removed():
    facts = known(version("1", "standby"), version("2"))
    done = decide(elapsed("standby_expiry", "1"), facts)
    assert (done.facts.versions["1"].state, done.facts.standby) == ("retired", "")
    assert ordered(done, "RemoveDeployment").deployment == "version-1"


def test_a_standby_that_serves_again_is_not_removed():
    done = decide(elapsed("standby_expiry", "1"), serving("1"))
    assert (codes(done), kinds(done)) == (["stale"], [])


def test_an_older_standby_that_ends_does_not_take_the_newer_one_with_it():
    facts = known(version("1", "standby"), version("2", "standby"), version("3"), standby="2")
    done = decide(elapsed("standby_expiry", "1"), facts)
    assert (done.facts.standby, done.facts.standby_until) == ("2", facts.standby_until)


def refused(endpoint="flight-delay", deployment="version-2"):
    outcome = Failed(
        retryable=False,
        reason=f"deployment {deployment} still takes 10 % of the traffic",
        data={"endpoint": endpoint, "in_use": deployment},
    )
    return finished("removal", "RemoveDeployment", outcome)


def test_what_failed_and_takes_traffic_again_stays_is_told_and_is_tried_again():
    facts = known(version("1"), version("2", "rolled_back"))
    done = decide(refused(), facts)
    assert (done.decision.verdict, codes(done), done.facts) == ("hold", ["still_used"], facts)
    assert [(hold.signal.purpose, hold.signal.about, hold.due) for hold in done.holds] == [
        ("failed_expiry", "2", after("24h"))
    ]
    assert "version 2" in ordered(done, "Notify").title


@pytest.mark.parametrize(
    "end",
    [
        refused(endpoint="flight-delay-stg"),
        refused(deployment="version-1"),
        refused(deployment="blue"),
        finished("removal", "RemoveDeployment"),
    ],
)
def test_any_other_end_of_a_removal_is_noted_and_not_tried_again(end):
    done = decide(end, known(version("1"), version("2", "rolled_back")))
    assert (kinds(done), done.holds) == ([], ())


def test_no_deployment_is_removed_while_a_rollout_may_have_to_go_back():
    facts = replace(rolling("3", over="2"), standby="1", standby_until=NOW).with_version(version("1", "standby"))
    done = decide(elapsed("standby_expiry", "1"), facts)
    assert (done.decision.verdict, kinds(done), codes(done)) == ("hold", [], ["rollout_under_way"])
    assert done.facts.versions["1"].state == "standby"
    assert [(hold.signal.purpose, hold.due) for hold in done.holds] == [("standby_expiry", after("30m"))]
