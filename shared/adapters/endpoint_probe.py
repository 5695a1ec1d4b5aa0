"""Real requests to one deployment of an online endpoint, and the time that they took.

Owns the measuring. Its key or token lives in memory for the length of a probe and is never logged.
Knows nothing of limits: whether a latency is good enough is for the rules to say.
"""

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.adapters import azure_ml_failures as failures
from shared.adapters.arm_names import deployment_id, endpoint_id
from shared.adapters.arm_session import ArmCalls
from shared.adapters.azure_ml_client import AzureMlClients
from shared.domain.commands import CheckEndpoint
from shared.domain.outcomes import Failed, Outcome, Succeeded, Unknown

if TYPE_CHECKING:
    import httpx

CONCURRENCY = 4
WARM_UP_REQUESTS = 5  # the first ones pay for connections and lazy loading, which is not what users will feel
REQUEST_TIMEOUT_SECONDS = 10.0
PROBE_TIMEOUT_SECONDS = 240.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Target:
    """Where requests go, and what lets them in."""

    url: str
    secret: str
    deployment: str

    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.secret}",
            "Content-Type": "application/json",
            "azureml-model-deployment": self.deployment,
        }


@dataclass(frozen=True)
class _Answer:
    """One request: ``status`` 0 when no answer came in time."""

    status: int
    milliseconds: float
    unreached: str = ""  # why there was not even a connection

    @property
    def is_error(self) -> bool:
        return not 200 <= self.status < 300


class EndpointProber:
    """The port ``Prober`` over HTTPS. The whole probe is given up after ``probe_timeout_seconds``."""

    def __init__(self, clients: AzureMlClients, probe_timeout_seconds: float = PROBE_TIMEOUT_SECONDS) -> None:
        self._clients = clients
        self._probe_timeout_seconds = probe_timeout_seconds

    async def probe(self, command: CheckEndpoint, body: str) -> Outcome:
        """Measure. Every counted request has a latency; one without an answer counts as an error and as its time-out."""
        try:
            target = await asyncio.to_thread(self._target, command)
            async with asyncio.timeout(self._probe_timeout_seconds):
                return await _measured(target, command, body)
        except TimeoutError:
            return Failed(retryable=True, reason=f"the probe took more than {self._probe_timeout_seconds:.0f} s")
        except Exception as problem:  # noqa: BLE001 - the port promises an outcome for whatever went wrong
            outcome = failures.classify(problem, command)
            log.warning("probe %s failed: %s", command.id, outcome.reason)
            # Requests change nothing, so there is no effect that could be unknown.
            return Failed(retryable=True, reason=outcome.reason) if isinstance(outcome, Unknown) else outcome

    def _target(self, command: CheckEndpoint) -> _Target:
        arm = self._clients.calls()
        arm.get(deployment_id(command.workspace, command.endpoint, command.deployment))
        resource = endpoint_id(command.workspace, command.endpoint)
        properties = arm.get(resource)["properties"]
        secret = self._secret(arm, resource, str(properties.get("authMode") or "Key"))
        return _Target(str(properties["scoringUri"]), secret, command.deployment)

    def _secret(self, arm: ArmCalls, resource: str, auth_mode: str) -> str:
        match auth_mode.lower():
            case "key":
                return str(arm.post(f"{resource}/listKeys")["primaryKey"])
            case "amltoken":
                return str(arm.post(f"{resource}/token")["accessToken"])
            case _:
                return self._clients.data_plane_token()


async def _measured(target: _Target, command: CheckEndpoint, body: str) -> Outcome:
    import httpx  # noqa: PLC0415 - not needed before the first probe

    async with httpx.AsyncClient(timeout=REQUEST_TIMEOUT_SECONDS, headers=target.headers()) as client:
        warm_up = await _send(client, target, body, WARM_UP_REQUESTS)
        refused = {answer.status for answer in warm_up} & {401, 403, 404}
        if refused:
            reason = f"endpoint {command.endpoint} refuses the probe itself: HTTP {min(refused)}"
            return Failed(retryable=False, reason=reason)
        if all(answer.unreached for answer in warm_up):
            # A name that nobody knows, a private address, a certificate of an own authority: none is the model's fault.
            host, why = httpx.URL(target.url).host, warm_up[-1].unreached
            reason = f"the app cannot connect to {host}, where endpoint {command.endpoint} answers: {why}"
            return Failed(retryable=True, reason=reason)
        return Succeeded(data=_figures(await _send(client, target, body, command.requests)))


async def _send(client: "httpx.AsyncClient", target: _Target, payload: str, requests: int) -> list[_Answer]:
    """Send that many requests, a few at a time."""
    free = asyncio.Semaphore(CONCURRENCY)

    async def one() -> _Answer:
        async with free:
            return await _timed(client, target.url, payload)

    return list(await asyncio.gather(*(one() for _ in range(requests))))


async def _timed(client: "httpx.AsyncClient", url: str, payload: str) -> _Answer:
    import httpx  # noqa: PLC0415 - as above

    began, status, unreached = time.perf_counter(), 0, ""
    try:
        status = (await client.post(url, content=payload.encode())).status_code
    except httpx.ConnectError as error:
        unreached = str(error) or type(error).__name__
    except httpx.TransportError:
        pass
    return _Answer(status, (time.perf_counter() - began) * 1000, unreached)


def _figures(answers: list[_Answer]) -> dict[str, str | float]:
    errors = sum(answer.is_error for answer in answers)
    latencies = sorted(answer.milliseconds for answer in answers)
    figures: dict[str, str | float] = {"requests": len(answers), "errors": errors}
    figures["error_rate"] = errors / len(answers) if answers else 0.0
    if latencies:
        figures |= {f"latency_p{percent}_ms": round(_percentile(latencies, percent), 3) for percent in (50, 95, 99)}
    return figures


def _percentile(ordered: list[float], percent: int) -> float:
    """The nearest-rank percentile: a latency that one of the requests really had."""
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]
