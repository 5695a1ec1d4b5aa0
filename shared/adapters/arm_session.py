"""Calls to Azure Resource Manager and its data-plane fronts: one request, one answer, no retry and no waiting.

Owns the HTTP pipeline (token, time-outs) and the time budget of one command. Knows nothing of endpoints, jobs or models.
The pipelines inside azure-ai-ml repeat on their own and poll in a thread until a write has ended; a write under a lease
must do neither: repeats belong to the queue, and the lease has to outlast the whole budget. So endpoints are written here.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)
from azure.core.pipeline.policies import DistributedTracingPolicy, RequestIdPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from shared.adapters.arm_throttling import ArmThrottling

Json = dict[str, Any]

API_VERSION = (
    "2025-12-01"  # generally available, and the one that azure-ai-ml 1.35 speaks: one set of definitions for both
)
CONNECT_TIMEOUT_SECONDS = 10.0
PUBLIC_ARM = "https://management.azure.com"


class ArmSession:
    """The pooled connection and the token cache of one cloud. Opens nothing until the first call."""

    def __init__(self, credential: TokenCredential, endpoint: str, throttling: ArmThrottling | None = None) -> None:
        self._throttling = throttling or ArmThrottling()
        self.endpoint = endpoint.rstrip("/")
        policies = [
            RequestIdPolicy(),
            UserAgentPolicy("outerloop"),
            ARMChallengeAuthenticationPolicy(credential, f"{self.endpoint}/.default"),
            DistributedTracingPolicy(),
        ]
        self._client: PipelineClient[Any, Any] = PipelineClient(base_url=self.endpoint, policies=policies)

    def send(self, request: HttpRequest, timeout_seconds: float) -> HttpResponse:
        """Send once and read the whole answer, whatever its status.

        Raises:
            ServiceRequestError: nothing was sent.
            ServiceResponseError: it was sent, and no answer came.
        """
        response: HttpResponse = self._client.send_request(
            request,
            connection_timeout=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds),
            read_timeout=timeout_seconds,
        )
        self._throttling.note(request.url, response.status_code)
        return response


class ArmCalls:
    """The calls of one command. All of them share one time budget, so that a lease can be chosen to outlast it."""

    def __init__(
        self, session: ArmSession, budget_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._monotonic = monotonic
        self._ends = monotonic() + budget_seconds

    def get(self, path: str, api_version: str | None = API_VERSION, **query: str) -> Json:
        """The resource at a path below ARM, or at a whole URL.

        Raises:
            HttpResponseError: any status but 2xx.
            ServiceRequestError: no answer, one that ends in its middle, or one without a document, which nobody may take for
                an empty list; a read has no effect, so it may simply be repeated.
        """
        try:
            found = self._send("GET", path, api_version, None, query)
        except (ServiceResponseError, DecodeError, ValueError) as lost:
            raise ServiceRequestError(f"no whole answer to a read: {lost}") from lost
        if not found:
            raise ServiceRequestError(f"an answer to a read without a document: {path.partition('?')[0]}")
        return found

    def is_own(self, url: str) -> bool:
        """Whether a whole URL that an answer names leads to where the calls go: the token is for nobody else."""
        return url.startswith(f"{self._session.endpoint}/")

    def find(self, path: str, api_version: str | None = API_VERSION) -> Json | None:
        """Like ``get``; None when there is no such resource."""
        try:
            return self.get(path, api_version)
        except HttpResponseError as problem:
            if problem.status_code == 404:
                return None
            raise

    def put(self, path: str, body: Json, api_version: str | None = API_VERSION) -> Json:
        """Create or replace a resource. Returns the first answer; the work usually goes on after it.

        Raises:
            HttpResponseError: any status but 2xx.
            ServiceRequestError: nothing was sent, or the budget was used up before it.
            ServiceResponseError: it was sent, and no answer came.
        """
        return self._send("PUT", path, api_version, body, {})

    def patch(self, path: str, body: Json, api_version: str | None = API_VERSION) -> Json:
        """Change a part of a resource; answers and raises like ``put``."""
        return self._send("PATCH", path, api_version, body, {})

    def post(self, path: str, body: Json | None = None, api_version: str | None = API_VERSION, **headers: str) -> Json:
        """Ask for an action on a resource, with more headers if need be; raises like ``put``."""
        return self._send("POST", path, api_version, body, {}, headers)

    def order(self, path: str, body: Json, api_version: str | None = API_VERSION) -> str:
        """Ask for an action that takes long: the address that says what became of it; empty when none was told."""
        headers = self._answer("POST", path, api_version, body, {}).headers
        return str(headers.get("azure-asyncoperation") or headers.get("location") or "")

    def delete(self, path: str, api_version: str | None = API_VERSION) -> int:
        """Begin to delete a resource; the status: 200 and 204 are done, 202 is under way. Raises like ``put``."""
        return self._answer("DELETE", path, api_version, None, {}).status_code

    def _send(
        self,
        method: str,
        path: str,
        api_version: str | None,
        body: Json | None,
        query: dict[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        response = self._answer(method, path, api_version, body, query, headers)
        return response.json() or {} if response.text().strip() else {}

    def _answer(
        self,
        method: str,
        path: str,
        api_version: str | None,
        body: Json | None,
        query: dict[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        url = path if path.startswith("https://") else f"{self._session.endpoint}{path}"
        params = {"api-version": api_version, **query} if api_version else query
        request = HttpRequest(method, url, params=params, json=body, headers=dict(headers or {}))
        response = self._session.send(request, self._remaining_seconds())
        if not 200 <= response.status_code < 300:
            raise HttpResponseError(response=response)
        return response

    def _remaining_seconds(self) -> float:
        remaining = self._ends - self._monotonic()
        if remaining <= 0:
            raise ServiceRequestTimeoutError("the command's time was used up before this call was sent")
        return remaining
