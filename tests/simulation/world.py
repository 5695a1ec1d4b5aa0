"""The world of one seed: two instances of the real services, a queue that misbehaves, people, callers, and a plan of events.

Owns who does what and when. It judges nothing (``invariants``); what goes wrong is drawn in ``faults`` and ``target``.
"""

from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from shared.adapters.sqlite_store import SqliteStore
from shared.cli.rehearsal import Unread
from shared.domain.facts import Facts
from shared.domain.ids import derive
from shared.domain.outcomes import Failed
from shared.domain.policy import Policy
from shared.domain.records import CommandRow
from shared.domain.signals import Signal
from shared.parsing.policy_file import policy_digest
from shared.ports import LoadedPolicy, PoisonMessage, StoreUnavailableError
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.decide import Decider
from shared.services.effects import Hands
from shared.services.execute import CLAIM_FOR, Executor, Loop
from shared.services.ingest import Ingest
from shared.services.lease import Lease, lease_name
from shared.services.poison import PoisonKeeper
from shared.services.retention import Kept, Retention
from shared.services.schedules import Schedules
from shared.services.sweep import Sweeper
from shared.telemetry.fold import decode_window
from shared.telemetry.partials import TrafficPartial
from tests.simulation.faults import Faults, FaultyStore, InlineDatabase
from tests.simulation.scheduler import START, Scheduler, moment
from tests.simulation.target import Target
from tests.simulation.traffic import Callers
from tests.unit.domain.builders import GROUP, SUBJECT, answered, changed, drift_rule, raw_policy, registered

CHAOS = timedelta(hours=8)
CALM = timedelta(hours=10)
RETRY_SECONDS = (5.0, 240.0)
ALERTS = {"when": "infrastructure_alert", "rules": "*", "attribute_within": "30m", "then": "rollback_or_notify"}
OTHER = "bird-strike"  # a second workload: it retrains on request, and what it trains is never registered
FLIGHTS = {
    "monitoring": [drift_rule(**{"for": "1 of 2"}), ALERTS],
    "promotion": {"approval": {"expires": "2h"}, "rollout": {"bake": "5m", "warm_standby": "4h"}},
    "retrain": {"cooldown": "40m", "verify_within": "2h", "estimated_cost": "40 EUR"},
    "limits": {"retrains": ["2/3h", "4/8h"]},
    "telemetry": {"traffic_bucket": "1m", "lateness": "1h"},
}
BIRDS = {
    "name": OTHER,
    "model": f"{OTHER}*",
    "environments": {
        name: {"workspace": f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/birds-{name}"}
        for name in ("development", "staging", "production")
    },
    "monitoring": [],
    "retrain": {"cooldown": "10m", "verify_within": "90m", "estimated_cost": "30 EUR"},
    "limits": {"retrains": ["9/8h"]},
}


def _policy() -> Policy:
    raw = raw_policy(
        FLIGHTS,
        defaults={"limits": {"fleet_retrains": ["2/1h", "5/1d"]}},
        budgets=[{"scope": GROUP, "reserve": "170 EUR"}],
    )
    return Policy.model_validate({**raw, "workloads": [raw["workloads"][0], changed(raw["workloads"][0], BIRDS)]})


POLICY = _policy()


class SimulatedClock:
    """``Clock`` on virtual time."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def now(self) -> datetime:
        """The virtual present."""
        return self._scheduler.now


class FixedPolicies:
    """``PolicySource`` with one policy."""

    def __init__(self, policy: Policy) -> None:
        self._loaded = LoadedPolicy(policy, policy_digest(policy), {"sample_request.json": "{}"})

    async def current(self) -> LoadedPolicy:
        """The policy."""
        return self._loaded


class UnreliableQueue:
    """``CommandQueue`` that delays, reorders, duplicates, and delivers to whichever instance is there."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def poisoned(self, limit: int) -> list[PoisonMessage]:  # noqa: ARG002 - a promise of the port
        """Nothing: this queue gives up on no message."""
        return []

    async def drop_poisoned(self, message: PoisonMessage) -> None:
        """Nothing."""

    async def send(self, subject: str, command_id: str, delay_seconds: float = 0.0) -> None:
        """Queue one command."""
        world = self._world
        await moment()
        if world.faults.strike("queue failed before", 0.25):
            raise StoreUnavailableError("the queue did not answer, and took nothing")
        copies = 1 + world.faults.strike("queue duplicated", 3)
        for _ in range(copies):
            late = (
                world.random.uniform(0, 90) if world.faults.strike("queue delayed", 3) else world.random.uniform(0, 2)
            )
            world.scheduler.after(delay_seconds + late, lambda: world.deliver(subject, command_id))
        if world.faults.strike("queue failed after", 0.25):
            raise StoreUnavailableError("the queue did not answer, and took it")


class Uncollected:
    """``CollectedFiles`` where no collector writes."""

    async def version(self, *_: Any) -> Failed:
        """No file is there."""
        return Failed(retryable=False, reason="nobody collects here")

    read = version


class Undispatched:
    """``Dispatcher`` and ``MarkedModels`` where no policy names a pipeline."""

    async def begin(self, *_: Any) -> Failed:
        """None is started."""
        return Failed(retryable=False, reason="nothing runs pipelines here")

    look = version = begin


class Instance:
    """One process of the app: its own services and memory on the shared store."""

    def __init__(self, world: "World", name: str) -> None:
        self.name, clock = name, SimulatedClock(world.scheduler)
        store: Any = world.wrap(FaultyStore(world.store, world.faults))
        queue, policies, target = UnreliableQueue(world), FixedPolicies(world.policy), world.target
        self.aggregator = Aggregator(store, clock, policies)
        silent = Announcer(store, clock, {})
        self.decider = Decider(store, queue, clock, policies, self.aggregator, silent, Unread())
        self.ingest = Ingest(store, clock, policies, self.decider)
        hands = Hands(target, target, target, Uncollected(), Undispatched(), Undispatched())
        self.executor = Executor(store, queue, clock, policies, Loop(self.decider, self.aggregator), hands)
        self.sweeper = Sweeper(
            store,
            queue,
            clock,
            self.decider,
            self.ingest,
            self.aggregator,
            silent,
            Schedules(store, clock, policies),
            Retention(store, clock, self.aggregator, Kept()),
            PoisonKeeper(store, queue, clock, self.executor),
        )


class World:
    """Everything of one seed. ``wrap`` plants a bug into the store that the instances see."""

    def __init__(self, seed: int, wrap: Callable[[Any], Any] = lambda store: store, policy: Policy = POLICY) -> None:
        self.seed, self.random, self.wrap, self.policy = seed, Random(seed), wrap, policy
        self.scheduler = Scheduler(self.random, self._crash)
        self.scheduler.freezing = self.random.choice([0.0, 0.0005, 0.002])
        self.faults = Faults(self.random, self.random.choice([0.0, 0.01, 0.03, 0.08]))
        self.scheduler.crashing = self.random.choice([0.0, 0.0002, 0.001])
        self.database = InlineDatabase()
        self.store = SqliteStore.__new__(SqliteStore)
        self.store._database = self.database
        self.target = Target(self.scheduler, self.faults, self.lease, self.claim)
        self.instances = {name: Instance(self, name) for name in ("east", "west")}
        self.accepted: set[str] = set()
        self.unexpected: list[str] = []
        self.running: Counter[str] = Counter()
        self.callers = Callers(self)
        self._told = 0

    def play(self, plan: list[tuple[float, Signal]]) -> None:
        """Chaos, then calm; the plan's signals (hours from the beginning) are delivered on the way."""
        for hours, signal in plan:
            self.scheduler.at(START + timedelta(hours=hours), lambda heard=signal: self.push(heard))
        for name in self.instances:
            self._sweep(name)
        self._people()
        self._data_scientists()
        self.callers.begin()
        self.scheduler.run(START + CHAOS)
        self.faults.calm()
        self.scheduler.freezing = self.scheduler.crashing = 0.0
        self.scheduler.run(START + CHAOS + CALM)

    def push(self, signal: Signal) -> None:
        """Deliver a signal until it is answered, and sometimes again."""
        self._deliver_until_answered(signal)
        for _ in range(2):
            if self.faults.strike("delivered again", 5):
                again = self.random.uniform(1, 3600)
                self.scheduler.after(again, lambda: self._hand_over(signal))

    def lease(self, command: Any) -> Lease | None:
        """The lease of a command's endpoint, read behind everybody's back."""
        stored = self.at_once(self.store.document(lease_name(command)))
        return msgspec.json.decode(stored.value, type=Lease) if stored.value else None

    def claim(self, command: Any) -> datetime | None:
        """Until when a command is claimed, read behind everybody's back; None when nobody has claimed it."""
        statement = "SELECT body FROM commands WHERE id = ?"
        (body,) = self.database._inline.execute(statement, (command.id,)).fetchone()
        return msgspec.json.decode(body, type=CommandRow).claimed_until

    def facts(self, subject: str = SUBJECT) -> Facts:
        """The facts as they stand, read behind everybody's back."""
        return self.at_once(self.store.facts(subject)).value

    @staticmethod
    def at_once(work: Coroutine[Any, Any, Any]) -> Any:
        """The result of store work that never waits."""
        try:
            work.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("the store in memory waits for nobody")

    def play_out(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of work of an instance, with nobody else around and nothing going wrong."""
        found: list[Any] = []

        async def run() -> None:
            found.append(await work)

        task = run()
        try:
            while True:
                task.send(None)
        except StopIteration:
            return found[0]

    def requests_counted(self) -> dict[str, int]:
        """All requests in the windows of the traffic log, by the length of these: in buckets, and in those of rules."""
        windows = self.at_once(self.store.windows("traffic/"))
        counted: Counter[str] = Counter()
        for stored in windows.values():
            partial = decode_window(stored.value).partial
            if isinstance(partial, TrafficPartial):
                counted[partial.length] += partial.requests
        return dict(counted)

    def deliver(self, subject: str, command_id: str) -> None:
        """A queue message arrives at an instance."""
        instance = self.any_instance()
        owner = f"{instance.name}/{self.random.getrandbits(40):x}"
        self.start(instance.name, self._execute(instance, subject, command_id, owner))

    async def _execute(self, instance: Instance, subject: str, command_id: str, owner: str) -> None:
        began, ended = self.scheduler.now, False
        self.running[command_id] += 1
        try:
            await instance.executor.run(subject, command_id, owner)
            ended = self.scheduler.now - began < CLAIM_FOR
        finally:
            self.running[command_id] -= 1
            if not ended:  # it died, failed or outlived its claim: what it did may be done once more
                self.target.excused[command_id] += 1

    def _deliver_until_answered(self, signal: Signal) -> None:
        if signal.dedup_key in self.accepted:
            return
        self._hand_over(signal)
        again = self.random.uniform(*RETRY_SECONDS)
        self.scheduler.after(again, lambda: self._deliver_until_answered(signal))

    def _hand_over(self, signal: Signal) -> None:
        instance = self.any_instance()
        self.start(instance.name, self._take(instance, signal))

    async def _take(self, instance: Instance, signal: Signal) -> None:
        receipt = await instance.ingest.take("event_grid", b"{}", [signal])
        assert not receipt.rejected, f"rejected: {signal}"
        self.accepted.add(signal.dedup_key)

    def any_instance(self) -> Instance:
        """Whichever instance the platform picks."""
        return self.random.choice(list(self.instances.values()))

    def start(self, instance: str, work: Coroutine[Any, Any, Any]) -> None:
        """Let an instance work on something; what it ends with is judged."""
        self.scheduler.start(instance, work, self._failed)

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, StoreUnavailableError):
            self.unexpected.append(f"{type(error).__name__}: {error}")

    def _sweep(self, name: str) -> None:
        self.start(name, self.instances[name].sweeper.run())
        slowly = 1 if self.scheduler.now < START + CHAOS else 3
        self.scheduler.after(self.random.uniform(30, 400) * slowly, lambda: self._sweep(name))

    def _crash(self, name: str) -> None:
        """An instance dies at the point that it has come to, and another takes its place with nothing in its memory."""
        self.scheduler.kill(name)
        self.instances[name] = Instance(self, name)

    def _people(self) -> None:
        for version in self.facts().versions.values():
            asked = version.approval
            if asked and version.state == "awaiting_approval":
                by = self.random.choice(["grace@contoso.com", "joan@contoso.com", "ada@contoso.com"])
                answer = "approve" if self.random.random() < 0.85 else "reject"
                self._told += 1
                key = derive("answer", asked.id, by, answer, self._told)
                fields = {"approval_id": asked.id, "evidence_digest": asked.evidence_digest, "by": by}
                self.push(answered(answer, dedup_key=key, occurred_at=self.scheduler.now, **fields))
        self.scheduler.after(self.random.uniform(60, 1200), self._people)

    def _data_scientists(self) -> None:
        while self.target.registers:
            model, number = self.target.registers.pop()
            if model != OTHER:
                self.push(registered(number, occurred_at=self.scheduler.now))
        self.scheduler.after(30, self._data_scientists)
