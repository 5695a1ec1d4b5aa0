"""GitHub Actions: starting a workflow, finding its run by the mark that it shows, and reading how it ended.

Owns GitHub's paths and bodies (REST API 2022-11-28). GitHub has no idempotency key, and says which run it started only where
it knows ``return_run_details``; elsewhere the run is found by its title, which the workflow's ``run-name`` makes of the mark.
Knows nothing of why a workflow is started.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import assert_never

from shared.adapters.github_failures import classify
from shared.adapters.rest_calls import Answer, CallError, Json, Meaning, RestCalls
from shared.domain.ci_runs import MARK_INPUT, GithubDispatchRun, GithubWorkflowRun, shows_mark, where
from shared.domain.outcomes import Failed, Outcome, Started, Succeeded
from shared.ports_dispatch import Earlier

GithubRun = GithubWorkflowRun | GithubDispatchRun

API_VERSION = "2022-11-28"
READS, WRITES, DISPATCHES = "Actions: read", "Actions: write", "Contents: write"  # permissions on the repository
PAGE, PAGES_MAX = 100, 3
CLOCKS_DIFFER = timedelta(minutes=1)  # ours and GitHub's
SHOWN_WITHIN = timedelta(minutes=30)  # a run that was ordered is in the list by then, also on a bad day of GitHub's
RUN, SINCE = "run/", "since/"  # what an operation is called: by the run's number, or by when it was ordered


class GithubActions:
    """GitHub by the address of its API. ``token`` is a fine-grained one, or a GitHub App's."""

    def __init__(self, url: str, token: str, timeout_seconds: float, poll_seconds: float) -> None:
        self._calls = RestCalls("GitHub", url, self._headers, timeout_seconds)
        self._token, self._poll = token, timedelta(seconds=poll_seconds)

    async def _headers(self) -> Mapping[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "outerloop",
            "X-GitHub-Api-Version": API_VERSION,
        }

    async def begin(self, run: GithubRun, mark: str, now: datetime, earlier: Earlier) -> Outcome:
        """Start the workflow, unless a run shows its mark, or runs that show none leave it open. Raises nothing."""
        try:
            if earlier.tried:
                found = await self._before(run, mark, now, earlier.since)
                if found:
                    return found
            return await self._dispatch(run, mark, now)
        except CallError as problem:
            return problem.outcome

    async def look(self, run: GithubRun, mark: str, operation: str, now: datetime) -> Outcome:
        """How the run goes. That the question failed for now says nothing of the run: ``Started`` again. Raises nothing."""
        try:
            if operation.startswith(RUN):
                path = f"/repos/{run.repository}/actions/runs/{operation.removeprefix(RUN)}"
                return self._judged((await self._calls.get(path, _meaning(now, READS))).body, now)
            return await self._look_for(run, mark, operation, now)
        except CallError as problem:
            return problem.again_or_end(operation, now, self._poll)

    async def _before(self, run: GithubRun, mark: str, now: datetime, since: datetime) -> Outcome | None:
        runs = await self._runs(run, now, since)
        marked = _with_mark(runs, mark)
        if marked:
            return Started(operation=f"{RUN}{marked['id']}", look_again_at=now + self._poll)
        nameless = [one for one in runs if not shows_mark(_title(one))]
        if not nameless and len(runs) == PAGE * PAGES_MAX:
            nameless = runs[-1:]  # there are more, and it may be any of them
        if not nameless:
            return None
        shown = str(nameless[0].get("html_url") or nameless[0].get("id"))
        reason = f"an earlier try may have started {where(run)}, and {shown} or one before may be it: look whether it is. {_how_to_show(run)}"
        return Failed(retryable=False, reason=reason)

    async def _dispatch(self, run: GithubRun, mark: str, now: datetime) -> Outcome:
        match run:
            case GithubWorkflowRun():
                answer = await self._dispatch_workflow(run, mark, now)
            case GithubDispatchRun():
                body: Json = {"event_type": run.event_type, "client_payload": {**run.payload, MARK_INPUT: mark}}
                path = f"/repos/{run.repository}/dispatches"
                answer = await self._calls.post(path, body, _meaning(now, DISPATCHES))
            case _:
                assert_never(run)
        number = answer.body.get("workflow_run_id")
        operation = f"{RUN}{number}" if number else f"{SINCE}{now.isoformat()}"
        return Started(operation=operation, look_again_at=now + self._poll)

    async def _dispatch_workflow(self, run: GithubWorkflowRun, mark: str, now: datetime) -> Answer:
        path = f"/repos/{run.repository}/actions/workflows/{run.workflow}/dispatches"
        body: Json = {"ref": run.ref, "inputs": {**run.inputs, MARK_INPUT: mark}}
        meaning = _meaning(now, WRITES)
        try:
            return await self._calls.post(path, {**body, "return_run_details": True}, meaning)
        except CallError as problem:
            # An Enterprise Server that does not know this key refuses the order because of it, and has done nothing.
            refused = problem.answer is not None and problem.answer.status in (400, 422)
            if refused and problem.answer and "return_run_details" in problem.answer.text:
                return await self._calls.post(path, body, meaning)
            raise

    async def _look_for(self, run: GithubRun, mark: str, operation: str, now: datetime) -> Outcome:
        ordered = datetime.fromisoformat(operation.removeprefix(SINCE))
        marked = _with_mark(await self._runs(run, now, ordered), mark)
        if marked:
            return self._judged(marked, now)
        if now < ordered + SHOWN_WITHIN:
            return Started(operation=operation, look_again_at=now + self._poll)
        minutes = SHOWN_WITHIN // timedelta(minutes=1)
        reason = f"GitHub took the order for {where(run)}, and no run has shown the mark {mark} in {minutes} minutes: look whether one was started. {_how_to_show(run)}"
        return Failed(retryable=False, reason=reason)

    async def _runs(self, run: GithubRun, now: datetime, since: datetime) -> list[Json]:
        """The runs of the workflow, or of the event, since a moment; the newest first."""
        of = f"/workflows/{run.workflow}" if isinstance(run, GithubWorkflowRun) else ""
        event = "workflow_dispatch" if isinstance(run, GithubWorkflowRun) else "repository_dispatch"
        created = f">={(since - CLOCKS_DIFFER).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        runs: list[Json] = []
        for page in range(1, PAGES_MAX + 1):
            query = {"event": event, "created": created, "per_page": str(PAGE), "page": str(page)}
            path = f"/repos/{run.repository}/actions{of}/runs"
            found = (await self._calls.get(path, _meaning(now, READS), **query)).listed("workflow_runs")
            runs.extend(found)
            if len(found) < PAGE:
                break
        return runs

    def _judged(self, run: Json, now: datetime) -> Outcome:
        if run["status"] != "completed":
            return Started(operation=f"{RUN}{run['id']}", look_again_at=now + self._poll)
        shown = str(run.get("html_url") or f"run {run['id']}")
        if run["conclusion"] == "success":
            return Succeeded(data={"run": shown, "ended_at": str(run.get("updated_at") or now.isoformat())})
        return Failed(retryable=False, reason=f"{shown} ended as {run['conclusion']}", data={"run": shown})


def _meaning(now: datetime, needs: str) -> Meaning:
    return lambda answer: classify(answer, now, needs)


def _title(run: Json) -> str:
    return str(run.get("display_title") or run.get("name") or "")


def _with_mark(runs: list[Json], mark: str) -> Json | None:
    """The oldest run that shows the mark: a person may have started another with the same."""
    return next((run for run in reversed(runs) if mark in _title(run)), None)


def _how_to_show(run: GithubRun) -> str:
    place = (
        f"inputs.{MARK_INPUT}" if isinstance(run, GithubWorkflowRun) else f"github.event.client_payload.{MARK_INPUT}"
    )
    return f"Give the workflow a run-name with ${{{{ {place} }}}}"
