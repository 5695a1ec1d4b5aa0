import pytest
from pydantic import ValidationError

from shared.domain.policy import Policy
from shared.domain.policy_responses import unfit_response
from tests.unit.domain.builders import drift_rule, policy_with, raw_policy


@pytest.mark.parametrize("task", ["vision", "language"])
@pytest.mark.parametrize("then", ["annotate", "investigate", "notify"])
def test_people_may_look_at_vision_and_language_in_any_way(task, then):
    assert unfit_response(task, then, "") == ""


@pytest.mark.parametrize("task", ["vision", "language"])
def test_vision_and_language_are_retrained_by_themselves_only_with_a_reason(task):
    assert "use then: annotate" in unfit_response(task, "retrain", "")
    assert "override_reason:" in unfit_response(task, "retrain", "  ")
    assert unfit_response(task, "retrain", "labels arrive nightly from the scanner") == ""


@pytest.mark.parametrize("then", ["retrain", "investigate", "notify"])
def test_classical_models_may_be_retrained_or_looked_into(then):
    assert unfit_response("classical", then, "") == ""


def test_a_classical_model_has_nothing_to_annotate():
    assert "then: investigate" in unfit_response("classical", "annotate", "")


def test_a_policy_with_an_unfit_response_is_refused():
    with pytest.raises(ValidationError, match="a vision model is not retrained automatically"):
        Policy.model_validate(raw_policy({"task": "vision"}))


def test_an_override_with_a_reason_is_accepted():
    policy = policy_with(task="vision", monitoring=[drift_rule(override_reason="labels arrive nightly")])
    assert policy.workloads[0].monitoring[0].override_reason == "labels arrive nightly"
