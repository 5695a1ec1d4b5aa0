"""Single rulings of a batch workload; whole stories stand in ``tests/scenarios/test_batch.py``."""

from datetime import timedelta

import pytest

from shared.domain.comparison_facts import Comparison, ScoredRun
from shared.domain.evaluate import evaluate
from shared.domain.facts import Rollout
from shared.domain.plans import stale, waits
from shared.domain.values import replace
from tests.unit.domain.batch_builders import RESOLVED, batch_policy, measured, scored
from tests.unit.domain.builders import (
    NOW,
    after,
    codes,
    elapsed,
    failure,
    finished,
    known,
    ordered,
    policy_with,
    situation,
    version,
)

RUN = ScoredRun(output="azureml://there", seconds=60.0)


def decided(signal, facts, **fields):
    return evaluate(situation(signal, facts, policy=fields.pop("policy", batch_policy()), **fields))


def deploying():
    return known(version("1"), version("2", "deploying", awaiting=("deploy",)))


def probing(**comparison):
    compared = Comparison(**{"champion": "1", **comparison})
    return known(version("1"), version("2", "probing", awaiting=("run",), comparison=compared))


def compared():
    return probing(data=RESOLVED, champion_run=RUN, candidate_run=RUN)


def switching():
    rollout = Rollout(version="2", champion="1", percent=100, pending="set")
    return known(version("1"), version("2", "rolling_out"), rollout=rollout)


def test_a_deployment_that_exists_is_not_the_default_before_it_was_compared():
    done = decided(finished("deploy", "DeployModel"), deploying())
    run = ordered(done, "ScoreBatch")
    assert (run.deployment, run.deadline, run.endpoint_kind) == ("version-1", timedelta(hours=6), "batch")
    assert codes(done) == ["deployed"]


def test_a_deployment_that_failed_ends_the_candidate():
    done = decided(finished("deploy", "DeployModel", failure("no such cluster")), deploying())
    assert done.facts.versions["2"].state == "rejected"


def test_the_second_run_is_given_the_very_input_of_the_first():
    outcome = scored(ordered(decided(finished("deploy", "DeployModel"), deploying()), "ScoreBatch"))
    done = decided(finished("run", "ScoreBatch", outcome), probing())
    assert ordered(done, "ScoreBatch").data == RESOLVED


def test_what_both_wrote_is_compared():
    outcome = scored(ordered(decided(finished("deploy", "DeployModel"), deploying()), "ScoreBatch"))
    command = ordered(
        decided(finished("run", "ScoreBatch", outcome), probing(data=RESOLVED, champion_run=RUN)), "CompareScores"
    )
    assert (command.champion, command.candidate) == (RUN.output, outcome.data["output"])
    assert command.workspace.endswith("flights-prod")


def test_a_good_comparison_is_kept_with_the_version_and_the_default_changes():
    done = decided(finished("run", "CompareScores", measured()), compared())
    assert ordered(done, "SetTraffic").traffic == {"version-2": 100, "version-1": 0}
    assert done.facts.rollout == Rollout(version="2", champion="1", percent=100, pending=ordered(done, "SetTraffic").id)
    assert [(check.name, check.passed) for check in done.facts.versions["2"].checks] == [("comparison", True)]
    assert done.facts.champion == "1"


def test_the_new_default_serves_only_when_azure_has_confirmed_it():
    done = decided(finished("set", "SetTraffic"), switching())
    assert (done.facts.champion, done.facts.standby, done.facts.rollout) == ("2", "1", None)
    assert "default_set" in codes(done)


def test_the_end_of_another_write_changes_nothing():
    done = decided(finished("another", "SetTraffic"), switching())
    assert (codes(done), done.facts) == (["stale"], switching())


@pytest.mark.parametrize("state", ["rejected", "serving"])
def test_a_comparison_is_not_made_anew_for_a_version_that_is_no_candidate(state):
    facts = known(version("1", "standby"), version("2", state))
    assert codes(decided(elapsed("comparison", "2"), facts)) == ["stale"]


def test_a_comparison_that_is_under_way_is_not_begun_twice():
    assert codes(decided(elapsed("comparison", "2"), probing())) == ["stale"]


def test_a_comparison_that_is_due_again_begins_with_the_champion():
    waiting = known(version("1"), version("2", "probing", comparison=Comparison(champion="1", inconclusive=1)))
    done = decided(elapsed("comparison", "2"), waiting)
    assert ordered(done, "ScoreBatch").deployment == "version-1"
    assert done.facts.versions["2"].comparison.inconclusive == 1


def test_a_workload_that_is_online_by_now_ends_the_comparison():
    done = decided(finished("run", "ScoreBatch", failure()), probing(), policy=policy_with())
    assert done.facts.versions["2"].state == "rejected"


def test_runs_that_nobody_waits_for_are_stale_and_a_pause_holds_them():
    facts = decided(finished("deploy", "DeployModel"), deploying())
    run = ordered(facts, "ScoreBatch")
    assert stale(run, facts.facts) == ""
    assert stale(run, deploying())
    assert waits(run, replace(facts.facts, paused=True)) == "the workload is paused"


def test_the_wait_before_another_comparison_is_the_policys():
    done = decided(finished("run", "ScoreBatch", failure()), probing())
    assert [(hold.signal.purpose, hold.due) for hold in done.holds] == [("comparison", after("15m"))]
    assert done.holds[0].due > NOW
