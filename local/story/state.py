"""What the driver knows of the loop: its facts, decisions and commands, read from the store that the app writes.

Owns the waiting: each wait has a deadline, a line of progress and a reason to end early. Writes nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from local.story.world import StoryError
from shared.domain.decisions import Decision
from shared.domain.facts import Facts, Version
from shared.domain.lifecycle import ENDED
from shared.domain.records import CommandRow
from shared.domain.routing import subject_of
from shared.domain.telemetry_signals import PerformanceMeasured
from shared.ports import Store

WORKLOAD = "flight-delay"
LOOK_EVERY_SECONDS = 0.2
T = TypeVar("T")


class LoopState:
    """A reader of the app's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def facts(self, workload: str = WORKLOAD) -> Facts:
        """What the loop knows now of a workload."""
        return (await self._store.facts(subject_of(workload))).value

    async def decisions(self) -> list[Decision]:
        """The whole ledger, oldest first."""
        return await self._store.decisions(None, 100_000)

    async def commands(self, decision: Decision) -> list[CommandRow]:
        """The commands of a decision with their outcomes."""
        return await self._store.commands(decision.id, decision.subject)

    async def measured(self, decisions: Iterable[Decision]) -> list[PerformanceMeasured]:
        """How good predictions were found to be, by the signals that these decisions are about."""
        keys = [decision.cause for decision in decisions if decision.cause_kind == "PerformanceMeasured"]
        rows = [await self._store.signal(key) for key in keys]
        return [row.signal for row in rows if row and isinstance(row.signal, PerformanceMeasured)]

    async def rejected(self) -> int:
        """How many deliveries were stored as rejected."""
        return len(await self._store.rejected(1000))


async def wait_for(
    what: str, look: Callable[[], Awaitable[T | None]], within_seconds: float, explain: Callable[[], Awaitable[str]]
) -> T:
    """What ``look`` finds; raises StoryError with an explanation when it finds nothing in time."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise StoryError(f"waited {within_seconds:.0f} s in vain for: {what}. {await explain()}")


async def explain_state(state: LoopState) -> str:
    """The last decisions, for an error message."""
    last = (await state.decisions())[-6:]
    lines = [f"{d.cause_kind} -> {d.verdict}: {'; '.join(reason.text for reason in d.reasons)}" for d in last]
    return "The last decisions:\n  " + "\n  ".join(lines)


def version_in(facts: Facts, number: str, *wanted: str) -> Version | None:
    """A version once it is in one of the wanted states. Raises StoryError when it ended otherwise."""
    version = facts.versions.get(number)
    if version is None:
        return None
    if version.state in wanted:
        return version
    if version.state in ENDED or version.state == "serving":
        checks = "; ".join(f"{check.name}: {check.detail}" for check in version.checks)
        raise StoryError(
            f"version {number} ended as {version.state} and should have become {' or '.join(wanted)}. {checks}"
        )
    return None
