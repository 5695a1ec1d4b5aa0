"""A Synapse workspace's REST API as far as it starts and shows runs of pipelines.

Owns paths, statuses and bodies (Synapse data plane 2020-12-01: Pipeline, Pipeline Run), the pipelines that there are, and their
runs. Runs end when somebody says so: nothing is executed here. Every accepted effect is one journal entry.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.effects import Recorder
from local.devops.api import audience_of
from local.faults import Fault, struck

VERSION = "2020-12-01"
AUDIENCE = "https://dev.azuresynapse.net"


@dataclass
class Run:
    """One run, under way until it is ended."""

    id: str
    pipeline: str
    parameters: dict[str, str]
    started_at: datetime
    invoked_by: str = "Manual"
    status: str = "InProgress"
    message: str = ""
    ended_at: datetime | None = None

    def end(self, status: str, message: str = "") -> None:
        """The run comes to its end."""
        self.status, self.message, self.ended_at = status, message, datetime.now(UTC)


@dataclass
class Synapse:
    """One workspace: pipelines by name, with the parameters that each declares. Others are dropped without a word."""

    pipelines: Mapping[str, frozenset[str]]
    recorder: Recorder
    faults: list[Fault] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @property
    def routes(self) -> list[Route]:
        """What to mount into a Starlette application that is served with TLS."""
        return [
            self._route("POST", "/pipelines/{pipeline}/createRun", self._start),
            self._route("POST", "/queryPipelineRuns", self._query),
            self._route("GET", "/pipelineruns/{run}", self._get),
        ]

    def trigger(self, pipeline: str) -> Run:
        """A schedule of the workspace's own starts the pipeline."""
        return self._new(pipeline, {}, "ScheduleTrigger")

    def _route(self, method: str, path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
        async def guarded(request: Request) -> Response:
            if audience_of(request.headers.get("authorization", "")) != AUDIENCE:
                return _refusal(401, "Token Authentication failed", {})
            if request.query_params.get("api-version") != VERSION:
                return _refusal(400, "The api-version is not known.", {})
            return await struck(self.faults, request, lambda: answer(request), _refusal)

        return Route(path, guarded, methods=[method])

    async def _start(self, request: Request) -> Response:
        pipeline = request.path_params["pipeline"]
        if pipeline not in self.pipelines:
            return _refusal(404, f"Pipeline {pipeline} not found.", {})
        given = await request.json()
        kept = {name: value for name, value in given.items() if name in self.pipelines[pipeline]}
        run = self._new(pipeline, kept, "Manual")
        self.recorder.record("synapse_run", pipeline, run=run.id, parameters=kept)
        return JSONResponse({"runId": run.id}, 202)

    async def _query(self, request: Request) -> Response:
        body = await request.json()
        after, before = (datetime.fromisoformat(body[f"lastUpdated{end}"]) for end in ("After", "Before"))
        names = {name for one in body.get("filters", []) if one["operand"] == "PipelineName" for name in one["values"]}
        found = [
            one for one in self.runs if one.pipeline in names and after <= (one.ended_at or one.started_at) <= before
        ]
        return JSONResponse({"value": [_document(one) for one in found]})

    async def _get(self, request: Request) -> Response:
        found = next((one for one in self.runs if one.id == request.path_params["run"]), None)
        return JSONResponse(_document(found)) if found else _refusal(404, "The run was not found.", {})

    def _new(self, pipeline: str, parameters: dict[str, str], invoked_by: str) -> Run:
        run = Run(str(uuid.uuid4()), pipeline, parameters, datetime.now(UTC), invoked_by)
        self.runs.append(run)
        return run


def _document(run: Run) -> dict[str, Any]:
    return {
        "runId": run.id,
        "pipelineName": run.pipeline,
        "parameters": run.parameters,
        "invokedBy": {"id": "1", "name": run.invoked_by, "invokedByType": run.invoked_by},
        "runStart": run.started_at.isoformat(),
        "runEnd": run.ended_at.isoformat() if run.ended_at else None,
        "status": run.status,
        "message": run.message,
    }


def _refusal(status: int, message: str, headers: dict[str, str]) -> JSONResponse:
    return JSONResponse({"error": {"code": str(status), "message": message}}, status, headers)
