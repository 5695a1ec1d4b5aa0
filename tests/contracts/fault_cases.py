"""For each kind of command of the port ``Workspace``: how it is ordered, and where on the wire a fault hits it.

Owns one line for each kind. A new kind gets a line here, and every fault is played to it; a kind without one fails a test.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.domain.commands import (
    BatchSettings,
    Command,
    CompareScores,
    DeployModel,
    RemoveDeployment,
    RestartDeployment,
    Retrain,
    RollBackTraffic,
    RunEvaluation,
    ScaleDeployment,
    ScoreBatch,
    SetTraffic,
    ShareEnvironment,
    ShareModel,
    StopCompute,
)
from tests.contracts.faulty_wire import Fault, Request
from tests.contracts.test_azure_ml_adapter import NOW, order

ENDPOINT = "faults"
INSTANCES = itertools.count(1)
DEPLOYED = {
    "endpoint": ENDPOINT,
    "model_ref": "azureml:flight-delay:1",
    "version": "1",
    "environment": "azureml:flight-env:1",
    "code": "azureml:flight-scoring:1",
    "scoring_script": "score.py",
    "instance_type": "Standard_DS2_v2",
    "instance_count": 1,
}
# The batch endpoint of the kit, and what is deployed there before any fault is played.
NIGHTLY = {
    **DEPLOYED,
    "endpoint": "nightly",
    "endpoint_kind": "batch",
    "deployment": "first",
    "scoring_script": "batch.py",
    "instance_type": "",
    "batch": BatchSettings(compute="cpu", mini_batch_size=2, concurrency=1, error_threshold=0, timeout_seconds=300),
}


@dataclass(frozen=True)
class Case:
    """One kind of command.

    ``write`` is the request that has the effect, ``effect`` its name in the journal. ``poll`` is what ``look`` asks
    about the operation. An answer without a document cannot be cut: ``is_write_answered_empty``. ``fails`` are the faults that make Azure say that the operation ended badly. ``asset`` is
    the kind and content of what is registered for it as ``shared-NUMBER``, ``first`` are commands that have to have
    succeeded before.
    """

    order: Callable[[int], Command]
    write: Request
    effect: str
    poll: Request
    fails: tuple[Fault, ...]
    is_failure_retryable: bool = False
    is_write_answered_empty: bool = False
    asset: tuple[str, dict[str, str]] | None = None
    first: Callable[[int], list[Command]] = field(default=lambda _: [])


def _says(part: str, value: str) -> Callable[[Any], Any]:
    def change(document: Any) -> Any:
        return {**document, "properties": {**document["properties"], part: value}}

    return change


def _gives_up(poll: Request, part: str = "provisioningState") -> tuple[Fault, ...]:
    return (Fault(poll, change=_says(part, "Failed")),)


def _could_not_stop(document: Any) -> Any:
    inner = {**document["properties"]["properties"], "state": "Running"}
    failed = {**inner, "lastOperation": {"operationName": "Stop", "operationStatus": "StopFailed"}}
    return {**document, "properties": {**document["properties"], "properties": failed}}


def _deploy(number: int) -> DeployModel:
    return order(DeployModel, number, deployment=f"d{number}", **DEPLOYED)


def _scale(number: int) -> ScaleDeployment:
    """One instance more than the last one left."""
    expected = next(INSTANCES)
    return order(
        ScaleDeployment, number, endpoint=ENDPOINT, deployment="blue", expected=expected, instances=expected + 1
    )


def _shares(number: int) -> dict[str, int]:
    return {"blue": 100 - number % 100, "green": number % 100}


COMPUTE = Request("GET", r"/computes/ci-\d+")
JOB = Request("GET", r"/jobs/\w+")
TRAFFIC = Request("GET", f"/onlineEndpoints/{ENDPOINT}")
SERVING = Request("GET", f"/onlineEndpoints/{ENDPOINT}/deployments/blue")
DEPLOYMENT = Request("GET", f"/onlineEndpoints/{ENDPOINT}/deployments/d\\w+")
SHARED = Request("GET", r"/registries/contoso/(models|environments)/.+")
COPYING = Request("GET", r"/mfeOperationResults/\w+")
DATA = "azureml:flights-labelled@latest"

CASES: dict[type[Command], Case] = {
    ShareModel: Case(
        order=lambda number: order(ShareModel, number, registry="contoso", model=f"shared-{number}", version="1"),
        write=Request("POST", "/registries/contoso/import"),
        effect="model_shared",
        poll=SHARED,
        fails=(Fault(SHARED, status=404), Fault(COPYING, status=400)),
        is_write_answered_empty=True,
        asset=("models", {"modelUri": f"azureml://jobs/{1:024x}/outputs/model", "modelType": "custom_model"}),
    ),
    ShareEnvironment: Case(
        order=lambda number: order(
            ShareEnvironment, number, registry="contoso", environment=f"azureml:shared-{number}:1"
        ),
        write=Request("POST", "/registries/contoso/import"),
        effect="environment_shared",
        poll=SHARED,
        fails=(Fault(SHARED, status=404), Fault(COPYING, status=400)),
        is_write_answered_empty=True,
        asset=("environments", {"image": "local"}),
    ),
    RunEvaluation: Case(
        order=lambda number: order(
            RunEvaluation,
            number,
            component="azureml:flight_evaluate:1",
            model_ref="azureml:flight-delay:1",
            champion_ref="",
            data=DATA,
            on="later",
        ),
        write=Request("PUT", r"/jobs/\w+"),
        effect="job_started",
        poll=JOB,
        fails=_gives_up(JOB, "status"),
    ),
    Retrain: Case(
        order=lambda number: order(
            Retrain, number, component="azureml:flight_train:1", data=DATA, experiment="faults", model="retrained"
        ),
        write=Request("PUT", r"/jobs/\w+"),
        effect="job_started",
        poll=JOB,
        fails=_gives_up(JOB, "status"),
    ),
    ScoreBatch: Case(
        order=lambda number: order(
            ScoreBatch,
            number,
            endpoint="nightly",
            endpoint_kind="batch",
            deployment="first",
            data=DATA,
            deadline=timedelta(hours=6),
        ),
        write=Request("POST", "/batchEndpoints/nightly/jobs"),
        effect="job_started",
        poll=JOB,
        fails=_gives_up(JOB, "status"),
    ),
    CompareScores: Case(
        order=lambda number: order(
            CompareScores,
            number,
            component="azureml:flight_compare:1",
            candidate=DATA,
            champion="",
            data=DATA,
        ),
        write=Request("PUT", r"/jobs/\w+"),
        effect="job_started",
        poll=JOB,
        fails=_gives_up(JOB, "status"),
    ),
    DeployModel: Case(
        order=_deploy,
        write=Request("PUT", f"/onlineEndpoints/{ENDPOINT}/deployments/d\\w+"),
        effect="deployment_created",
        poll=DEPLOYMENT,
        fails=_gives_up(DEPLOYMENT),
    ),
    RemoveDeployment: Case(
        order=lambda number: order(RemoveDeployment, number, endpoint=ENDPOINT, deployment=f"d{number + 50}"),
        write=Request("DELETE", f"/onlineEndpoints/{ENDPOINT}/deployments/d\\w+"),
        effect="deployment_deleted",
        poll=DEPLOYMENT,
        fails=_gives_up(DEPLOYMENT),
        is_failure_retryable=True,
        is_write_answered_empty=True,
        first=lambda number: [_deploy(number + 50)],
    ),
    ScaleDeployment: Case(
        order=_scale,
        write=Request("PATCH", f"/onlineEndpoints/{ENDPOINT}/deployments/blue"),
        effect="deployment_scaled",
        poll=SERVING,
        fails=_gives_up(SERVING),
        is_write_answered_empty=True,
    ),
    RestartDeployment: Case(
        order=lambda number: order(RestartDeployment, number, endpoint=ENDPOINT, deployment="blue"),
        write=Request("PUT", f"/onlineEndpoints/{ENDPOINT}/deployments/blue"),
        effect="deployment_updated",
        poll=SERVING,
        fails=_gives_up(SERVING),
    ),
    StopCompute: Case(
        order=lambda number: order(StopCompute, number, compute=f"ci-{number}", idle_since=NOW),
        write=Request("POST", r"/computes/ci-\d+/stop"),
        effect="compute_stopped",
        poll=COMPUTE,
        fails=(Fault(COMPUTE, change=_could_not_stop),),
        is_write_answered_empty=True,
    ),
    SetTraffic: Case(
        order=lambda number: order(SetTraffic, number, endpoint=ENDPOINT, traffic=_shares(number)),
        write=Request("PUT", f"/onlineEndpoints/{ENDPOINT}"),
        effect="traffic_set",
        poll=TRAFFIC,
        fails=_gives_up(TRAFFIC),
        is_failure_retryable=True,
    ),
    RollBackTraffic: Case(
        order=lambda number: order(
            RollBackTraffic, number, endpoint=ENDPOINT, traffic=_shares(number), until=NOW + timedelta(hours=1)
        ),
        write=Request("PUT", f"/onlineEndpoints/{ENDPOINT}"),
        effect="traffic_set",
        poll=TRAFFIC,
        fails=_gives_up(TRAFFIC),
        is_failure_retryable=True,
    ),
}
