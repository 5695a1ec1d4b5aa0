"""Azure DevOps' REST API as far as it starts and shows runs of pipelines.

Owns paths, statuses and bodies (Azure DevOps REST 7.1: Pipelines Runs; Build Builds), the pipelines that there are, and their runs.
Runs end when somebody says so: nothing is executed here. Every accepted effect is one journal entry.
"""

import base64
import binascii
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.azure.effects import Recorder
from local.faults import Fault, struck

VERSION = "7.1"
AUDIENCE = "499b84ac-1321-427f-aa17-267ca6975798"


@dataclass(frozen=True)
class Pipeline:
    """One YAML pipeline: its parameters, and the branches that its file is on."""

    parameters: frozenset[str] = frozenset()
    refs: frozenset[str] = frozenset({"refs/heads/main"})
    text: str = "steps: [{script: python train.py}]"


@dataclass
class Run:
    """One run, under way until it is ended."""

    id: int
    project: str
    pipeline: int
    parameters: dict[str, str]
    created_at: datetime
    reason: str = "manual"
    state: str = "inProgress"
    result: str | None = None
    finished_at: datetime | None = None

    def end(self, result: str) -> None:
        """The run comes to its end."""
        self.state, self.result, self.finished_at = "completed", result, datetime.now(UTC)


class RefusedError(Exception):
    """What Azure DevOps does not take, with its status and words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class AzureDevOps:
    """Projects, as ORGANIZATION/PROJECT, with their pipelines by number. ``shows_parameters``: whether lists have them."""

    projects: Mapping[str, Mapping[int, Pipeline]]
    recorder: Recorder
    shows_parameters: bool = True
    faults: list[Fault] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(4711)

    @property
    def routes(self) -> list[Route]:
        """What to mount into a Starlette application that is served with TLS."""
        runs = "/{organization}/{project}/_apis/pipelines/{pipeline:int}/runs"
        return [
            self._route("POST", runs, self._start),
            self._route("GET", f"{runs}/{{run:int}}", self._get),
            self._route("GET", "/{organization}/{project}/_apis/build/builds", self._list),
        ]

    def push(self, project: str, pipeline: int) -> Run:
        """A push starts the pipeline, with no parameters of anybody's."""
        return self._new(project, pipeline, {}, "individualCI")

    def order(self, project: str, pipeline: int, parameters: dict[str, str]) -> Run:
        """Somebody else starts the pipeline by hand."""
        return self._new(project, pipeline, parameters, "manual")

    def _route(self, method: str, path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
        async def guarded(request: Request) -> Response:
            if audience_of(request.headers.get("authorization", "")) != AUDIENCE:
                return HTMLResponse("<html>Azure DevOps Services | Sign In</html>", 203)
            if request.query_params.get("api-version") != VERSION:
                return _message(400, "No api-version was supplied, or one that is not known.", {})
            return await struck(self.faults, request, lambda: _said(answer(request)), _message)

        return Route(path, guarded, methods=[method])

    async def _start(self, request: Request) -> Response:
        """200 with the run; with ``previewRun`` only the YAML that would run."""
        body, number = await request.json(), request.path_params["pipeline"]
        pipeline = self._pipeline(request, number)
        parameters = dict(body.get("templateParameters") or {})
        ref = body.get("resources", {}).get("repositories", {}).get("self", {}).get("refName", "refs/heads/main")
        if ref not in pipeline.refs:
            raise RefusedError(400, f"The pipeline is not valid. Could not find a branch {ref}.")
        unexpected = sorted(set(parameters) - pipeline.parameters)
        if unexpected or not all(isinstance(value, str) for value in parameters.values()):
            raise RefusedError(400, f"The pipeline is not valid. Unexpected parameter '{(unexpected or ['?'])[0]}'")
        if body.get("previewRun"):
            return JSONResponse({"id": -1, "state": "unknown", "finalYaml": f"# {parameters}\n{pipeline.text}\n"})
        run = self._new(_project(request), number, parameters, "manual")
        self.recorder.record("pipeline_run", f"{run.project}/{number}", run=run.id, ref=ref, parameters=parameters)
        return JSONResponse(_document(request, run))

    async def _get(self, request: Request) -> Response:
        wanted = (_project(request), request.path_params["pipeline"], request.path_params["run"])
        found = next((one for one in self.runs if (one.project, one.pipeline, one.id) == wanted), None)
        if found is None:
            raise RefusedError(404, "The run does not exist or you may not see it.")
        return JSONResponse(_document(request, found))

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        self._pipeline(request, int(query["definitions"]))
        since = datetime.fromisoformat(query["minTime"]) if "minTime" in query else None
        found = [
            one
            for one in reversed(self.runs)
            if (one.project, one.pipeline) == (_project(request), int(query["definitions"]))
            and query.get("reasonFilter", one.reason) == one.reason
            and (since is None or one.created_at >= since)
        ]
        shown = [self._build(one) for one in found[: int(query.get("$top", "1000"))]]
        return JSONResponse({"count": len(shown), "value": shown})

    def _pipeline(self, request: Request, number: int) -> Pipeline:
        pipelines = self.projects.get(_project(request), {})
        if number not in pipelines:
            raise RefusedError(404, f"The pipeline {number} does not exist or you may not see it.")
        return pipelines[number]

    def _new(self, project: str, pipeline: int, parameters: dict[str, str], reason: str) -> Run:
        now = datetime.now(UTC).replace(microsecond=0)
        run = Run(next(self._numbers), project, pipeline, parameters, now, reason)
        self.runs.append(run)
        return run

    def _build(self, run: Run) -> dict[str, Any]:
        document = {"id": run.id, "reason": run.reason, "status": run.state, "queueTime": _moment(run.created_at)}
        return {**document, "templateParameters": run.parameters} if self.shows_parameters else document


async def _said(answer: Awaitable[Response]) -> Response:
    try:
        return await answer
    except RefusedError as refused:
        return _message(refused.status, refused.message, {})


def _project(request: Request) -> str:
    return f"{request.path_params['organization']}/{request.path_params['project']}"


def _document(request: Request, run: Run) -> dict[str, Any]:
    """A run as Azure DevOps shows it; what it has not got yet is left out."""
    base = f"{request.url.scheme}://{request.url.netloc}/{run.project}"
    document: dict[str, Any] = {
        "id": run.id,
        "name": f"{run.created_at:%Y%m%d}.1",
        "state": run.state,
        "createdDate": _moment(run.created_at),
        "templateParameters": run.parameters,
        "url": f"{base}/_apis/pipelines/{run.pipeline}/runs/{run.id}",
        "_links": {"web": {"href": f"{base}/_build/results?buildId={run.id}"}},
    }
    ended = {"result": run.result, "finishedDate": _moment(run.finished_at)} if run.finished_at else {}
    return {**document, **ended}


def _moment(moment: datetime) -> str:
    """With seven digits behind the point, as .NET writes them."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def audience_of(authorization: str) -> str:
    """Whom a bearer token is for; empty when it is none."""
    # As in ``arm``: what is proved is whom a token is for, not who signed it.
    try:
        part = authorization.removeprefix("Bearer ").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return ""
    return str(claims.get("aud", "")) if isinstance(claims, dict) else ""


def _message(status: int, message: str, headers: dict[str, str]) -> JSONResponse:
    body = {"$id": "1", "message": message, "typeKey": "PipelineException", "errorCode": 0, "eventId": 3000}
    return JSONResponse(body, status, headers)
