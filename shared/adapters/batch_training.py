"""Training by a batch endpoint: invoking a deployment that is a pipeline component, finding its job again, and reading how it ended.

Owns the invocation's body and the two marks of its job: its name, and the literal input ``outerloop_command``. That the service
honours the name is read from azure-ai-ml's source; under whatever name, the job shows its inputs. What the job registered is
found by others (``azure_ml_marked``). Starts nothing while it cannot tell whether an earlier try did.
Wire format: ai-docs how-to-access-data-batch-endpoints-jobs (REST: literal inputs, experimentName); jobs: rest/api/azureml/jobs.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from azure.core.exceptions import AzureError, HttpResponseError

from shared.adapters import azure_ml_failures as failures
from shared.adapters.arm_names import endpoint_id, job_id
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt, AzureMlClients
from shared.adapters.azure_ml_inventory import IncompleteListError, listed
from shared.adapters.azure_ml_jobs import why
from shared.adapters.batch_inputs import bound
from shared.adapters.batch_runs import DEPLOYMENT_HEADER
from shared.adapters.mlflow_runs import read_run
from shared.domain.ci_runs import MARK_INPUT, BatchEndpointRun, where
from shared.domain.outcomes import Failed, Outcome, Started, Succeeded, Unknown, dated
from shared.ports_dispatch import Earlier

log = logging.getLogger(__name__)


class BatchTraining:
    """Batch endpoints of any workspace, under the process's own identity."""

    def __init__(self, clients: AzureMlClients, poll_seconds: float) -> None:
        self._clients, self._poll = clients, timedelta(seconds=poll_seconds)

    async def begin(self, run: BatchEndpointRun, mark: str, now: datetime, earlier: Earlier) -> Outcome:
        """Invoke the endpoint, unless a job has the mark. Raises nothing."""
        return await self._answered(lambda attempt: _begin(run, mark, earlier, attempt), run, now)

    async def look(self, run: BatchEndpointRun, operation: str, now: datetime) -> Outcome:
        """How the job goes. That the question failed for now says nothing of the job: ``Started`` again. Raises nothing."""

        def ask(attempt: Attempt) -> Outcome:
            try:
                return _look(run, operation, attempt)
            except AzureError as problem:
                failed = dated(failures.failed_read(problem, f"{where(run)}, job {operation}"), now)
                return Started(operation=operation, look_again_at=max(now + self._poll, failed.until or now))

        return await self._answered(ask, run, now)

    async def _answered(self, call: Callable[[Attempt], Outcome], run: BatchEndpointRun, now: datetime) -> Outcome:
        try:
            return await asyncio.to_thread(
                lambda: call(Attempt(self._clients, self._clients.calls(), now, now + self._poll))
            )
        except Exception as problem:  # noqa: BLE001 - the port promises an outcome for whatever went wrong
            outcome = failures.classify(problem, None)
            log.warning("%s: %s", where(run), outcome.reason)
            return dated(outcome, now) if isinstance(outcome, Failed) else outcome


def _begin(run: BatchEndpointRun, mark: str, earlier: Earlier, attempt: Attempt) -> Outcome:
    try:
        known = _job_of(run, mark, earlier, attempt)
    except IncompleteListError as problem:
        reason = f"an earlier try may have started {where(run)}, and its job cannot be looked for ({problem}): look for a job with the input {MARK_INPUT} {mark}, and ask for the retraining anew if there is none"
        return Failed(retryable=False, reason=reason)
    if known:
        return attempt.started(known)  # also where it has ended: what it made is looked for by a look
    found = bound(run.workspace, run.data, attempt)
    if isinstance(found, Failed):
        return found
    endpoint = attempt.arm.get(endpoint_id(run.workspace, run.endpoint, "batch"))
    header = {DEPLOYMENT_HEADER: run.deployment} if run.deployment else {}
    calls = attempt.clients.data_plane_calls()
    try:
        answer = calls.post(endpoint["properties"]["scoringUri"], _body(run, mark, found[1]), None, **header)
    except HttpResponseError as problem:
        if problem.status_code == 408 or (problem.status_code or 0) >= 500:  # it may have started before it broke
            return Unknown(reason=failures.classify(problem, None).reason)
        taken = problem.status_code == 409 and attempt.arm.find(job_id(run.workspace, mark)) is not None
        if not taken:  # a conflict with something else: nothing was started
            raise
        return attempt.started(mark)
    return attempt.started(str(answer.get("name") or mark))


def _body(run: BatchEndpointRun, mark: str, data: Json) -> Json:
    literals = {
        name: {"jobInputType": "Literal", "value": text} for name, text in {**run.inputs, MARK_INPUT: mark}.items()
    }
    return {
        "properties": {
            "name": mark,
            "inputData": {run.data_input: data, **literals},
            "properties": {"experimentName": run.experiment},
        }
    }


def _job_of(run: BatchEndpointRun, mark: str, earlier: Earlier, attempt: Attempt) -> str:
    """The job with the mark: by its name, and after an earlier try by its input too; empty when there is none."""
    if attempt.arm.find(job_id(run.workspace, mark)) is not None:
        return mark
    if not earlier.tried:
        return ""
    jobs = listed(attempt.arm, f"{run.workspace.rstrip('/')}/jobs", jobType="Pipeline")
    return next((str(job["name"]) for job in jobs if _mark_of(job) == mark), "")


def _mark_of(job: Json) -> str:
    given = (job["properties"].get("inputs") or {}).get(MARK_INPUT) or {}
    return str(given.get("value") or "")


def _look(run: BatchEndpointRun, job: str, attempt: Attempt) -> Outcome:
    """Completed, failed with its error, or still under way; a job that was accepted may be shown a little later."""
    document = attempt.arm.find(job_id(run.workspace, job))
    if document is None:
        return attempt.started(job)
    shown = str(((document["properties"].get("services") or {}).get("Studio") or {}).get("endpoint") or f"job {job}")
    match document["properties"]["status"]:
        case "Completed":
            ended = _ended(run, job, attempt) or _created(document, attempt)
            return Succeeded(data={"run": shown, "ended_at": ended.isoformat()})
        case "Failed" | "Canceled" as status:
            reason = f"{shown} is {status}: {why(run.workspace, job, document, attempt)}"
            return Failed(retryable=False, reason=reason, data={"run": shown})
        case _:
            return attempt.started(job)


def _ended(run: BatchEndpointRun, job: str, attempt: Attempt) -> datetime | None:
    """When the job ended; None where nobody tells. Raises AzureError when it can be asked again."""
    try:
        return read_run(attempt.arm, run.workspace, job).ended_at
    except HttpResponseError as problem:
        if failures.is_transient(problem):
            raise
        log.warning("job %s has ended, and when cannot be read: %s", job, failures.classify(problem, None).reason)
        return None


def _created(document: Json, attempt: Attempt) -> datetime:
    """Before its end, where nobody tells when that was: then what it made is not waited for much longer."""
    told = (document.get("systemData") or {}).get("createdAt")
    return datetime.fromisoformat(str(told)) if told else attempt.now
