"""The target: Azure ML and people's channels as the ports see them, with everything that they may do wrong.

Owns the state of endpoints and jobs, and a journal of effects. It answers 409 while an endpoint changes, 429 and 500 at will, and
times out before or after it acted. Whatever it is told under one idempotent name it does once.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.commands import (
    CheckEndpoint,
    DeployModel,
    RemoveDeployment,
    RestartDeployment,
    Retrain,
    RollBackTraffic,
    RunEvaluation,
    ScaleDeployment,
    SetTraffic,
    kind_of,
)
from shared.domain.effects import EndpointWrite
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.services.lease import Lease
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Scheduler, moment
from tests.unit.services.telemetry_messages import TAGS

POLL = timedelta(seconds=15)
CALL_SECONDS_MAX = 60.0  # the client's own time-out


@dataclass(frozen=True)
class Effect:
    """Something that changed in the world outside."""

    at: datetime
    kind: str
    command: str
    detail: str = ""


@dataclass
class Endpoint:
    """One online endpoint: its deployments, its traffic, and the write under way."""

    deployments: set[str] = field(default_factory=set)
    traffic: dict[str, int] = field(default_factory=dict)
    busy_until: datetime | None = None
    mark: str = ""
    result: dict[str, int] | None = None


@dataclass
class Job:
    """A job under a name that makes a second try find the first."""

    ends: datetime
    data: dict[str, Any]
    fails: bool = False


class Target:
    """``Workspace``, ``Prober`` and ``Messenger`` in one."""

    def __init__(
        self,
        scheduler: Scheduler,
        faults: Faults,
        lease: Callable[[Any], Lease | None],
        claim: Callable[[Any], datetime | None],
    ) -> None:
        self._scheduler, self._faults, self._lease, self._claim = scheduler, faults, lease, claim
        self.outside_lease: list[str] = []
        self.outside_claim: list[str] = []
        self.endpoints: dict[str, Endpoint] = {}
        self.jobs: dict[str, Job] = {}
        self.journal: list[Effect] = []
        self.excused: Counter[str] = Counter()  # by command: calls whose effect the caller could not know
        self.trained = 0
        self.doubtful: set[str] = set()  # commands of which a call ended without an answer
        self.registers: list[tuple[str, str]] = []  # models and versions that are trained and not yet registered
        self.rollbacks: set[str] = set()

    async def begin(self, command: Any, now: datetime) -> Any:
        """``Workspace.begin``."""
        self._check_claim(command)
        if isinstance(command, EndpointWrite):
            self._check_lease(command)
        refusal = await self._before(command)
        if refusal:
            return refusal
        if isinstance(command, Retrain) and self._faults.strike("no quota", 3):
            return Failed(retryable=False, reason="403 the quota of the subscription is used up")
        outcome = self._begin_write(command, now) if isinstance(command, EndpointWrite) else self._begin_job(command)
        return await self._after(command, outcome)

    async def look(self, command: Any, operation: str, now: datetime) -> Any:
        """``Workspace.look``."""
        await moment(self._scheduler.random.uniform(0, 2))
        if self._faults.strike("look failed"):
            return Started(operation=operation, look_again_at=now + POLL)
        job = self.jobs.get(command.id)
        if job and self._scheduler.now < job.ends:
            return Started(operation=operation, look_again_at=self._scheduler.now + POLL)
        if job:
            return Failed(retryable=False, reason="the job failed") if job.fails else Succeeded(data=job.data)
        return self._look_write(command, operation)

    async def read_reference(self, _: Any) -> Any:
        """``Workspace.read_reference``."""
        await moment(1)
        return Failed(retryable=True, reason="500") if self._faults.strike("read failed") else TAGS

    async def probe(self, command: CheckEndpoint, _: str) -> Any:
        """``Prober.probe``: it changes nothing, so it may be repeated at will."""
        await moment(self._scheduler.random.uniform(1, 20))
        if self._faults.strike("probe failed"):
            return Failed(retryable=True, reason="502")
        return Succeeded(data={"requests": float(command.requests), "latency_p95_ms": 40.0, "error_rate": 0.0})

    async def send(self, message: Any) -> Any:
        """``Messenger.send``."""
        self._check_claim(message)
        refusal = await self._before(message)
        if refusal:
            return refusal
        self._note(message, message.title)
        return await self._after(message, Succeeded())

    def _check_claim(self, command: Any) -> None:
        """A call may begin only under a claim that outlasts it: afterwards another may do the same, or has done it."""
        until, ends = self._claim(command), self._scheduler.now + timedelta(seconds=CALL_SECONDS_MAX)
        if until is None or until < ends:
            self.outside_claim.append(f"{kind_of(command)} {command.id} began under a claim that ends too early")

    def _check_lease(self, command: Any) -> None:
        """A write may begin only under a lease that outlasts the call, or that a rollback took from it."""
        lease, ends = self._lease(command), self._scheduler.now + timedelta(seconds=CALL_SECONDS_MAX)
        if lease is None or (lease.holder == command.id and lease.until < ends):
            self.outside_lease.append(f"{kind_of(command)} {command.id} began under a lease that ends too early")
        elif lease.holder != command.id and lease.until > self._scheduler.now and lease.holder not in self.rollbacks:
            self.outside_lease.append(f"{kind_of(command)} {command.id} began under the lease of {lease.holder}")
        if isinstance(command, RollBackTraffic):
            self.rollbacks.add(command.id)

    async def _before(self, command: Any) -> Any:
        await moment(self._scheduler.random.uniform(0, 5))
        if self._faults.strike("target 429"):
            return Failed(retryable=True, reason="429 Too Many Requests")
        if self._faults.strike("target 500"):
            return Failed(retryable=True, reason="500 Internal Server Error")
        if self._faults.strike("timed out before acting"):
            self.doubtful.add(command.id)
            await moment(CALL_SECONDS_MAX)
            return Unknown(reason="no answer")
        return None

    async def _after(self, command: Any, outcome: Any) -> Any:
        self.excused[command.id] += 1  # until the answer is with the caller, nobody can know
        if self._faults.strike("timed out after acting"):
            await moment(CALL_SECONDS_MAX)
            return Unknown(reason="no answer")
        await moment(self._scheduler.random.uniform(0, 3))
        self.excused[command.id] -= 1
        return outcome

    def _note(self, command: Any, detail: str = "") -> None:
        self.journal.append(Effect(self._scheduler.now, kind_of(command), command.id, detail))

    def _begin_job(self, command: Any) -> Any:
        random = self._scheduler.random
        if command.id not in self.jobs:
            data: dict[str, Any] = {}
            if isinstance(command, Retrain):
                self.trained += 1
                version = str(100 + self.trained)
                data = {"model_version": version}
            elif isinstance(command, RunEvaluation):
                data = {"auc": 0.71, "auc_champion": 0.69, "auc_vs_champion": 0.01}
            fails = random.random() < 0.1 and not isinstance(command, RunEvaluation)
            ends = self._scheduler.now + timedelta(seconds=random.uniform(20, 900))
            self.jobs[command.id] = Job(ends, data, fails)
            self._note(command)
            if isinstance(command, Retrain) and not fails:
                self._scheduler.at(ends, lambda: self.registers.append((command.model, data["model_version"])))
        return Started(operation=command.id, look_again_at=self._scheduler.now + POLL)

    def _begin_write(self, command: Any, now: datetime) -> Any:
        del now
        endpoint = self.endpoints.setdefault(f"{command.workspace}/{command.endpoint}".lower(), Endpoint())
        self.settle(endpoint)
        if endpoint.busy_until:
            if endpoint.mark == command.id:
                return self._started()
            if not {endpoint.mark, command.id} & self.rollbacks:
                self.outside_lease.append(f"{kind_of(command)} {command.id} met our own write {endpoint.mark}")
            return Failed(retryable=True, reason="409 the endpoint is Updating")
        if isinstance(command, DeployModel):
            endpoint.deployments.add(command.deployment)
            return self._write(endpoint, command, command.deployment)
        if isinstance(command, ScaleDeployment | RestartDeployment):
            return self._write(endpoint, command, command.deployment)
        if isinstance(command, RemoveDeployment):
            return self._remove(endpoint, command)
        wanted = {name: share for name, share in command.traffic.items() if share}
        if endpoint.traffic == wanted:
            return Succeeded(data={"traffic": _shown(wanted)})
        missing = set(wanted) - endpoint.deployments
        if missing:
            return Failed(retryable=False, reason=f"400 no such deployment: {sorted(missing)}")
        endpoint.result = wanted
        return self._write(endpoint, command, _shown(wanted))

    def _remove(self, endpoint: Endpoint, command: RemoveDeployment) -> Any:
        if command.deployment not in endpoint.deployments:
            return Succeeded()
        if endpoint.traffic.get(command.deployment):
            return Failed(retryable=False, reason="400 the deployment has traffic")
        endpoint.deployments.discard(command.deployment)
        return self._write(endpoint, command, command.deployment)

    def _write(self, endpoint: Endpoint, command: Any, detail: str) -> Started:
        endpoint.busy_until = self._scheduler.now + timedelta(seconds=self._scheduler.random.uniform(5, 240))
        endpoint.mark = command.id
        self._note(command, detail)
        return self._started()

    def _started(self) -> Started:
        return Started(operation="endpoint", look_again_at=self._scheduler.now + POLL)

    def settle(self, endpoint: Endpoint) -> None:
        """A write whose time is over is in force."""
        if endpoint.busy_until and self._scheduler.now >= endpoint.busy_until:
            endpoint.busy_until = None
            if endpoint.result is not None:
                endpoint.traffic, endpoint.result = endpoint.result, None

    def _look_write(self, command: Any, operation: str) -> Any:
        endpoint = self.endpoints[f"{command.workspace}/{command.endpoint}".lower()]
        self.settle(endpoint)
        if endpoint.busy_until:
            return Started(operation=operation, look_again_at=self._scheduler.now + POLL)
        if isinstance(command, SetTraffic | RollBackTraffic):
            wanted = {name: share for name, share in command.traffic.items() if share}
            found = _shown(endpoint.traffic)
            if endpoint.traffic != wanted:
                return Failed(retryable=False, reason="changed by somebody else", data={"traffic": found})
            return Succeeded(data={"traffic": found})
        return Succeeded()


def _shown(traffic: dict[str, int]) -> str:
    return ",".join(f"{name}={share}" for name, share in sorted(traffic.items())) or "none"
