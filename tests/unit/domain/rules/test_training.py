"""Whoever trains, it is one order, under the same guards and limits, and found again by its mark."""

import pytest

from shared.domain.ci_runs import AzurePipelineRun, GithubDispatchRun, GithubWorkflowRun
from shared.domain.commands import DispatchTraining, Retrain
from shared.domain.evaluate import evaluate
from shared.domain.on_unknown import ON_UNKNOWN
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.plans import stale, waits
from shared.domain.values import replace
from tests.unit.domain.builders import (
    DEVELOPMENT,
    asked,
    codes,
    finished,
    incident,
    kinds,
    known,
    ordered,
    policy_with,
    serving,
    situation,
)

WORKFLOW = {"repository": "contoso/flights", "workflow": "retrain.yml", "ref": "main", "inputs": {"size": "m"}}
EVENT = {"repository": "contoso/flights", "event_type": "drift", "payload": {"size": "m"}}
PIPELINE = {"organization": "contoso", "project": "flights", "pipeline": 12, "ref": "refs/heads/main", "parameters": {}}


def by(**trainer):
    return policy_with(retrain={"with": {"azure_ml": None, **trainer}})


BY_WORKFLOW, BY_EVENT = by(github_workflow=WORKFLOW), by(github_dispatch=EVENT)


def decide(signal, facts=None, policy=BY_WORKFLOW):
    return evaluate(situation(signal, facts or serving("1"), policy=policy))


def test_the_pipeline_of_the_policy_is_ordered_with_the_champions_model():
    order = ordered(decide(asked("retrain")), "DispatchTraining")
    assert order.start == GithubWorkflowRun(**WORKFLOW)
    assert (order.model, order.workspace.lower()) == ("flight-delay", DEVELOPMENT)
    devops = ordered(decide(asked("retrain"), policy=by(azure_pipeline=PIPELINE)), "DispatchTraining")
    assert devops.start == AzurePipelineRun(**PIPELINE)
    event = ordered(decide(asked("retrain"), policy=BY_EVENT), "DispatchTraining")
    assert event.start == GithubDispatchRun(**EVENT)


def test_a_batch_endpoint_of_the_development_workspace_is_ordered_with_the_newest_data():
    policy = by(batch_endpoint={"endpoint": "train-flights", "data": "azureml:flights@latest", "inputs": {"size": "m"}})
    order = ordered(decide(asked("retrain"), policy=policy), "DispatchTraining")
    assert (order.start.endpoint, order.start.deployment, order.start.workspace) == (
        "train-flights",
        "",
        order.workspace,
    )
    assert (order.start.data, order.start.data_input) == ("azureml:flights@latest", "data")
    assert (order.start.inputs, order.start.experiment, order.model) == ({"size": "m"}, "retrain", "flight-delay")


def test_without_a_champion_the_model_has_the_workloads_name():
    assert ordered(decide(asked("retrain"), known()), "DispatchTraining").model == "flight-delay"


def test_the_same_decision_gives_the_same_mark_and_another_one_another():
    first, again = (ordered(decide(asked("retrain")), "DispatchTraining") for _ in range(2))
    assert first.id == again.id
    assert first.id != ordered(decide(asked("retrain", dedup_key="other")), "DispatchTraining").id


def test_a_run_that_may_have_started_is_looked_for_and_a_job_has_a_name():
    assert (ON_UNKNOWN[DispatchTraining], ON_UNKNOWN[Retrain]) == ("find_mark", "same_key")


def test_it_counts_as_a_retraining():
    done = decide(asked("retrain"))
    assert len(done.facts.retrained_at) == 1
    again = decide(asked("retrain", dedup_key="again"), replace(done.facts, incidents=()))
    assert (again.decision.verdict, kinds(again.decision.planned)) == ("hold", ["DispatchTraining"])
    assert "cooldown" in codes(again)


def test_a_person_who_is_asked_sees_which_workflow_would_run():
    policy = policy_with(mode="propose", retrain={"with": {"azure_ml": None, "github_workflow": WORKFLOW}})
    question = ordered(decide(asked("retrain"), policy=policy), "RequestApproval")
    shown = question.facts["would order DispatchTraining"]
    assert "start repository contoso/flights workflow retrain.yml ref main inputs size=m" in shown


def test_a_version_that_was_found_is_the_remedys():
    order = ordered(done := decide(asked("retrain")), "DispatchTraining")
    ended = Succeeded(data={"run": "https://github.example/1", "model_version": "2"})
    after = decide(finished(order.id, "DispatchTraining", ended), done.facts)
    assert (codes(after), after.facts.incidents[0].remedy_version) == (["trained"], "2")


def test_a_run_that_left_no_mark_on_a_version_says_which_tag_is_missing():
    order = ordered(done := decide(asked("retrain")), "DispatchTraining")
    after = decide(finished(order.id, "DispatchTraining", Succeeded(data={"run": "r"})), done.facts)
    assert (codes(after), after.facts.incidents[0].closed_as) == (["no_model"], "failed")
    assert f"outerloop.command={order.id}" in after.decision.reasons[0].text
    assert "version of flight-delay " in after.decision.reasons[0].text


def test_a_training_by_azure_ml_that_left_none_says_so_as_before():
    azure = policy_with()
    order = ordered(done := decide(asked("retrain"), policy=azure), "Retrain")
    after = decide(finished(order.id, "Retrain", Succeeded()), done.facts, azure)
    assert after.decision.reasons[0].text == "the training succeeded and registered no model version"


def test_a_run_that_failed_closes_the_incident_with_where_to_look():
    order = ordered(done := decide(asked("retrain")), "DispatchTraining")
    why = "https://github.example/contoso/flights/actions/runs/1 ended as failure"
    after = decide(finished(order.id, "DispatchTraining", Failed(retryable=False, reason=why)), done.facts)
    assert (after.facts.incidents[0].closed_as, after.decision.reasons[0].text) == ("failed", why)


@pytest.mark.parametrize(("state", "still_wanted"), [("remedying", True), ("closed", False), ("verifying", False)])
def test_an_order_that_waited_is_begun_only_while_its_incident_wants_it(state, still_wanted):
    order = ordered(decide(asked("retrain")), "DispatchTraining")
    facts = serving("1", incidents=(incident(state, remedy=order.id),))
    assert (stale(order, facts) == "") is still_wanted


def test_a_pause_holds_it():
    order = ordered(decide(asked("retrain")), "DispatchTraining")
    assert waits(order, replace(serving("1"), paused=True)) == "the workload is paused"
