"""The cost of decisions: in the pure core, through the services and the embedded store, and of loading the policy.

Owns what one unit of each is. Uses the product's own path, with no part left out.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import yaml

from benchmarks.decisions.policies import NOW, SHAPES, Shape
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.domain import routing
from shared.domain.evaluate import evaluate
from shared.domain.evaluate_shared import evaluate_budget
from shared.domain.facts import Facts, Version
from shared.domain.policy import Policy
from shared.domain.signals import Signal
from shared.domain.situation import Setting, Situation
from shared.parsing.policy_file import policy_digest, read_policy
from shared.ports import LoadedPolicy
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.decide import Decider
from shared.services.ingest import Ingest

TIMES = 60  # that the signals of a shape are judged in one turn
TIMES_THROUGH_THE_STORE = 4
SERVING = Version(version="1", model="m", state="serving", since=NOW, registered_at=NOW, deployment="version-1")
FACTS = Facts(versions={"1": SERVING}, champion="1")


def policy_of(shape: Shape, rules: int) -> Policy:
    """A policy with so many rules."""
    return Policy.model_validate(shape.write(rules))


def core(shape: Shape, rules: int) -> Callable[[], int]:
    """Scope, route and evaluate, as pure functions. A unit is one decision."""
    policy = policy_of(shape, rules)
    digest, signals = policy_digest(policy), shape.speak(rules, "once")

    def decide() -> int:
        return sum(_judge(policy, digest, signal) for _ in range(TIMES) for signal in signals)

    return decide


def _judge(policy: Policy, digest: str, signal: Signal) -> int:
    if routing.out_of_scope(policy, signal):
        raise AssertionError(f"the benchmark speaks of nothing: {signal}")
    subjects = routing.route(policy, signal)
    for subject in subjects:
        fields: dict[str, Any] = {"policy": policy, "policy_digest": digest, "subject": subject, "signal": signal}
        if routing.is_budget(subject):
            evaluate_budget(Setting(**fields, facts=Facts(), now=NOW))
        else:
            workload = policy.workload(routing.workload_of(subject))
            evaluate(Situation(**fields, workload=workload, facts=FACTS, now=NOW))
    return len(subjects)


class Fixed:
    """The clock and the policy of a benchmark: neither changes."""

    def __init__(self, policy: Policy) -> None:
        self._loaded = LoadedPolicy(policy, policy_digest(policy), {})

    def now(self) -> datetime:
        return NOW

    async def current(self) -> LoadedPolicy:
        return self._loaded

    async def rows(self, workspace: str, data: str) -> int | None:  # noqa: ARG002  # no policy of these asks for rows
        return None


class ThroughTheStore:
    """The services on an embedded store in memory: accepted, routed, decided, committed. A unit is one signal."""

    def __init__(self, shape: Shape, rules: int, runner: asyncio.Runner) -> None:
        self._shape, self._rules, self._runner = shape, rules, runner
        self._fixed, self._store = Fixed(policy_of(shape, rules)), SqliteStore(":memory:")
        self._turns = count()
        runner.run(self._store.open())
        queue = SqliteQueue(self._store.database, self._fixed)
        aggregator = Aggregator(self._store, self._fixed, self._fixed)
        silent = Announcer(self._store, self._fixed, {})
        decider = Decider(self._store, queue, self._fixed, self._fixed, aggregator, silent, self._fixed)
        self._ingest = Ingest(self._store, self._fixed, self._fixed, decider)

    def __call__(self) -> int:
        """Take as many signals as make a turn, all of them new."""
        signals = [
            signal
            for _ in range(TIMES_THROUGH_THE_STORE)
            for signal in self._shape.speak(self._rules, str(next(self._turns)))
        ]
        receipt = self._runner.run(self._ingest.take("benchmark", b"", signals))
        if receipt.accepted != len(signals) or receipt.undecided:
            raise AssertionError(f"not every signal was decided: {receipt}")
        return len(signals)

    def close(self) -> None:
        """Let go of the store."""
        self._runner.run(self._store.close())


def loading(shape: Shape, rules: int) -> Callable[[], int]:
    """Reading the file, checking it and building its tables. A unit is one rule."""
    text = yaml.safe_dump(shape.write(rules), sort_keys=False)

    def load() -> int:
        policy = read_policy("policy.yaml", text)
        _ = policy.index, [workload.alert_rule("") for workload in policy.workloads]
        return rules

    return load


__all__ = ["SHAPES", "ThroughTheStore", "core", "loading"]
