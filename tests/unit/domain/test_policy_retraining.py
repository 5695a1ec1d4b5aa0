"""Who trains, how often, and how it is measured whether it helped."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

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
