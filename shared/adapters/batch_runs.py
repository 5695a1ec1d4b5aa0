"""Runs of batch endpoints: invoking one deployment on an input, looking at the job that it becomes, and ending one that is overdue.

Owns the invocation's body, the run's name and its output folder, both made of the command's id: the invocation takes no token
of ours, so before each the job of that name is looked for. Knows nothing of what the predictions mean; reads none of them.
Wire format: azureml-examples cli/batch-score-rest.sh, and what azure-ai-ml 1.35.2's ``batch_endpoints.invoke`` sends: its body
(``name``, ``inputData``, ``outputData``), its header for the deployment, and its audience.
"""

import re
from datetime import datetime

from azure.core.exceptions import HttpResponseError

from shared.adapters.arm_names import complete_id, job_id
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt
from shared.adapters.azure_ml_endpoints import place_of
from shared.adapters.azure_ml_failures import classify, is_transient
from shared.adapters.azure_ml_jobs import why
from shared.adapters.batch_inputs import bound
from shared.adapters.mlflow_runs import read_run
from shared.domain.commands import OVERDUE, ScoreBatch
from shared.domain.outcomes import Failed, Outcome, Succeeded

DEPLOYMENT_HEADER = "azureml-model-deployment"
INPUT, OUTPUT = (
    "data",
    "score",
)  # a scoring script sees neither name; Azure ML calls the output of model deployments "score"
_ASSET_VERSION = re.compile(r"/data/(?P<name>[^/]+)/versions/(?P<version>[^/]+)/?$", re.IGNORECASE)


def begin_scoring(command: ScoreBatch, attempt: Attempt) -> Outcome:
    """Invoke the deployment; the run is there already: look at that one instead."""
    until = attempt.now + command.deadline
    if attempt.arm.find(job_id(command.workspace, command.id)) is not None:
        return look_scoring(command, _operation(command.id, until, ""), attempt)
    found = bound(command.workspace, command.data, attempt)
    if isinstance(found, Failed):
        return found
    given, wire = found
    endpoint = attempt.arm.get(place_of(command))
    body = {
        "properties": {
            "name": command.id,
            "inputData": {INPUT: wire},
            "outputData": {OUTPUT: {"jobOutputType": "UriFolder", "uri": output_of(command)}},
        }
    }
    calls = attempt.clients.data_plane_calls()
    answer = calls.post(endpoint["properties"]["scoringUri"], body, None, **{DEPLOYMENT_HEADER: command.deployment})
    # Should Azure give the run another name after all, then it is followed by that one.
    return attempt.started(_operation(str(answer.get("name") or command.id), until, given))


def _operation(job: str, until: datetime, given: str) -> str:
    """What a look needs: the run, when it is overdue, and what it was given (empty when it was found again)."""
    return f"{job} {until.isoformat()} {given}"


def look_scoring(command: ScoreBatch, operation: str, attempt: Attempt) -> Outcome:
    """Completed with what it wrote and how long it took, failed with its error, still under way, or cancelled as overdue."""
    job, due, given = operation.split(" ", 2)
    until = datetime.fromisoformat(due)
    document = attempt.arm.get(job_id(command.workspace, job))
    match document["properties"]["status"]:
        case "Completed":
            return _completed(command, job, given or _scored(command, document), attempt)
        case "Failed" | "Canceled" as status:
            reason = f"job {job} is {status}: {why(command.workspace, job, document, attempt)}"
            return Failed(retryable=False, reason=reason, data={"job": job, "status": status})
        case status if attempt.now >= until:
            return _overdue(command, job, status, until, attempt)
        case _:
            return attempt.started(operation)


def _overdue(command: ScoreBatch, job: str, status: str, until: datetime, attempt: Attempt) -> Failed:
    """Nobody waits for the run any more, and it must not go on costing money. To cancel it again does no harm."""
    late = f"job {job} was not over by its deadline, {until:%Y-%m-%d %H:%M} UTC"
    data: dict[str, str | float] = {"job": job, "status": OVERDUE}
    try:
        if status != "CancelRequested":
            attempt.arm.post(f"{job_id(command.workspace, job)}/cancel")
    except HttpResponseError as problem:
        if is_transient(problem):
            raise  # asked again at the next look
        reason = f"{late}, and could not be cancelled, so that it goes on: {classify(problem, command).reason}"
        return Failed(retryable=False, reason=reason, data=data)
    return Failed(retryable=False, reason=f"{late}, and was cancelled", data=data)


def output_of(command: ScoreBatch) -> str:
    """The folder of the workspace's own blob store that the run writes into, and no other run does."""
    return f"azureml://datastores/workspaceblobstore/paths/outerloop/{command.id}/"


def _completed(command: ScoreBatch, job: str, scored: str, attempt: Attempt) -> Outcome:
    if not scored:
        # The next run would be given the input anew, and that of a label may be another one by then.
        reason = f"job {job} is Completed, and does not say which version of {command.data} it has scored"
        return Failed(retryable=False, reason=reason, data={"job": job})
    seconds = read_run(attempt.arm, command.workspace, job).seconds or 0.0
    return Succeeded(data={"output": output_of(command), "data": scored, "seconds": seconds, "job": job})


def _scored(command: ScoreBatch, document: Json) -> str:
    """What a run that a crash left without a record was given, by its own document: by version, where a label was asked for."""
    for entry in (document["properties"].get("inputs") or {}).values():
        version = _ASSET_VERSION.search(str((entry or {}).get("uri") or ""))
        if version:
            return f"azureml:{version['name']}:{version['version']}"
    return "" if "@" in command.data and not complete_id(command.data) else command.data
