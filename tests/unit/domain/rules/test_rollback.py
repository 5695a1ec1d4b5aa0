"""The way back is one write, its failure a page with the exact command, and nothing comes in behind it for long."""

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.outcomes import Skipped
from shared.domain.rules.rollback import DEADLINE, order
from tests.unit.domain.batch_builders import batch_policy
from tests.unit.domain.builders import (
    NOW,
    POLICY,
    asked,
    codes,
    failure,
    finished,
    kinds,
    known,
    ordered,
    serving,
    situation,
    version,
)


def decide(signal, facts, policy=POLICY):
    return evaluate(situation(signal, facts, policy=policy))


@pytest.mark.parametrize(
    ("to", "traffic"), [("1", {"version-1": 100, "version-2": 0}), ("", {"version-2": 0})], ids=["champion", "nobody"]
)
def test_the_way_back_is_one_write_with_a_deadline_and_its_people_are_told(to, traffic):
    ruling = order(situation(asked("rollback")), Facts(), to, "2", ())
    assert kinds(ruling) == ["RollBackTraffic", "Notify"]
    assert ordered(ruling, "RollBackTraffic").traffic == traffic
    assert ordered(ruling, "RollBackTraffic").until == NOW + DEADLINE


@pytest.mark.parametrize(("champion", "traffic"), [("1", {"version-1": 100}), ("", {})])
def test_a_write_of_which_nobody_knows_whether_it_came_in_is_taken_back(champion, traffic):
    facts = serving(champion) if champion else Facts()
    outcome = failure().__class__(retryable=False, reason="stale plan", data={"traffic": "unknown"})
    done = decide(finished("older", "SetTraffic", outcome), facts)
    assert (codes(done), ordered(done, "RollBackTraffic").traffic) == (["late_write"], traffic)


def test_a_rollback_that_worked_needs_nothing_more():
    assert codes(decide(finished("c", "RollBackTraffic"), serving("1"))) == ["rolled_back"]


def test_a_rollback_that_failed_is_escalated_with_the_exact_command():
    done = decide(finished("c", "RollBackTraffic", failure("409")), serving("1"))
    assert (done.decision.verdict, kinds(done)) == ("escalate", ["Notify"])
    assert done.decision.reasons[0].release == (
        'az ml online-endpoint update --name flight-delay --traffic "version-1=100" '
        "--resource-group mlops --workspace-name flights-prod"
    )


def test_a_rollback_of_a_first_version_that_failed_names_what_is_to_take_no_traffic():
    done = decide(finished("c", "RollBackTraffic", failure("409")), known(version("1", "rolled_back")))
    release = done.decision.reasons[0].release
    assert release.startswith(
        'az ml online-endpoint update --name flight-delay --traffic "version-1=0" --resource-group'
    )


def test_a_rollback_of_a_first_batch_version_that_failed_says_how_to_leave_no_default():
    facts, policy = known(version("1", "rolled_back")), batch_policy()
    done = decide(finished("c", "RollBackTraffic", failure("409")), facts, policy=policy)
    production = policy.workload("flight-delay").environments.production
    resource = f"{production.workspace}/batchEndpoints/flight-delay"
    assert done.decision.reasons[0].release == f"az resource update --ids {resource} --remove properties.defaults"


def test_a_write_that_came_in_behind_the_rollback_is_taken_back():
    facts = known(version("1"), version("2", "rolled_back"))
    done = decide(finished("older", "SetTraffic", traffic="version-1=90,version-2=10"), facts)
    assert (codes(done), kinds(done)) == (["late_write"], ["RollBackTraffic"])
    assert ordered(done, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}


def test_a_write_behind_the_rollback_of_a_first_version_is_taken_back_to_nothing():
    done = decide(finished("older", "SetTraffic", traffic="version-1=100"), known(version("1", "rolled_back")))
    assert ordered(done, "RollBackTraffic").traffic == {"version-1": 0}


@pytest.mark.parametrize("outcome", [failure(), Skipped(reason="stale plan")])
def test_a_write_that_never_was_needs_no_way_back(outcome):
    assert codes(decide(finished("older", "SetTraffic", outcome), serving("1"))) == ["stale"]


def test_a_write_that_left_the_traffic_as_it_should_be_needs_no_way_back():
    assert codes(decide(finished("older", "SetTraffic", traffic="version-1=100"), serving("1"))) == ["stale"]
