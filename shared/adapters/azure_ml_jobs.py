"""Jobs from registered components: starting one under the command's own name, and reading what it came to.

Owns which inputs and outputs a component is given. Uploads nothing: code and environment are the component's.
Knows nothing of what the metrics mean.
"""

from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import HttpResponseError

from shared.adapters.arm_names import MalformedNameError, asset_name, job_id
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt
from shared.adapters.azure_ml_endpoints import FENCE_TAG, WORKLOAD_TAG
from shared.adapters.mlflow_runs import failure_of, read_run
from shared.domain.commands import Retrain, RunEvaluation
from shared.domain.outcomes import Failed, Outcome, Succeeded
from shared.rendering.notice import shortened

JobCommand = Retrain | RunEvaluation

COMPUTE_TAG = "outerloop.compute"  # a component may name its cluster by this tag; without it the job runs serverless
MODEL_TYPES = frozenset({"custom_model", "mlflow_model", "triton_model"})
VERSIONS_SEARCHED = "50"
REASON_CHARACTERS_MAX = 1000


def begin_job(command: JobCommand, attempt: Attempt) -> Outcome:
    """Start the job; one of the same name is there already: look at that one instead."""
    if attempt.arm.find(job_id(command.workspace, command.id)) is not None:
        return look_job(command, command.id, attempt)
    client = attempt.clients.workspace(command.workspace)
    job = _job(command, _component(client, command.component))
    try:
        client.jobs.create_or_update(job)
    except HttpResponseError as problem:
        if problem.status_code != 409:
            raise
        return look_job(command, command.id, attempt)
    return attempt.started(command.id)


def look_job(command: JobCommand, operation: str, attempt: Attempt) -> Outcome:
    """Completed with its metrics, failed with its error, or still under way."""
    document = attempt.arm.get(job_id(command.workspace, operation))
    match document["properties"]["status"]:
        case "Completed":
            return _completed(command, operation, document, attempt)
        case "Failed" | "Canceled" as status:
            reason = f"job {operation} is {status}: {_why(command, operation, document, attempt)}"
            return Failed(retryable=False, reason=reason, data={"job": operation})
        case _:
            return attempt.started(operation)


def _completed(command: JobCommand, job: str, document: Json, attempt: Attempt) -> Succeeded:
    run = read_run(attempt.arm, command.workspace, job)
    data: dict[str, str | float] = {**run.metrics, "job": job}
    if isinstance(command, Retrain):
        version = _registered_version(command, job, document, attempt)
        if version:
            data["model_version"] = version
    return Succeeded(data=data)


def _why(command: JobCommand, job: str, document: Json, attempt: Attempt) -> str:
    """The job's error: some API versions show it on the job itself, all keep it in the run history."""
    shown = str((document["properties"].get("error") or {}).get("message") or "")
    why = shown or failure_of(attempt.arm, command.workspace, job) or "the run's log says why"
    return shortened(why, REASON_CHARACTERS_MAX)


def _registered_version(command: Retrain, job: str, document: Json, attempt: Attempt) -> str:
    """The version under which the job's output was registered; empty when the workspace shows none (yet)."""
    for output in (document["properties"].get("outputs") or {}).values():
        if output.get("assetName") == command.model and output.get("assetVersion"):
            return str(output["assetVersion"])
    versions = attempt.arm.get(
        f"{command.workspace}/models/{command.model}/versions",
        **{"$orderBy": "createdtime desc", "$top": VERSIONS_SEARCHED},
    )
    ours = [version for version in versions.get("value") or [] if version["properties"].get("jobName") == job]
    return str(ours[0]["name"]) if ours else ""


def _component(client: Any, reference: str) -> Any:
    asset = asset_name(reference)
    if asset.version is not None:
        return client.components.get(asset.name, version=asset.version)
    return client.components.get(asset.name, label=asset.label)


def _job(command: JobCommand, component: Any) -> Any:
    job = component(**_inputs(command, component.inputs))
    job.name = command.id
    job.display_name = f"{command.workload}: {component.name}"
    job.experiment_name = command.experiment if isinstance(command, Retrain) else f"{command.workload}-evaluation"
    job.tags = {FENCE_TAG: command.id, WORKLOAD_TAG: command.workload}
    compute = (component.tags or {}).get(COMPUTE_TAG)
    if compute:
        job.compute = compute
    if isinstance(command, Retrain):
        _name_output(job, component, command.model)
    return job


def _inputs(command: JobCommand, declared: Mapping[str, Any]) -> dict[str, Any]:
    """What the convention offers, cut down to what the component declares."""
    from azure.ai.ml import Input  # noqa: PLC0415 - heavy, only where a job is built

    offered = {"data": command.data}
    if isinstance(command, RunEvaluation):
        offered |= {"model": command.model_ref, "champion": command.champion_ref, "on": command.on}
    wanted = {name: value for name, value in offered.items() if name in declared and value}
    return {
        name: value if name == "on" else Input(type=declared[name].type, path=value) for name, value in wanted.items()
    }


def _name_output(job: Any, component: Any, model: str) -> None:
    """Have Azure register the component's one model output under a name when the job ends."""
    from azure.ai.ml import Output  # noqa: PLC0415 - as above

    models = [name for name, output in component.outputs.items() if output.type in MODEL_TYPES]
    if len(models) != 1:
        raise MalformedNameError(
            f"component {component.name} must have one model output to be registered, not {len(models)}"
        )
    kind = component.outputs[models[0]].type
    job.outputs[models[0]] = Output(type=kind, name=model)
