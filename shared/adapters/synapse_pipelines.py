"""Synapse pipelines: starting one, finding its run by the mark among its parameters, and reading how it ended.

Owns Synapse's paths and bodies (REST 2020-12-01: Pipeline, Create Pipeline Run; Pipeline Run, Get and Query). An order is
answered with the run's id; after a lost answer the run is found among those of the pipeline. Signs in as the process's identity.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from shared.adapters.entra_headers import EntraHeaders
from shared.adapters.rest_calls import Answer, CallError, Json, Meaning, RestCalls
from shared.adapters.thread_credential import NewCredential
from shared.domain.ci_runs import MARK_INPUT, SynapseRun, where
from shared.domain.outcomes import Failed, Outcome, Started, Succeeded, Unknown
from shared.ports_dispatch import Earlier

VERSION = {"api-version": "2020-12-01"}
SCOPE = "https://dev.azuresynapse.net/.default"
CLOCKS_DIFFER = timedelta(minutes=1)
UNDER_WAY = frozenset({"Queued", "InProgress", "Canceling"})
RUN = "run/"


class SynapsePipelines:
    """Synapse workspaces by their address, in which ``{workspace}`` stands for a name."""

    def __init__(self, url: str, new_credential: NewCredential, timeout_seconds: float, poll_seconds: float) -> None:
        self._url, self._timeout_seconds = url, timeout_seconds
        self._headers = EntraHeaders("Synapse", SCOPE, new_credential)
        self._poll = timedelta(seconds=poll_seconds)

    async def begin(self, run: SynapseRun, mark: str, now: datetime, earlier: Earlier) -> Outcome:
        """Start the pipeline, unless a run has the mark, or runs that do not show it leave it open. Raises nothing."""
        calls = self._calls(run)
        try:
            if earlier.tried:
                found = await self._before(calls, run, mark, now, earlier.since)
                if found:
                    return found
            path, body = f"/pipelines/{quote(run.pipeline, safe='')}/createRun", {**run.parameters, MARK_INPUT: mark}
            started = await calls.post(path, body, _meaning(now), **VERSION)
        except CallError as problem:
            return problem.outcome
        return self._started(started.body["runId"], now)

    async def look(self, run: SynapseRun, operation: str, now: datetime) -> Outcome:
        """How the run goes. That the question failed for now says nothing of the run: ``Started`` again. Raises nothing."""
        path = f"/pipelineruns/{operation.removeprefix(RUN)}"
        try:
            found = (await self._calls(run).get(path, _meaning(now), **VERSION)).body
        except CallError as problem:
            return problem.again_or_end(operation, now, self._poll)
        if found["status"] in UNDER_WAY:
            return self._started(found["runId"], now)
        shown = f"run {found['runId']} of {where(run)}"
        if found["status"] == "Succeeded":
            return Succeeded(data={"run": shown, "ended_at": str(found.get("runEnd") or now.isoformat())})
        why = " ".join(str(found.get("message") or "").split())[:300]
        return Failed(retryable=False, reason=f"{shown} ended as {found['status']}: {why}", data={"run": shown})

    def _calls(self, run: SynapseRun) -> RestCalls:
        return RestCalls("Synapse", self._url.replace("{workspace}", run.synapse), self._headers, self._timeout_seconds)

    def _started(self, run_id: str, now: datetime) -> Started:
        return Started(operation=f"{RUN}{run_id}", look_again_at=now + self._poll)

    async def _before(
        self, calls: RestCalls, run: SynapseRun, mark: str, now: datetime, since: datetime
    ) -> Outcome | None:
        body: Json = {
            "lastUpdatedAfter": f"{(since - CLOCKS_DIFFER).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "lastUpdatedBefore": f"{(now + CLOCKS_DIFFER).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "filters": [{"operand": "PipelineName", "operator": "Equals", "values": [run.pipeline]}],
        }
        found = await calls.ask("/queryPipelineRuns", body, _meaning(now), **VERSION)
        runs = found.listed("value")
        marks = [(one["runId"], (one.get("parameters") or {}).get(MARK_INPUT)) for one in runs if _is_ordered(one)]
        ours = next((run_id for run_id, known in marks if known == mark), None)
        if ours:
            return self._started(ours, now)
        open_one = next((run_id for run_id, known in marks if known is None), None)
        if found.body.get("continuationToken"):
            open_one = open_one or runs[-1]["runId"]  # there are more, and it may be any of them
        if open_one is None:
            return None
        reason = (
            f"an earlier try may have started {where(run)}, and run {open_one} or one before may be it: its parameters hold no mark. "
            f"Declare the parameter {MARK_INPUT}, and ask for the retraining anew if it is not"
        )
        return Failed(retryable=False, reason=reason)


def _is_ordered(run: Json) -> bool:
    """Whether somebody asked for a run: what a trigger has started is nobody's order."""
    return str((run.get("invokedBy") or {}).get("invokedByType") or "Manual") == "Manual"


def _meaning(now: datetime) -> Meaning:
    return lambda answer: classify(answer, now)


def classify(answer: Answer, now: datetime) -> Failed | Unknown:
    """The outcome that a refusal stands for, with what a person has to do."""
    error = answer.body.get("error")
    message = error.get("message") if isinstance(error, dict) else answer.said
    said = f"HTTP {answer.status}: {' '.join(str(message).split())[:300]}"
    match answer.status:
        case 401 | 403:
            reason = f"the app's identity may not run this pipeline: give it a Synapse role in the workspace that may run pipelines. {said}"
        case 404:
            reason = f"the Synapse workspace has no such pipeline or run. {said}"
        case 429:
            until = answer.again_at(now)
            return Failed(retryable=True, reason=f"Synapse throttles until {until:%H:%M:%S} UTC. {said}", until=until)
        case _ if answer.may_be_done:
            return Unknown(reason=f"Synapse failed in mid-order. {said}")
        case _:
            reason = f"Synapse answered {said}"
    asked = answer.asked_until(now) if answer.is_transient else None
    return Failed(retryable=answer.is_transient, reason=reason, until=asked)
