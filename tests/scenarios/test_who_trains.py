"""Drift, and a pipeline elsewhere that trains, as timelines in the users' words."""

import pytest

from shared.domain.outcomes import Failed, Refusal, Skipped, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    DATA_RULE,
    after,
    arrived,
    asked,
    budgeted,
    crossed,
    drift_rule,
    policy_with,
    registered,
    serving,
    window,
)

WORKFLOW = {"repository": "contoso/flights", "workflow": "retrain.yml"}
BY_GITHUB = policy_with(retrain={"with": {"azure_ml": None, "github_workflow": WORKFLOW}})
RUN = "https://github.com/contoso/flights/actions/runs/30433642"
MADE_2 = Succeeded(data={"run": RUN, "ended_at": "2026-03-01T12:40:00Z", "model_version": "2"})


def drifted(policy=BY_GITHUB):
    """Three months of drift, and GitHub has taken the order."""
    story = Timeline(policy, serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(*(window(month, drifted=2, number="1") for month in (3, 4, 5)))


def training(story):
    return story.commands("DispatchTraining")[-1]


@pytest.mark.rule("remedy")
@pytest.mark.rule("training")
def test_drift_starts_the_teams_workflow_whose_model_takes_over_and_helps():
    story = drifted().expect(incidents=["remedying"]).expect_ordered("DispatchTraining")
    assert story.commands("Retrain") == []
    story.finish(training(story), MADE_2).expect_reason("trained")
    story.push(registered("2")).approve("2").at("2h").expect(champion="2", incidents=["verifying"])
    story.push(window(6, number="2")).expect(incidents=["helped"])
    assert story.facts.fruitless == 0


def test_the_model_may_be_promoted_before_anybody_knows_that_the_run_has_ended():
    story = drifted().push(registered("2")).approve("2").at("2h").expect(champion="2", incidents=["remedying"])
    story.finish(training(story), MADE_2).expect(incidents=["verifying"])


def test_a_workflow_that_fails_is_no_help_and_the_owner_hears_where_to_look():
    story = drifted()
    story.finish(training(story), Failed(retryable=False, reason=f"{RUN} ended as failure"))
    story.expect(incidents=["failed"]).expect_reason("retrain_failed")
    assert f"{RUN} ended as failure" in story.commands("Notify")[-1].facts.values()


def test_a_workflow_that_forgets_the_mark_is_told_which():
    story = drifted()
    story.finish(training(story), Succeeded(data={"run": RUN})).expect_reason("no_model").expect(incidents=["failed"])
    told = story.commands("Notify")[-1].facts["why"]
    assert f"outerloop.command={training(story).id}" in told


def test_more_drift_while_the_workflow_runs_starts_no_other():
    story = drifted().push(window(6, drifted=2, number="1")).expect_reason("incident_open")
    assert len(story.commands("DispatchTraining")) == 1


def test_the_cooldown_counts_workflows_too():
    story = drifted()
    story.finish(training(story), Failed(retryable=False, reason="failure")).at("1h")
    story.push(asked("retrain")).expect_reason("cooldown").expect_ordered("DispatchTraining", 0)
    story.at("13h").expect_ordered("DispatchTraining")


def test_a_limit_of_the_fleet_holds_a_workflow_as_it_holds_a_job():
    story = drifted()
    until = after("5h")
    refusal = Refusal(code="fleet_limit", text="no room", observed=10, limit="10/1d", until=until)
    refused = Skipped(reason="limit: no room", until=until, refusals=(refusal,))
    story.finish(training(story), refused).expect(incidents=["open"]).expect_reason("fleet_limit")
    story.at("5h").expect(incidents=["remedying"]).expect_ordered("DispatchTraining")


def test_the_loop_says_that_a_retraining_was_ordered():
    story = drifted()
    said = [one for one in story.announced if one.type == "Outerloop.RetrainOrdered"]
    assert len(said) == 1


def test_who_changes_the_trainer_changes_the_next_order_and_not_the_one_under_way():
    story = drifted(policy_with())
    (by_azure_ml,) = story.commands("Retrain")
    story.policy = BY_GITHUB
    story.finish(by_azure_ml, MADE_2).expect_reason("trained")
    story.push(registered("2")).approve("2", answer="reject").expect(incidents=["failed"])
    story.at("13h").push(asked("retrain")).expect_ordered("DispatchTraining").expect_ordered("Retrain", 0)


def test_a_batch_endpoint_trains_the_version_that_takes_over():
    endpoint = {"endpoint": "train-flights", "deployment": "monthly", "data": "azureml:flights-labelled@latest"}
    story = drifted(policy_with(retrain={"with": {"azure_ml": None, "batch_endpoint": endpoint}}))
    assert (training(story).start.deployment, story.commands("Retrain")) == ("monthly", [])
    story.finish(training(story), MADE_2).expect_reason("trained")
    story.push(registered("2")).approve("2").at("2h").expect(champion="2", incidents=["verifying"])


# The newest data first

REFRESH = {"synapse": {"workspace": "flights", "pipeline": "Refresh flights", "parameters": {"month": "3"}}}
REFRESHED = policy_with(retrain={"refresh": REFRESH})


def refreshing(policy=REFRESHED):
    """Three months of drift, and Synapse has taken the order."""
    story = Timeline(policy, serving("1"))
    story.azure.next("RefreshData", None)
    return story.push(*(window(month, drifted=2, number="1") for month in (3, 4, 5)))


@pytest.mark.rule("remedy")
@pytest.mark.rule("training")
def test_the_data_are_refreshed_before_the_training_begins():
    story = refreshing().expect(incidents=["remedying"])
    (refresh,) = story.commands("RefreshData")
    assert refresh.start.pipeline == "Refresh flights"
    assert story.commands("Retrain") == []
    story.finish(refresh, Succeeded(data={"run": "r"})).expect_ordered("Retrain").expect_reason("refreshed")
    story.finish(story.commands("Retrain")[-1], MADE_2).expect_reason("trained")
    story.push(registered("2")).approve("2").at("2h").expect(champion="2", incidents=["verifying"])


def test_without_the_newest_data_nothing_is_trained():
    story = refreshing()
    story.finish(story.commands("RefreshData")[0], Failed(retryable=False, reason="the source is gone"))
    story.expect(incidents=["failed"]).expect_reason("refresh_failed")
    assert story.commands("Retrain") == []
    assert "the source is gone" in story.commands("Notify")[-1].facts.values()


def test_a_refresh_counts_as_the_beginning_of_the_one_retraining():
    story = refreshing()
    story.finish(story.commands("RefreshData")[0])
    assert len(story.facts.retrained_at) == 1
    assert [one.type for one in story.announced].count("Outerloop.RetrainOrdered") == 1


def test_data_that_come_after_the_incident_was_closed_train_nobody():
    story = refreshing().at("8d").expect(incidents=["failed"])
    story.finish(story.commands("RefreshData")[0]).expect_reason("stale")
    assert story.commands("Retrain") == []


def test_a_pipeline_trains_after_a_refresh_as_well_and_a_person_sees_both():
    with_both = {"with": {"azure_ml": None, "github_workflow": WORKFLOW}, "refresh": REFRESH}
    asking = Timeline(policy_with(mode="propose", retrain=with_both), serving("1")).push(asked("retrain"))
    (question,) = asking.commands("RequestApproval")
    assert "pipeline Refresh flights" in question.facts["would order RefreshData"]
    assert "workflow retrain.yml" in question.facts["would order DispatchTraining"]
    story = refreshing(policy_with(retrain=with_both))
    story.finish(story.commands("RefreshData")[0]).expect_ordered("DispatchTraining")


def test_what_the_refresh_itself_brought_is_no_reason_for_another_training():
    story = refreshing(policy_with(retrain={"refresh": REFRESH}, monitoring=[drift_rule(), DATA_RULE]))
    story.push(arrived("03.csv")).expect_reason("remedy_under_way")
    story.finish(story.commands("RefreshData")[0]).expect_ordered("Retrain")
    story.finish(story.commands("Retrain")[-1], Failed(retryable=False, reason="no quota")).at("2d")
    assert len(story.commands("RefreshData")) == len(story.commands("Retrain")) == 1


def test_what_a_refresh_brought_is_new_again_when_a_limit_refuses_the_training():
    story = refreshing(policy_with(retrain={"refresh": REFRESH}, monitoring=[drift_rule(), DATA_RULE]))
    story.push(arrived("03.csv")).finish(story.commands("RefreshData")[0])
    refusal = Refusal(code="fleet_limit", text="no room", observed=10, limit="10/1d", until=after("5h"))
    refused = Skipped(reason="limit: no room", until=after("5h"), refusals=(refusal,))
    story.finish(story.commands("Retrain")[-1], refused).expect(incidents=["open"])
    assert story.facts.arrivals.count == 1


def test_a_budget_that_was_used_up_during_the_refresh_keeps_the_training_waiting():
    story = refreshing(budgeted({"retrain": {"refresh": REFRESH}})).push(crossed(1.0))
    story.finish(story.commands("RefreshData")[0]).expect_reason("budget_freeze").expect(incidents=["open"])
    assert (story.commands("Retrain"), story.facts.retrained_at) == ([], ())
    story.at("30d").expect(incidents=["remedying"])  # the month is over: the newest data first, again
    assert [len(story.commands(kind)) for kind in ("RefreshData", "Retrain")] == [2, 1]


def test_a_maintenance_window_that_opened_during_the_refresh_keeps_the_training_waiting_until_it_ends():
    window = {"days": ["mon"], "from": "12:30", "to": "14:00", "timezone": "UTC"}
    story = refreshing(policy_with(maintenance=[window], retrain={"refresh": REFRESH})).at("1h")
    story.finish(story.commands("RefreshData")[0]).expect_reason("maintenance").expect(incidents=["open"])
    assert story.commands("Retrain") == []
    story.at("3h")
    assert [len(story.commands(kind)) for kind in ("RefreshData", "Retrain")] == [2, 1]


def test_who_only_observes_from_now_on_trains_no_more_after_a_refresh():
    story = refreshing()
    story.policy = policy_with(mode="observe", retrain={"refresh": REFRESH})
    story.finish(story.commands("RefreshData")[0]).expect_reason("mode_observe").at("3h")
    assert story.commands("Retrain") == []
    assert len(story.commands("RefreshData")) == 1
