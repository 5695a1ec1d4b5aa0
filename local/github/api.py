"""GitHub's REST API as far as it starts and shows workflow runs, below ``/api/v3`` as on an Enterprise Server.

Owns paths, statuses, bodies and limits (docs.github.com REST 2022-11-28; @octokit/openapi-types 29.0.1). What goes wrong on
purpose is a ``Fault``. Every accepted effect is one journal entry.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.effects import Recorder
from local.faults import Fault, struck
from local.github.workflows import RefusedError, Repositories, Run

ROOT = "/api/v3"
INPUTS_MAX, PAYLOAD_KEYS_MAX, PAYLOAD_BYTES_MAX, EVENT_TYPE_MAX = 25, 10, 64 * 1024, 100
VERSION = "2022-11-28"


class GitHub:
    """The API of one GitHub. ``knows_details``: whether it knows ``return_run_details``, as github.com does since 2026."""

    def __init__(self, repositories: Repositories, recorder: Recorder, *, knows_details: bool = True) -> None:
        self.repositories, self.faults = repositories, list[Fault]()
        self.token = f"github_pat_{secrets.token_urlsafe(24)}"
        self._recorder, self._knows_details = recorder, knows_details

    @property
    def routes(self) -> list[Route]:
        """What to mount into a Starlette application that is served with TLS."""
        repository = f"{ROOT}/repos/{{owner}}/{{name}}"
        return [
            self._route("POST", f"{repository}/actions/workflows/{{file}}/dispatches", self._dispatch),
            self._route("POST", f"{repository}/dispatches", self._announce),
            self._route("GET", f"{repository}/actions/workflows/{{file}}/runs", self._list),
            self._route("GET", f"{repository}/actions/runs", self._list),
            self._route("GET", f"{repository}/actions/runs/{{run:int}}", self._get),
        ]

    def _route(self, method: str, path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
        async def guarded(request: Request) -> Response:
            refusal = self._refusal(request)
            if refusal:
                return refusal
            return await struck(self.faults, request, lambda: _said(answer(request)), _message)

        return Route(path, guarded, methods=[method])

    def _refusal(self, request: Request) -> Response | None:
        if not request.headers.get("user-agent"):
            return _message(403, "Request forbidden by administrative rules.")
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(shown.encode(), self.token.encode()):
            return _message(401, "Bad credentials")
        if request.headers.get("x-github-api-version", VERSION) != VERSION:
            return _message(400, "The API version is not supported.")
        return None

    async def _dispatch(self, request: Request) -> Response:
        """204 without a word about the run, or 200 with its number when the body asks for that."""
        body, names = await _body(request), request.path_params
        details = body.pop("return_run_details", None)
        if details is not None and not self._knows_details:
            raise RefusedError(422, 'Invalid request. "return_run_details" is not a permitted key.')
        inputs = body.get("inputs") or {}
        if not isinstance(body.get("ref"), str) or len(inputs) > INPUTS_MAX:
            raise RefusedError(422, "Invalid request.")
        run = self.repositories.dispatch(_repository(request), names["file"], body["ref"], inputs)
        self._recorder.record("workflow_dispatched", f"{run.repository}/{names['file']}", run=run.id, inputs=inputs)
        if not details:
            return Response(status_code=204)
        shown = _document(request, run)
        found = {"workflow_run_id": run.id, "run_url": shown["url"], "html_url": shown["html_url"]}
        return JSONResponse(found)

    async def _announce(self, request: Request) -> Response:
        body = await _body(request)
        kind, payload = body.get("event_type"), body.get("client_payload") or {}
        if not isinstance(kind, str) or not 0 < len(kind) <= EVENT_TYPE_MAX:
            raise RefusedError(422, "Invalid request. event_type is not valid.")
        if len(payload) > PAYLOAD_KEYS_MAX or len(json.dumps(payload)) >= PAYLOAD_BYTES_MAX:
            raise RefusedError(422, "Invalid request. client_payload is not valid.")
        for run in self.repositories.announce(_repository(request), kind, payload):
            self._recorder.record("repository_dispatched", f"{run.repository}/{kind}", run=run.id, payload=payload)
        return Response(status_code=204)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        created = query.get("created", "")
        since = datetime.fromisoformat(created.removeprefix(">=")) if created else None
        file = request.path_params.get("file")
        found = self.repositories.listed(_repository(request), file, query.get("event", ""), since)
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        shown = found[(page - 1) * size : page * size]
        runs = [_document(request, run) for run in shown]
        return JSONResponse({"total_count": len(found), "workflow_runs": runs})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(_document(request, self.repositories.run(_repository(request), request.path_params["run"])))


async def _said(answer: Awaitable[Response]) -> Response:
    try:
        return await answer
    except RefusedError as refused:
        return _message(refused.status, refused.message)


async def _body(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RefusedError(400, "Problems parsing JSON")
    return found


def _repository(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['name']}"


def _document(request: Request, run: Run) -> dict[str, Any]:
    """A run as GitHub shows it: those fields that anybody here reads, and who they are."""
    base = f"{request.url.scheme}://{request.url.netloc}"
    return {
        "id": run.id,
        "name": run.workflow.name,
        "display_title": run.title,
        "path": f".github/workflows/{run.workflow.file}",
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "run_attempt": 1,
        "created_at": _moment(run.created_at),
        "updated_at": _moment(run.updated_at),
        "url": f"{base}{ROOT}/repos/{run.repository}/actions/runs/{run.id}",
        "html_url": f"{base}/{run.repository}/actions/runs/{run.id}",
    }


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _message(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"message": message, "documentation_url": "https://docs.github.com/rest"}, status, headers)
