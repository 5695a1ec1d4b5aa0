"""The two ways of a signal that are compared: through the services, and by the same calls with a constant decision.

Owns the comparison's fairness: what the services called on store and queue is recorded once, then played back with new ids
and bodies of the same size. Whatever the services come to call, the other way calls too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from benchmarks.decisions.costs import FACTS
from benchmarks.decisions.policies import NOW
from benchmarks.signals.stores import Opened
from shared.domain.decisions import Decision, Evaluation
from shared.domain.ids import ID_LENGTH, derive
from shared.domain.signals import Signal
from shared.domain.values import encode
from shared.ports import PolicySource, Stored
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.decide import Decider
from shared.services.ingest import Ingest
from shared.services.retention import Kept, Retention
from shared.services.schedules import Schedules
from shared.services.sweep import Sweeper

IDS = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")
Call = tuple[str, tuple[Any, ...]]


class Standing:
    """A clock that stands still, and data of which nobody knows the rows."""

    def now(self) -> datetime:
        """The moment of all signals."""
        return NOW

    async def rows(self, workspace: str, data: str) -> int | None:  # noqa: ARG002  # no policy of these asks for rows
        """Nobody counted them."""
        return None


@dataclass(frozen=True)
class Services:
    """The product's own path, with no part left out."""

    ingest: Ingest
    aggregator: Aggregator
    sweeper: Sweeper


def services_on(store: Any, queue: Any, policies: PolicySource) -> Services:
    """The services on a store and a queue, with nobody to announce to."""
    clock = Standing()
    aggregator, silent = Aggregator(store, clock, policies), Announcer(store, clock, {})
    decider = Decider(store, queue, clock, policies, aggregator, silent, clock)
    ingest, schedules = Ingest(store, clock, policies, decider), Schedules(store, clock, policies)
    retention = Retention(store, clock, aggregator, Kept())
    sweeper = Sweeper(store, queue, clock, decider, ingest, aggregator, silent, schedules, retention)
    return Services(ingest, aggregator, sweeper)


@dataclass
class Recorder:
    """Stands before a store or a queue, and writes down what is called."""

    inner: Any
    calls: list[Call] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        async def call(*arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return await method(*arguments)

        return call


async def recorded(opened: Opened, policies: PolicySource, signals: Sequence[Signal]) -> list[list[Call]]:
    """What the services call on store and queue for each of these signals, which are new."""
    store = Recorder(opened.store)
    queue = Recorder(opened.queue, store.calls)
    ingest, found = services_on(store, queue, policies).ingest, []
    for signal in signals:
        store.calls.clear()
        await take(ingest, signal)
        found.append(list(store.calls))
    return found


async def take(ingest: Ingest, signal: Signal) -> None:
    """One signal through the services. Raises AssertionError when it was not decided."""
    receipt = await ingest.take("benchmark", b"", [signal])
    if receipt.accepted != 1 or receipt.undecided:
        raise AssertionError(f"the signal was not decided: {receipt}")


def renewed(calls: Sequence[Call], workload: str, name: str) -> list[Call]:
    """The same calls about another workload, with ids that nobody has used, and bodies of nearly the same size."""
    return [(method, tuple(_renewed(each, workload, name) for each in arguments)) for method, arguments in calls]


def _renewed(value: Any, workload: str, name: str) -> Any:
    def text(old: str) -> str:
        return IDS.sub(lambda found: derive(name, found.group()), old.replace(workload, name))

    match value:
        case str():
            return text(value)
        case tuple():
            return tuple(_renewed(each, workload, name) for each in value)
        case msgspec.Struct():
            return msgspec.json.decode(text(encode(value).decode()).encode(), type=type(value))
        case _:
            return value


async def play(opened: Opened, calls: Sequence[Call]) -> None:
    """Make these calls. The tag of the facts is the one that was read; everything else is constant."""
    facts: Stored[Any] | None = None
    for name, arguments in calls:
        if name == "send":
            await opened.queue.send(*arguments)
        elif name == "facts":
            facts = await opened.store.facts(*arguments)
        elif name == "commit" and facts is not None:
            await opened.store.commit(arguments[0], facts.etag)
        else:
            await getattr(opened.store, name)(*arguments)


async def settle(opened: Opened, workload: str) -> None:
    """A workload that serves a champion, as its decisions find it."""
    subject = f"workload/{workload}"
    decision = Decision(
        id=derive("settled", workload),
        cause=f"settled-{workload}",
        cause_kind="OperatorAsked",
        subject=subject,
        verdict="act",
        rule="benchmark",
        reasons=(),
        decided_at=NOW,
    )
    await opened.store.commit(Evaluation(decision=decision, facts=FACTS), "")
