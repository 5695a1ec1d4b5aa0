"""The scoring front of the online endpoints: checks the key, picks a deployment, forwards, writes the traffic log.

Owns what a caller of `/score` sees: status codes and headers of a managed online endpoint (ai-docs
how-to-troubleshoot-online-endpoints, "HTTP status codes"). It reads keys and weights from the registry of endpoints
and addresses from the deployments, and changes neither.
"""

import asyncio
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.azure.deployments import DeploymentKey
from local.azure.traffic_log import Exchange, traffic_record
from local.azure.traffic_split import TrafficSplit

BODY_BYTES_MAX = 5 * 1024 * 1024
IN_FLIGHT_MAX = 100
REQUEST_SECONDS_MAX = 30.0
DEPLOYMENT_HEADER = "azureml-model-deployment"


class EndpointView(Protocol):
    """What the router reads of an endpoint."""

    @property
    def name(self) -> str:
        """The name as it was created; callers may write it in another case."""

    @property
    def key(self) -> str:
        """The bearer key that callers must show."""

    @property
    def traffic(self) -> Mapping[str, int]:
        """Weights by deployment, summing to 0 or 100."""

    @property
    def mirror(self) -> Mapping[str, int]:
        """The percent of requests that a deployment gets a copy of."""

    @property
    def deployments(self) -> Mapping[str, Any]:
        """The deployments that exist, by name."""

    @property
    def on_cluster(self) -> bool:
        """Whether it is on an attached Kubernetes cluster."""


class EndpointSource(Protocol):
    """The registry of endpoints."""

    def get(self, workspace_id_lower: str, name: str, /) -> EndpointView | None:
        """The endpoint, or None."""


class DeploymentAddresses(Protocol):
    """Where deployments answer."""

    def url(self, key: DeploymentKey) -> str | None:
        """The address, or None when it is not running."""


@dataclass(frozen=True)
class Answer:
    """What goes back to the caller; `model_status` is what the model itself said, if it was asked."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    deployment: str = ""
    model_status: int | None = None
    model_ms: float = 0.0

    @classmethod
    def refusal(cls, status: int, message: str, deployment: str = "", model_status: int | None = None) -> "Answer":
        """An answer in plain text that did not come from the model."""
        return cls(status, message.encode(), {"content-type": "text/plain"}, deployment, model_status)


class ScoringRouter:
    """Serves `/score/{subscription}/{group}/{workspace}/{endpoint}`; `emit` gets one traffic record per request."""

    def __init__(
        self,
        endpoints: EndpointSource,
        deployments: DeploymentAddresses,
        emit: Callable[[dict[str, Any]], None],
        location: str = "westeurope",
    ) -> None:
        self._endpoints = endpoints
        self._deployments = deployments
        self._emit = emit
        self._location = location
        self._split = TrafficSplit()
        self._copies: set[asyncio.Task[None]] = set()
        self._in_flight: dict[tuple[str, str], int] = {}
        # keepalive_expiry is below the scoring server's idle limit: a reused connection is never half closed
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=30)
        self._client = httpx.AsyncClient(limits=limits, timeout=REQUEST_SECONDS_MAX, trust_env=False)

    @property
    def routes(self) -> list[Route]:
        """What to mount into a Starlette application."""
        return [Route("/score/{subscription}/{group}/{workspace}/{endpoint}", self.score, methods=["POST"])]

    async def close(self) -> None:
        """Let the copies under way end, and close the pooled connections."""
        await self.quiet()
        await self._client.aclose()

    async def quiet(self) -> None:
        """Return when no mirrored copy is under way."""
        await asyncio.gather(*self._copies)

    async def score(self, request: Request) -> Response:
        """Answer one scoring request, and write its traffic record unless there is no such endpoint."""
        started, at = time.perf_counter(), datetime.now(UTC)
        path = request.path_params
        workspace = workspace_id(path["subscription"], path["group"], path["workspace"])
        endpoint = self._endpoints.get(workspace, path["endpoint"])
        if endpoint is None:
            return Response("There is no such endpoint.", 404)
        body = await _read(request)
        read_ms = (time.perf_counter() - started) * 1000
        self._mirror(request, endpoint, (workspace, endpoint.name), body)
        answer = await self._admit(request, endpoint, (workspace, endpoint.name), body)
        request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
        exchange = _exchange(request, (workspace, endpoint.name), at, answer, request_id)
        timed = replace(
            exchange,
            request_bytes=0 if body is None else len(body),
            total_ms=(time.perf_counter() - started) * 1000,
            request_ms=read_ms,
        )
        if not endpoint.on_cluster:  # whose requests reach Azure Monitor only by what people set up themselves
            self._emit(traffic_record(timed, self._location))
        named = {DEPLOYMENT_HEADER: answer.deployment} if answer.deployment else {}
        return Response(answer.body, answer.status, {**answer.headers, **named, "x-request-id": request_id})

    def _mirror(self, request: Request, endpoint: EndpointView, name: tuple[str, str], body: bytes | None) -> None:
        """Send a copy to the deployment that shadows, in the background: the caller waits for nothing and sees nothing of it.

        A request that names a deployment is not mirrored (how-to-safely-rollout-online-endpoints).
        """
        if body is None or DEPLOYMENT_HEADER in request.headers or not _shows_key(request, endpoint.key):
            return
        shadow = self._split.mirrored(name, endpoint.mirror)
        url = self._deployments.url(DeploymentKey(name[0], name[1], shadow)) if shadow else None
        if shadow and url:
            copy = asyncio.create_task(self._copy(request, url, (*name, shadow), body))
            self._copies.add(copy)
            copy.add_done_callback(self._copies.discard)

    async def _copy(self, request: Request, url: str, name: tuple[str, str, str], body: bytes) -> None:
        started, at = time.perf_counter(), datetime.now(UTC)
        answer = await self._forward(request, url, name[2], body)
        exchange = _exchange(request, name[:2], at, answer, str(uuid.uuid4()))
        took_ms = (time.perf_counter() - started) * 1000
        self._emit(traffic_record(replace(exchange, request_bytes=len(body), total_ms=took_ms), self._location))

    async def _admit(
        self, request: Request, endpoint: EndpointView, name: tuple[str, str], body: bytes | None
    ) -> Answer:
        """Everything that is checked before a deployment is troubled, in Azure's order."""
        if not _shows_key(request, endpoint.key):
            return Answer.refusal(401, "key_auth_access_denied")
        if body is None:
            return Answer.refusal(413, "The request is over 5 MB.")
        deployment = request.headers.get(DEPLOYMENT_HEADER) or self._split.pick(name, endpoint.traffic)
        if deployment is None:
            return Answer.refusal(503, "No deployment of this endpoint has traffic.")
        if deployment not in endpoint.deployments:
            return Answer.refusal(404, f"Specified deployment could not be found: {deployment}")
        url = self._deployments.url(DeploymentKey(name[0], name[1], deployment))
        if url is None:
            return Answer.refusal(503, "The deployment is not ready.", deployment)
        if self._in_flight.get(name, 0) >= IN_FLIGHT_MAX:
            return Answer.refusal(429, "Too many pending requests.", deployment)
        self._in_flight[name] = self._in_flight.get(name, 0) + 1
        try:
            return await self._forward(request, url, deployment, body)
        finally:
            self._in_flight[name] -= 1

    async def _forward(self, request: Request, url: str, deployment: str, body: bytes) -> Answer:
        """Ask the deployment; a status other than 200 becomes 424, a dead process 502, a slow one 408."""
        content_type = request.headers.get("content-type", "application/json")
        sent = time.perf_counter()
        try:
            reply = await self._client.post(url + "/score", content=body, headers={"content-type": content_type})
        except httpx.TimeoutException:
            return Answer.refusal(408, "The model took too long.", deployment, 408)
        except httpx.HTTPError as error:
            return Answer.refusal(502, f"The deployment's container failed: {type(error).__name__}", deployment, 502)
        took_ms = (time.perf_counter() - sent) * 1000
        headers = {"content-type": reply.headers.get("content-type", "application/json")}
        if reply.status_code == 200:
            return Answer(200, reply.content, headers, deployment, 200, took_ms)
        headers["ms-azureml-model-error-statuscode"] = str(reply.status_code)
        headers["ms-azureml-model-error-reason"] = "model_error"
        return Answer(424, reply.content, headers, deployment, reply.status_code, took_ms)


def _exchange(request: Request, name: tuple[str, str], at: datetime, answer: Answer, request_id: str) -> Exchange:
    """What is known of an exchange when its answer is there, without its times."""
    return Exchange(
        at=at,
        workspace=name[0],
        endpoint=name[1],
        deployment=answer.deployment,
        response_code=answer.status,
        model_status_code=answer.model_status,
        request_bytes=0,
        response_bytes=len(answer.body),
        total_ms=0.0,
        request_ms=0.0,
        response_ms=answer.model_ms,
        request_id=request_id,
        client_request_id=request.headers.get("x-ms-client-request-id", ""),
        user_agent=request.headers.get("user-agent", ""),
    )


def workspace_id(subscription: str, group: str, workspace: str) -> str:
    """The lower-case ARM id of a workspace."""
    provider = "microsoft.machinelearningservices"
    return f"/subscriptions/{subscription}/resourcegroups/{group}/providers/{provider}/workspaces/{workspace}".lower()


def _shows_key(request: Request, key: str) -> bool:
    shown = request.headers.get("authorization", "")
    return secrets.compare_digest(shown.encode(), f"Bearer {key}".encode())


async def _read(request: Request) -> bytes | None:
    """The body, or None when it is over 5 MB (the rest is not read)."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
