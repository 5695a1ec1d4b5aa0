"""Commands as the loop would order them, for the adapters' tests."""

from datetime import UTC, datetime
from typing import Any

from shared.domain.commands import (
    CheckEndpoint,
    DeployModel,
    Notify,
    RecordReference,
    RemoveDeployment,
    RequestApproval,
    Retrain,
    RollBackTraffic,
    RunEvaluation,
    SetTraffic,
    ShareEnvironment,
    ShareModel,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/mlops"
    "/providers/Microsoft.MachineLearningServices/workspaces/prod"
)
BASE: dict[str, Any] = {"id": "c" * 24, "workload": "flight-delay", "reason": "because", "workspace": WORKSPACE}
AT_ENDPOINT: dict[str, Any] = {**BASE, "endpoint": "flight"}


def set_traffic(**traffic: int) -> SetTraffic:
    return SetTraffic(**AT_ENDPOINT, traffic=traffic)


def roll_back(**traffic: int) -> RollBackTraffic:
    return RollBackTraffic(**AT_ENDPOINT, traffic=traffic, until=NOW)


def deploy(**changes: Any) -> DeployModel:
    order = {
        "deployment": "green",
        "model_ref": "azureml:flight-delay:7",
        "version": "7",
        "environment": "azureml:flight-env:2",
        "code": "azureml:flight-scoring:1",
        "scoring_script": "score.py",
        "instance_type": "Standard_DS3_v2",
        "instance_count": 2,
    }
    return DeployModel(**{**AT_ENDPOINT, **order, **changes})


def remove() -> RemoveDeployment:
    return RemoveDeployment(**AT_ENDPOINT, deployment="green")


def share() -> ShareModel:
    return ShareModel(**BASE, registry="contoso", model="flight-delay", version="7")


def share_environment(environment: str = "azureml:flight-env:2") -> ShareEnvironment:
    return ShareEnvironment(**BASE, registry="contoso", environment=environment)


def check(requests: int = 20, payload: str = '{"rows": [1]}') -> CheckEndpoint:
    return CheckEndpoint(**AT_ENDPOINT, deployment="green", requests=requests, payload=payload)


def retrain(**changes: Any) -> Retrain:
    order = {
        "component": "azureml:flight-train@latest",
        "data": "azureml:flights-labelled@latest",
        "experiment": "flight-delay-retrain",
        "model": "flight-delay",
    }
    return Retrain(**{**BASE, **order, **changes})


def evaluate(**changes: Any) -> RunEvaluation:
    order = {
        "component": "azureml:flight-evaluate:1",
        "model_ref": "azureml:flight-delay:7",
        "champion_ref": "",
        "data": "azureml:flights-labelled:1",
        "on": "later",
    }
    return RunEvaluation(**{**BASE, **order, **changes})


def record_reference() -> RecordReference:
    return RecordReference(**BASE, model="flight-delay", version="7")


def notify(*channels: str, **changes: Any) -> Notify:
    order = {
        "persona": "ml_engineers",
        "channels": channels,
        "title": "Drift in flight-delay",
        "facts": {"metric": "psi", "observed": "0.31"},
    }
    return Notify(**{"id": "n" * 24, "workload": "flight-delay", "reason": "psi 0.31 is above 0.2", **order, **changes})


def request_approval(*channels: str) -> RequestApproval:
    return RequestApproval(
        id="a" * 24,
        workload="flight-delay",
        reason="version 7 passed all checks",
        approval_id="approval-1",
        persona="ml_engineers",
        channels=channels,
        title="Approve flight-delay 7",
        facts={"auc": "0.74"},
        expires_at=NOW,
    )
