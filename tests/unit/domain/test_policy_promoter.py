"""Who brings a version to staging: the app, or exactly one pipeline that is told what it needs."""

import pytest
from pydantic import ValidationError

from shared.domain.policy import Policy
from tests.unit.domain.builders import policy_with, raw_policy

WORKFLOW = {"repository": "contoso/flights", "workflow": "promote.yml"}
EVENT = {"repository": "contoso/flights", "event_type": "promote"}


def promotion(**promoter):
    return policy_with(promotion={"with": promoter}).workloads[0].promotion


def test_the_app_does_it_unless_a_pipeline_is_named():
    assert policy_with().workloads[0].promotion.run({}) is None
    assert Policy.model_validate(raw_policy({"promotion": {"with": "azure_ml"}})).workloads[0].promotion.run({}) is None
    assert promotion(github_workflow=WORKFLOW).run({"outerloop_model": "m"}).inputs == {"outerloop_model": "m"}


@pytest.mark.parametrize(
    "promoter", ["github_workflow", {}, {"github_workflow": WORKFLOW, "github_dispatch": EVENT}, {"azure_ml": {}}]
)
def test_anything_but_exactly_one_is_a_fault(promoter):
    raw = raw_policy()
    raw["workloads"][0]["promotion"]["with"] = promoter
    with pytest.raises(ValidationError):
        Policy.model_validate(raw)


def test_github_takes_so_many_inputs_beside_what_the_loop_gives():
    inputs = {f"input_{number}": "1" for number in range(20)}
    assert promotion(github_workflow={**WORKFLOW, "inputs": inputs})
    with pytest.raises(ValidationError, match="GitHub takes 20 beside the 5"):
        promotion(github_workflow={**WORKFLOW, "inputs": {**inputs, "one_more": "1"}})
    payload = {f"key_{number}": "1" for number in range(5)}
    assert promotion(github_dispatch={**EVENT, "payload": payload})
    with pytest.raises(ValidationError, match="GitHub takes 5 beside the 5"):
        promotion(github_dispatch={**EVENT, "payload": {**payload, "one_more": "1"}})
