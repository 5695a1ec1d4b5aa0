"""Azure Pipelines: starting a pipeline, finding its run by the mark in its parameters, and reading how it ended.

Owns Azure DevOps' paths and bodies (REST 7.1: Pipelines, Runs, Run Pipeline; Build, Builds, List). An order is answered with
the run's number, which is the build's. There is no idempotency key: after a lost answer the run is found among the builds.
Signs in as the process's own identity. Knows nothing of why a pipeline is started.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from shared.adapters.entra_headers import EntraHeaders
from shared.adapters.rest_calls import Answer, CallError, Json, Meaning, RestCalls, no_effect
from shared.adapters.thread_credential import NewCredential
from shared.domain.ci_runs import MARK_INPUT, AzurePipelineRun, where
from shared.domain.outcomes import Failed, Outcome, Started, Succeeded, Unknown
from shared.ports_dispatch import Earlier

API_VERSION = "7.1"
SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"  # Azure DevOps, in every tenant
BUILDS_MAX = 1000  # of one pipeline since an order
CLOCKS_DIFFER = timedelta(minutes=1)
RUN = "run/"


class AzurePipelines:
    """Azure DevOps by its address, which an organization is below."""

    def __init__(self, url: str, new_credential: NewCredential, timeout_seconds: float, poll_seconds: float) -> None:
        headers = EntraHeaders("Azure DevOps", SCOPE, new_credential)
        self._calls = RestCalls("Azure DevOps", url, headers, timeout_seconds)
        self._poll = timedelta(seconds=poll_seconds)

    async def begin(self, run: AzurePipelineRun, mark: str, now: datetime, earlier: Earlier) -> Outcome:
        """Start the pipeline, unless a run has the mark, or runs without their parameters leave it open. Raises nothing."""
        try:
            if earlier.tried:
                found = await self._before(run, mark, now, earlier.since)
                if found:
                    return found
            path = f"{_place(run)}/_apis/pipelines/{run.pipeline}/runs"
            started = await self._calls.post(path, body_of(run, mark), _meaning(now), **{"api-version": API_VERSION})
        except CallError as problem:
            return problem.outcome
        return self._started(started.body["id"], now)

    async def look(self, run: AzurePipelineRun, operation: str, now: datetime) -> Outcome:
        """How the run goes. That the question failed for now says nothing of the run: ``Started`` again. Raises nothing."""
        path = f"{_place(run)}/_apis/pipelines/{run.pipeline}/runs/{operation.removeprefix(RUN)}"
        try:
            found = (await self._calls.get(path, _meaning(now), **{"api-version": API_VERSION})).body
        except CallError as problem:
            return problem.again_or_end(operation, now, self._poll)
        if found["state"] != "completed":
            return self._started(found["id"], now)
        shown = str(((found.get("_links") or {}).get("web") or {}).get("href") or f"run {found['id']}")
        if found.get("result") == "succeeded":
            return Succeeded(data={"run": shown, "ended_at": str(found.get("finishedDate") or now.isoformat())})
        return Failed(retryable=False, reason=f"{shown} ended as {found.get('result')}", data={"run": shown})

    async def preview(self, run: AzurePipelineRun, now: datetime) -> str | Failed:
        """The pipeline as it would run, all templates filled in; nothing is started. Raises nothing."""
        path = f"{_place(run)}/_apis/pipelines/{run.pipeline}/runs"
        body = {**body_of(run, "0" * 24), "previewRun": True}
        try:
            found = await self._calls.ask(path, body, _meaning(now), **{"api-version": API_VERSION})
        except CallError as problem:
            return no_effect(problem.outcome)
        return str(found.body.get("finalYaml") or "")

    def _started(self, number: int, now: datetime) -> Started:
        return Started(operation=f"{RUN}{number}", look_again_at=now + self._poll)

    async def _before(self, run: AzurePipelineRun, mark: str, now: datetime, since: datetime) -> Outcome | None:
        builds = await self._builds(run, now, since)
        marks = [(one["id"], (one.get("templateParameters") or {}).get(MARK_INPUT)) for one in builds]
        ours = [number for number, known in marks if known == mark]
        if ours:
            return self._started(min(ours), now)
        open_ones = [number for number, known in marks if known is None]
        if not open_ones and len(builds) == BUILDS_MAX:
            open_ones = [builds[-1]["id"]]  # there are more, and it may be any of them
        if not open_ones:
            return None
        reason = (
            f"an earlier try may have started {where(run)}, and run {open_ones[0]} or one before may be it: Azure DevOps "
            f"does not show its parameter {MARK_INPUT}. Look whether it is, and ask for the retraining anew if it is not"
        )
        return Failed(retryable=False, reason=reason)

    async def _builds(self, run: AzurePipelineRun, now: datetime, since: datetime) -> list[Json]:
        """The runs that somebody ordered since a moment: what a push has started is not among them."""
        query = {
            "definitions": str(run.pipeline),
            "reasonFilter": "manual",
            "minTime": f"{(since - CLOCKS_DIFFER).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "queryOrder": "queueTimeDescending",
            "$top": str(BUILDS_MAX),
            "api-version": API_VERSION,
        }
        found = await self._calls.get(f"{_place(run)}/_apis/build/builds", _meaning(now), **query)
        return found.listed("value")


def body_of(run: AzurePipelineRun, mark: str) -> Json:
    """The order: which commit, and every template parameter with the mark among them."""
    return {
        "resources": {"repositories": {"self": {"refName": run.ref}}},
        "templateParameters": {**run.parameters, MARK_INPUT: mark},
    }


def _place(run: AzurePipelineRun) -> str:
    return f"/{quote(run.organization, safe='')}/{quote(run.project, safe='')}"


def _meaning(now: datetime) -> Meaning:
    return lambda answer: classify(answer, now)


def classify(answer: Answer, now: datetime) -> Failed | Unknown:
    """The outcome that a refusal stands for, with what a person has to do."""
    said = f"HTTP {answer.status}: {answer.said}"
    match answer.status:
        case 203 | 302 | 401:  # a sign-in page is how Azure DevOps says that it knows nobody by this token
            reason = f"Azure DevOps does not know the app's identity: add it to the organization as a user. {said[:80]}"
        case 400:
            reason = f"Azure DevOps refused the order: the pipeline has to declare these parameters, {MARK_INPUT} among them. {said}"
        case 403:
            reason = f"the app's identity may not queue or read runs of this pipeline. {said}"
        case 404:
            reason = f"no such organization, project, pipeline or run, or the app's identity may not see it. {said}"
        case 429:
            until = answer.again_at(now)
            return Failed(
                retryable=True, reason=f"Azure DevOps throttles until {until:%H:%M:%S} UTC. {said}", until=until
            )
        case _ if answer.may_be_done:
            return Unknown(reason=f"Azure DevOps failed in mid-order. {said}")
        case _:
            reason = f"Azure DevOps answered {said}"
    asked = answer.asked_until(now) if answer.is_transient else None
    return Failed(retryable=answer.is_transient, reason=reason, until=asked)
