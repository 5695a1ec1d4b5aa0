"""A workload that scores in batches: a version becomes the default after a comparison on the same input, or it does not."""

import pytest

from shared.domain.commands import OVERDUE
from shared.domain.outcomes import Failed, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.batch_builders import NEWEST, RESOLVED, WORKLOAD, batch_policy, measured, scored
from tests.unit.domain.builders import after, asked, failure, policy_with, registered, serving
from tests.unit.domain.platform_builders import resource_changed

BY_DEFAULT_1 = {"version-1": 100}
RUN_FAILED = Failed(retryable=False, reason="job x is Failed: a column is missing", data={"status": "Failed"})
OVERDUE_RUN = Failed(retryable=False, reason="job x was not over, and was cancelled", data={"status": OVERDUE})
NO_INPUT = Failed(retryable=False, reason="there is no data asset flights-nightly", data={"missing": "input"})


def nightly(**comparison):
    """Version 1 is the default of the batch endpoint."""
    story = Timeline(batch_policy(**comparison), serving("1"))
    story.azure.traffic = BY_DEFAULT_1
    return story


def approved(story, number="2"):
    """A version is registered, passes staging, and is approved."""
    return story.push(registered(number)).approve(number)


@pytest.mark.rule("batch")
@pytest.mark.rule("batch_verdict")
def test_a_version_becomes_the_default_after_both_scored_the_same_input():
    story = approved(nightly())
    runs, (compared,) = story.commands("ScoreBatch"), story.commands("CompareScores")
    assert [(run.deployment, run.data) for run in runs] == [("version-1", NEWEST), ("version-2", RESOLVED)]
    assert (compared.champion, compared.candidate) == tuple(scored(run).data["output"] for run in runs)
    story.expect(champion="2", standby="1", traffic={"version-2": 100, "version-1": 0})
    assert len(story.commands("SetTraffic")) == 1
    assert {order.endpoint_kind for order in story.commands("SetTraffic") + story.commands("DeployModel")} == {"batch"}


def test_nothing_of_a_batch_workload_is_asked_by_requests():
    story = approved(nightly()).at("80h")
    assert story.commands("CheckEndpoint") == []


def test_the_first_version_is_scored_alone_and_becomes_the_default():
    story = Timeline(batch_policy())
    story.azure.next("CompareScores", Succeeded(data={"rows": 5000.0, "failed_share": 0.0}))
    approved(story, "1").expect(champion="1", standby="", traffic={"version-1": 100})
    assert [run.deployment for run in story.commands("ScoreBatch")] == ["version-1"]
    assert story.commands("CompareScores")[0].champion == ""


def checked_in_staging():
    """Version 1 is the default, and a candidate has to score a small input in staging first."""
    check = {"kind": "batch_run", "input": "azureml:small@latest", "component": "azureml:compare_scores@latest"}
    checks = [{**check, "metrics": {"rows_min": 100, "failed_share_max": 0.0}}]
    story = Timeline(
        policy_with(**{**WORKLOAD, "promotion": {**WORKLOAD["promotion"], "staging": {"checks": checks}}}), serving("1")
    )
    story.azure.traffic = BY_DEFAULT_1
    return story


@pytest.mark.rule("batch_staging")
def test_a_candidate_scores_a_small_input_in_staging_before_anybody_is_asked():
    story = checked_in_staging()
    story.push(registered("2")).expect(versions={"1": "serving", "2": "awaiting_approval"})
    (run,), (look,) = story.commands("ScoreBatch"), story.commands("CompareScores")
    assert (run.endpoint, run.deployment, run.data) == ("flight-delay-stg", "version-2", "azureml:small@latest")
    assert look.champion == ""
    (check,) = story.facts.versions["2"].checks
    assert check.passed
    assert check.metrics == {"seconds": 60.0, "rows": 5000.0, "failed_share": 0.0}
    story.approve("2").expect(champion="2", standby="1")


@pytest.mark.rule("batch_staging")
def test_a_candidate_that_cannot_score_in_staging_never_reaches_production():
    story = checked_in_staging()
    story.azure.next("ScoreBatch", RUN_FAILED)
    story.push(registered("2")).expect(versions={"1": "serving", "2": "rejected"}).expect_reason("check_failed")
    assert [order.deployment for order in story.commands("RemoveDeployment")] == ["version-2"]
    assert "a column is missing" in story.commands("Notify")[-1].facts["check_failed"]
    assert removed(story.at("48h")) == []


@pytest.mark.rule("batch_verdict")
@pytest.mark.parametrize(
    "worse", [{"failed_share": 0.3}, {"rows_vs_champion": 0.9}, {"differing_vs_champion": 0.6}], ids=str
)
def test_a_comparison_that_fails_leaves_the_default_as_it_is(worse):
    story = nightly()
    story.azure.next("CompareScores", measured(**worse))
    approved(story).expect(champion="1", traffic=BY_DEFAULT_1, versions={"1": "serving", "2": "rejected"})
    story.expect_reason("comparison").expect_ordered("SetTraffic", 0)
    assert "was not promoted" in story.commands("Notify")[-1].title


def test_a_version_that_takes_much_longer_does_not_become_the_default():
    story = nightly()
    story.azure.next("ScoreBatch", lambda run: scored(run, 100), lambda run: scored(run, 201))
    approved(story).expect(champion="1", traffic=BY_DEFAULT_1).expect_reason("duration_vs_champion")


def test_a_candidate_that_cannot_score_the_input_is_rejected():
    story = nightly()
    story.azure.next("ScoreBatch", scored, RUN_FAILED)
    approved(story).expect(traffic=BY_DEFAULT_1, versions={"1": "serving", "2": "rejected"}).expect_reason("run_failed")


def test_a_run_that_is_cancelled_at_its_deadline_is_tried_again_and_its_people_hear_of_it_at_once():
    story = nightly(inconclusive_limit=1)
    story.azure.next("ScoreBatch", scored, OVERDUE_RUN, scored, OVERDUE_RUN)
    approved(story).expect(versions={"1": "serving", "2": "probing"}).expect_reason("run_without_end")
    told = story.commands("Notify")[-1]
    assert told.title == "flight-delay: the run of version 2 was not over by its deadline"
    assert "promotion.comparison.deadline" in told.facts["change"]
    before = len(story.commands("Notify"))
    story.at("15m").expect(traffic=BY_DEFAULT_1, versions={"1": "serving", "2": "rejected"}).expect_reason("gave_up")
    assert len(story.commands("Notify")) == before + 1


@pytest.mark.rule("batch")
def test_a_run_of_the_champion_that_fails_is_no_verdict_on_the_candidate():
    story = nightly()
    story.azure.next("ScoreBatch", RUN_FAILED)
    approved(story).expect(versions={"1": "serving", "2": "probing"}).expect_reason("champion_run_failed")
    story.at("15m").expect(champion="2", standby="1")
    assert [run.deployment for run in story.commands("ScoreBatch")] == ["version-1", "version-1", "version-2"]


def test_without_a_verdict_for_too_long_a_person_is_called_and_the_default_stays():
    story = nightly(inconclusive_limit=1)
    story.azure.always("ScoreBatch", RUN_FAILED)
    approved(story).at("15m").expect(traffic=BY_DEFAULT_1, versions={"1": "serving", "2": "rejected"})
    story.expect_reason("gave_up")
    assert "a person has to look" in story.commands("Notify")[-1].facts["gave_up"]


def test_an_input_that_is_not_there_yet_is_waited_for():
    story = nightly(no_data_limit=2)
    story.azure.next("ScoreBatch", NO_INPUT, NO_INPUT)
    approved(story).expect(versions={"1": "serving", "2": "probing"}).expect_reason("no_input")
    story.at("15m").expect_reason("no_input")
    story.at("30m").expect(champion="2")


def test_an_input_that_never_comes_gives_the_version_up():
    story = nightly(no_data_limit=0)
    story.azure.always("ScoreBatch", NO_INPUT)
    approved(story).expect(traffic=BY_DEFAULT_1, versions={"1": "serving", "2": "rejected"}).expect_reason("gave_up")


def test_a_comparison_that_measured_nothing_is_no_verdict():
    story = nightly()
    story.azure.next("CompareScores", Succeeded(data={"rows": 5000.0}), failure("the component has a fault"))
    approved(story).expect_reason("not_measured")
    story.at("15m").expect_reason("comparison_failed").expect(versions={"1": "serving", "2": "rejected"})


def test_an_empty_input_is_no_data():
    story = nightly()
    story.azure.next("CompareScores", measured(rows=0.0, rows_champion=0.0))
    approved(story).expect(versions={"1": "serving", "2": "probing"}).expect_reason("champion_rows")


@pytest.mark.rule("rollback")
def test_a_person_rolls_back_by_one_write_to_the_default_before_even_of_a_paused_workload():
    story = approved(nightly()).at("2h").push(asked("pause"))
    before = len(story.commands())
    story.push(asked("rollback")).expect(champion="1", standby="", traffic={"version-1": 100, "version-2": 0})
    ordered = story.commands()[before:]
    assert [type(order).__name__ for order in ordered if not hasattr(order, "persona")] == ["RollBackTraffic"]
    assert ordered[0].endpoint_kind == "batch"


def test_a_rollback_that_fails_names_the_command_for_a_batch_endpoint():
    story = approved(nightly()).at("2h")
    story.azure.next("RollBackTraffic", failure())
    story.push(asked("rollback")).expect_reason("rollback_failed")
    by_hand = story.commands("Notify")[-1].facts["do this now"]
    assert by_hand.startswith(
        "az ml batch-endpoint update --name flight-delay --set defaults.deployment_name=version-1 "
    )


@pytest.mark.rule("deleted")
def test_a_default_deleted_by_hand_is_told_with_the_command_that_sets_another():
    story = approved(nightly()).at("1h")
    endpoint = f"{story.policy.workloads[0].environments.production.workspace}/batchEndpoints/flight-delay"
    deletion = resource_changed(f"{endpoint}/deployments/version-1", "deleted", occurred_at=after("1h"))
    story.push(deletion).expect_reason("deleted_by_hand").expect(champion="2", standby="")
    advice = story.commands("Notify")[-1].facts["do this now"]
    assert "az ml batch-endpoint update --name flight-delay --set defaults.deployment_name=version-2 " in advice


def test_the_default_before_is_removed_when_its_time_as_a_standby_is_over():
    story = approved(nightly()).at("71h").expect(standby="1")
    story.at("72h").expect(standby="", versions={"1": "retired", "2": "serving"})
    removal = story.commands("RemoveDeployment")[-1]
    assert (removal.deployment, removal.endpoint_kind, removal.production) == ("version-1", "batch", True)


def test_a_default_that_is_kept_costs_nothing_while_nobody_invokes_it():
    deployment = {**WORKLOAD["deployment"], "price_per_hour": "3 EUR"}
    story = Timeline(policy_with(**{**WORKLOAD, "deployment": deployment}), serving("1"))
    approved(story).expect(champion="2")
    told = story.commands("Notify")[-1].facts["back to version 1"]
    assert "until" in told
    assert "EUR" not in told


def removed(story):
    """The deployments of production whose removal was ordered."""
    return [order.deployment for order in story.commands("RemoveDeployment") if order.production]


@pytest.mark.rule("standby")
def test_a_version_that_failed_its_comparison_is_kept_to_be_looked_into_and_then_removed():
    story = nightly()
    story.azure.next("CompareScores", measured(failed_share=0.3))
    approved(story).at("23h")
    assert removed(story) == []
    story.at("24h").expect_reason("failed_ended").expect(champion="1", traffic=BY_DEFAULT_1)
    assert removed(story) == ["version-2"]
    assert story.commands("RemoveDeployment")[-1].endpoint_kind == "batch"


@pytest.mark.rule("standby")
def test_neither_the_default_nor_the_one_before_is_removed_with_what_failed():
    story = approved(nightly()).at("1h")
    story.azure.next("CompareScores", measured(failed_share=0.3))
    approved(story, "3").at("30h").expect(
        champion="2", standby="1", versions={"1": "standby", "2": "serving", "3": "rejected"}
    )
    assert removed(story) == ["version-3"]


def test_what_was_gone_back_from_is_removed_and_the_default_of_then_stays():
    story = approved(nightly()).at("1h").push(asked("rollback")).at("90h").expect(champion="1", standby="")
    assert removed(story) == ["version-2"]


def test_a_default_that_cannot_be_set_is_taken_back():
    story = nightly()
    story.azure.next("SetTraffic", failure("HTTP 409: busy"))
    approved(story).expect(
        champion="1", versions={"1": "serving", "2": "rolled_back"}, traffic=BY_DEFAULT_1 | {"version-2": 0}
    )
    story.expect_reason("default_not_set").expect_ordered("RollBackTraffic")


def test_a_pause_holds_the_new_default_until_somebody_resumes():
    story = nightly()
    story.azure.next("CompareScores", None)
    approved(story).push(asked("pause"))
    story.finish(story.commands("CompareScores")[-1], measured()).expect(champion="1", traffic=BY_DEFAULT_1)
    story.expect_reason("paused").at("1m").push(asked("resume")).at("2m").expect(champion="2", standby="1")


def test_a_rollback_during_the_comparison_makes_it_anew_with_the_champion_that_there_is():
    story = approved(nightly()).at("1h")
    story.azure.next("ScoreBatch", scored, None)
    approved(story, "3").push(asked("rollback")).expect(champion="1")
    story.finish(story.commands("ScoreBatch")[-1], scored(story.commands("ScoreBatch")[-1]))
    assert [run.deployment for run in story.commands("ScoreBatch")[2:]] == [
        *("version-2", "version-3"),
        *("version-1", "version-3"),
    ]
    story.expect(champion="3", standby="1")


def test_the_approver_is_told_what_will_be_compared_and_on_what():
    story = nightly()
    story.push(registered("2"))
    plan = story.facts.versions["2"].approval.evidence["plan"]
    assert plan.startswith(
        f"scores {NEWEST} beside version 1; azureml:compare_scores@latest has to find failed_share_max"
    )
    assert plan.endswith("then it is the default of flight-delay")
