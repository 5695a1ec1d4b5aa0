"""Jobs from registered components: starting one under the command's own name, and reading what it came to.

Owns which inputs and outputs a component is given. Uploads nothing: code and environment are the component's.
Knows nothing of what the metrics mean.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from azure.core.exceptions import HttpResponseError

from shared.adapters.arm_names import MalformedNameError, asset_name, complete_id, job_id
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt
from shared.adapters.azure_ml_endpoints import FENCE_TAG, WORKLOAD_TAG
from shared.adapters.mlflow_runs import failure_of, read_run
from shared.domain.commands import CompareScores, Retrain, RunEvaluation
from shared.domain.outcomes import LISTED_WITHIN, Failed, Outcome, Succeeded

JobCommand = Retrain | RunEvaluation | CompareScores

COMPUTE_TAG = "outerloop.compute"  # a component may name its cluster by this tag; without it the job runs serverless
SERVERLESS = "serverless"
CAME_OF_TAG = "outerloop.came_of"
OPTIONAL_GROUP = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
INPUT_PLACE = re.compile(r"\$\{\{\s*inputs\.(\w+)\s*\}\}")
MODEL_TYPES = frozenset({"custom_model", "mlflow_model", "triton_model"})
LITERALS: Mapping[str, Callable[[str], str | int | float | bool]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
}
VERSIONS_SEARCHED = "50"
HEAD_CHARACTERS, TAIL_CHARACTERS = 200, 600


def begin_job(command: JobCommand, attempt: Attempt) -> Outcome:
    """Start the job; one of the same name is there already: look at that one instead."""
    if attempt.arm.find(job_id(command.workspace, command.id)) is not None:
        return look_job(command, command.id, attempt)
    client = attempt.clients.workspace(command.workspace)
    job = _job(command, _component(client, command.component))
    try:
        client.jobs.create_or_update(job)
    except HttpResponseError as problem:
        appeared = problem.status_code == 409 and attempt.arm.find(job_id(command.workspace, command.id)) is not None
        if not appeared:  # a conflict with something else: busy, and nothing was started
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
            reason = f"job {operation} is {status}: {why(command.workspace, operation, document, attempt)}"
            return Failed(retryable=False, reason=reason, data={"job": operation})
        case _:
            return attempt.started(operation)


def _completed(command: JobCommand, job: str, document: Json, attempt: Attempt) -> Outcome:
    run = read_run(attempt.arm, command.workspace, job)
    data: dict[str, str | float] = {**run.metrics, "job": job}
    if isinstance(command, Retrain):
        version = _registered_version(command, job, document, attempt)
        if version:
            data["model_version"] = version
        elif run.ended_at and attempt.now < run.ended_at + LISTED_WITHIN:
            return attempt.started(job)
    return Succeeded(data=data)


def why(workspace: str, job: str, document: Json, attempt: Attempt) -> str:
    """The job's error: some API versions show it on the job itself, all keep it in the run history."""
    shown = str((document["properties"].get("error") or {}).get("message") or "")
    told = shown or failure_of(attempt.arm, workspace, job) or "the run's log says why"
    line = " ".join(told.split())
    # Logs say at their end what went wrong, services at their beginning.
    return (
        line
        if len(line) <= HEAD_CHARACTERS + TAIL_CHARACTERS
        else f"{line[:HEAD_CHARACTERS]} … {line[-TAIL_CHARACTERS:]}"
    )


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
    """A job that is the component: all that it runs is registered, so that nothing is uploaded.

    Raises:
        MalformedNameError: the component is of a type that no job of ours can be.
    """
    common = {
        "name": command.id,
        "display_name": f"{command.workload}: {component.name}",
        "experiment_name": _experiment(command),
        "tags": _tags(command),
        "inputs": _inputs(command, component.inputs),
        "outputs": _outputs(command, component),
    }
    compute = _compute(command, component)
    match component.type:
        case "command":
            return _command_job(common, component, compute)
        case "pipeline" if not isinstance(command, Retrain):
            raise MalformedNameError(
                f"component {component.name} is a pipeline, whose metrics are those of its steps: an evaluation has to be a command"
            )
        case "pipeline":
            return _pipeline_job(common, component, compute)
        case other:
            raise MalformedNameError(
                f"component {component.name} is a {other}: write one that is a command or a pipeline"
            )


def _tags(command: JobCommand) -> dict[str, str]:
    """Whose job it is, and of which version what it trains came."""
    came_of = {CAME_OF_TAG: command.came_of} if isinstance(command, Retrain) and command.came_of else {}
    return {FENCE_TAG: command.id, WORKLOAD_TAG: command.workload, **came_of}


def _compute(command: JobCommand, component: Any) -> str | None:
    """The cluster that the policy names, or the component; else None."""
    wanted = command.compute if isinstance(command, Retrain) else ""
    return wanted or (component.tags or {}).get(COMPUTE_TAG)


def _pipeline_job(common: Mapping[str, Any], component: Any, compute: str | None) -> Any:
    """Its steps have computes of their own; those that have none run on the component's cluster, or serverless."""
    from azure.ai.ml.entities import PipelineJob, PipelineJobSettings  # noqa: PLC0415 - heavy, only where a job is built

    settings = PipelineJobSettings(default_compute=compute or SERVERLESS)
    return PipelineJob(component=component.id, settings=settings, **common)


def _command_job(common: Mapping[str, Any], component: Any, compute: str | None) -> Any:
    from azure.ai.ml import command as command_job  # noqa: PLC0415 - as above

    return command_job(
        **common,
        command=_command_line(component.command, common["inputs"]),
        code=component.code,
        environment=component.environment,
        distribution=component.distribution,
        compute=compute,
        **_resources(component),
    )


def _experiment(command: JobCommand) -> str:
    match command:
        case Retrain():
            return command.experiment
        case RunEvaluation():
            return f"{command.workload}-evaluation"
        case CompareScores():
            return f"{command.workload}-comparison"


def _command_line(template: str, inputs: Mapping[str, Any]) -> str:
    """The component's command without its optional groups ``$[[ ]]``: a job on its own is not known to resolve them."""

    def kept(group: re.Match[str]) -> str:
        return group[1] if set(INPUT_PLACE.findall(group[1])) <= set(inputs) else ""

    return OPTIONAL_GROUP.sub(kept, template)


def _resources(component: Any) -> dict[str, Any]:
    """The instance type and count that the component asks for, if it does."""
    asked = component.resources
    found = {name: getattr(asked, name, None) for name in ("instance_type", "instance_count", "shm_size")}
    return {name: value for name, value in found.items() if value is not None}


def _inputs(command: JobCommand, declared: Mapping[str, Any]) -> dict[str, Any]:
    """What the convention offers, as far as the component declares it, and what the policy adds; else its defaults.

    Raises:
        MalformedNameError: the policy adds an input that the component does not have, or of another type.
    """
    offered, added = {"data": command.data}, {}
    match command:
        case RunEvaluation():
            offered |= {"model": command.model_ref, "champion": command.champion_ref, "on": command.on}
        case CompareScores():
            offered |= {"candidate": command.candidate, "champion": command.champion}
        case Retrain():
            added = command.inputs
    unknown = ", ".join(sorted(set(added) - set(declared)))
    if unknown:
        raise MalformedNameError(f"the component has no input called {unknown}")
    defaults = {name: entry.default for name, entry in declared.items() if entry.default is not None}
    given = {name: text for name, text in offered.items() if name in declared and text} | added
    return defaults | {name: _input(name, declared[name].type, text) for name, text in given.items()}


def _input(name: str, kind: str, text: str) -> Any:
    """A literal of the type that the component declares, or a reference to an asset."""
    from azure.ai.ml import Input  # noqa: PLC0415 - as above

    if kind not in LITERALS:
        return Input(type=kind, path=_path(text))
    try:
        return LITERALS[kind](text)
    except (ValueError, KeyError) as problem:
        raise MalformedNameError(f"input {name} is of type {kind}, and cannot be {text!r}") from problem


def _path(reference: str) -> str:
    """A reference as azure-ai-ml takes it in an input. Anything else it would take for a local path, and upload."""
    whole = complete_id(reference)
    if whole is not None:
        return whole
    asset = asset_name(reference)
    # With its prefix, 1.35.2 looks for an asset that is called "azureml:NAME" when it resolves a label.
    return f"{asset.name}@{asset.label}" if asset.label else f"azureml:{asset.name}:{asset.version}"


def _outputs(command: JobCommand, component: Any) -> dict[str, Any]:
    """The component's outputs; a training's one model output is registered under the command's model when it ends."""
    from azure.ai.ml import Output  # noqa: PLC0415 - as above

    outputs = {name: Output(type=declared.type) for name, declared in component.outputs.items()}
    if isinstance(command, Retrain):
        models = [name for name, output in outputs.items() if output.type in MODEL_TYPES]
        if len(models) != 1:
            found = f"{len(models)} model outputs"
            raise MalformedNameError(f"component {component.name} has {found}: which one is {command.model}?")
        named = {"version": command.version} if command.version else {}
        outputs[models[0]] = Output(type=outputs[models[0]].type, name=command.model, **named)
    return outputs
