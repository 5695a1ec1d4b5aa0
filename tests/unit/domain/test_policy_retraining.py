"""Who trains, how often, and how it is measured whether it helped."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.domain.ci_runs import SynapseRun
from shared.domain.policy import Policy
from tests.unit.domain.builders import policy_with, raw_policy


def test_a_retraining_has_usual_limits():
    retraining = (
        policy_with(retrain={"cooldown": None, "give_up_after": None, "verify_within": None}).workloads[0].retrain
    )
    assert (retraining.cooldown, retraining.verify_within) == (timedelta(hours=12), timedelta(days=7))
    assert (retraining.give_up_after, retraining.estimated_cost) == (3, None)


def test_training_is_registered_beforehand_and_has_an_experiment():
    training = (
        policy_with(retrain={"with": {"azure_ml": {"experiment": None, "inputs": None}}}).workloads[0].retrain.trainer
    )
    assert (training.azure_ml.experiment, training.azure_ml.inputs) == ("retrain", {})


@pytest.mark.parametrize("changes", [{"give_up_after": 0}, {"with": None}, {"verify": None}, {"cooldown": 12}])
def test_a_retraining_that_could_not_work_is_a_fault(changes):
    with pytest.raises(ValidationError):
        Policy.model_validate(raw_policy({"retrain": changes}))


WORKFLOW = {"repository": "contoso/flights", "workflow": "retrain.yml"}


def trained_by(**trainer):
    return policy_with(retrain={"with": {"azure_ml": None, **trainer}}).workloads[0].retrain.trainer


def test_a_pipeline_may_train_instead_of_azure_ml():
    trainer = trained_by(github_workflow=WORKFLOW)
    assert (trainer.azure_ml, trainer.run(), trainer.data) == (None, trainer.github_workflow.run({}), "")
    event = trained_by(github_dispatch={"repository": "contoso/flights", "event_type": "drift"})
    assert event.run() == event.github_dispatch.run({})


BATCH = {"endpoint": "train-flights", "data": "azureml:flights-labelled@latest"}


def test_a_batch_endpoint_may_train_and_says_which_data_it_trains_on():
    trainer = trained_by(batch_endpoint=BATCH)
    assert (trainer.azure_ml, trainer.run(), trainer.data) == (None, None, "azureml:flights-labelled@latest")
    assert trainer.dispatched("dev").workspace == "dev"


def test_what_a_pipeline_is_dispatched_to_is_its_own_run():
    trainer = trained_by(github_workflow=WORKFLOW)
    assert trainer.dispatched("dev") == trainer.run()


def test_azure_ml_says_which_data_it_trains_on_and_runs_no_pipeline():
    trainer = policy_with().workloads[0].retrain.trainer
    assert (trainer.data, trainer.run()) == (trainer.azure_ml.data, None)
    assert trained_by(github_workflow=WORKFLOW, labelled_data="azureml:f@latest").data == "azureml:f@latest"


@pytest.mark.parametrize(
    ("trainer", "fault"),
    [
        ({}, "none of them is"),
        ({"azure_ml": {"component": "c", "data": "d"}, "github_workflow": WORKFLOW}, "azure_ml and github_workflow is"),
        ({"azure_ml": {"component": "c", "data": "d"}, "labelled_data": "d"}, "azure_ml says it as data"),
        ({"batch_endpoint": BATCH, "labelled_data": "d"}, "batch_endpoint says it as data"),
        ({"batch_endpoint": BATCH, "github_workflow": WORKFLOW}, "batch_endpoint and github_workflow is"),
        ({"batch_endpoint": {**BATCH, "inputs": {"data": "x"}}}, "is what the data are bound to"),
        ({"batch_endpoint": {**BATCH, "inputs": {"outerloop_command": "x"}}}, "are given by the loop"),
        ({"batch_endpoint": {**BATCH, "data": "flights"}}, "batch_endpoint"),
    ],
)
def test_exactly_one_trains(trainer, fault):
    raw = raw_policy()
    raw["workloads"][0]["retrain"]["with"] = trainer
    with pytest.raises(ValidationError, match=fault):
        Policy.model_validate(raw)


def test_rows_are_counted_only_of_data_that_are_named():
    requires = {"new_labelled_rows_min": 10}
    with pytest.raises(ValidationError, match="labelled_data: azureml:NAME@latest"):
        policy_with(retrain={"with": {"azure_ml": None, "github_workflow": WORKFLOW}, "requires": requires})
    trainer = {"azure_ml": None, "github_workflow": WORKFLOW, "labelled_data": "azureml:flights@latest"}
    assert policy_with(retrain={"with": trainer, "requires": requires})


def test_data_may_be_refreshed_first():
    synapse = {"workspace": "flights", "pipeline": "Refresh flights"}
    assert policy_with().workloads[0].retrain.refresh is None
    refresh = policy_with(retrain={"refresh": {"synapse": synapse}}).workloads[0].retrain.refresh
    assert refresh.synapse.run() == SynapseRun(synapse="flights", pipeline="Refresh flights")


@pytest.mark.parametrize(
    "changes",
    [
        {"workspace": "flights.example.com"},
        {"workspace": "flights/x"},
        {"workspace": "Flights"},
        {"pipeline": "../x"},
        {"pipeline": "a/b"},
        {"pipeline": ""},
        {"parameters": {"outerloop_command": "mine"}},
    ],
)
def test_a_refresh_that_leads_elsewhere_is_a_fault(changes):
    synapse = {"workspace": "flights", "pipeline": "Refresh flights", **changes}
    with pytest.raises(ValidationError):
        policy_with(retrain={"refresh": {"synapse": synapse}})
