"""What no event brings about: finish what a crash left, wake what is due, fire schedules, close windows, forget.

Owns the list of these chores and their order. Each is safe on several instances at once, and safe to interrupt.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.records import SignalRow
from shared.ports import Clock, CommandQueue, ConflictError, Store, StoreUnavailableError
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.decide import Decider
from shared.services.ingest import Ingest
from shared.services.outbox import send_row
from shared.services.poison import PoisonKeeper
from shared.services.reservations import free_left
from shared.services.retention import Retention
from shared.services.schedules import Schedules

log = logging.getLogger(__name__)

BATCH_MAX = 100  # of each chore in one run
CHUNKS_MAX = 2  # of events whose rows lie in blobs: some 200 blobs a minute are ordered to be read
LEFT_BEHIND_AFTER = timedelta(seconds=30)  # a handler still at work is left alone for so long


@dataclass
class Swept:
    """How many of each chore one run did."""

    decided: int = 0
    woken: int = 0
    sent: int = 0
    folded: int = 0
    ordered: int = 0
    closed: int = 0
    measured: int = 0
    silences: int = 0
    freed: int = 0
    announced: int = 0
    scheduled: int = 0
    forgotten: int = 0
    poisoned: int = 0


class Sweeper:
    """Runs the chores."""

    def __init__(  # noqa: PLR0913, PLR0917  # one argument for each part that it drives
        self,
        store: Store,
        queue: CommandQueue,
        clock: Clock,
        decider: Decider,
        ingest: Ingest,
        aggregator: Aggregator,
        announcer: Announcer,
        schedules: Schedules,
        retention: Retention,
        poison: PoisonKeeper | None = None,  # nobody gives up on messages where nothing executes them
    ) -> None:
        self._store, self._queue, self._clock = store, queue, clock
        self._decider, self._ingest, self._aggregator, self._announcer = decider, ingest, aggregator, announcer
        self._schedules, self._retention, self._poison = schedules, retention, poison

    async def run(self) -> Swept:
        """One round of every chore. Raises StoreUnavailableError; another fault ends only the chore that it is in."""
        swept = Swept()
        swept.decided = await self._do(self._decide_left_behind)
        await self._do(self._aggregator.count_aside)
        swept.folded = await self._do(self._aggregator.fold)
        swept.ordered = await self._do(self._tell_of_rows_elsewhere)
        swept.closed = await self._do(self._close_windows)
        swept.measured = await self._do(self._tell_of_performance)
        swept.silences = await self._do(self._tell_of_silence)
        swept.scheduled = await self._do(self._fire_schedules)
        swept.woken = await self._do(self._wake)
        swept.poisoned = await self._do(self._poison.record) if self._poison else 0
        swept.sent = await self._do(self._send_unsent)
        swept.freed = await self._do(self._free_reservations)
        swept.forgotten = sum([await self._do(chore) for chore in self._retention.due()])
        swept.announced = await self._do(self._announcer.publish)  # last: it may wait for a target that is slow
        return swept

    @staticmethod
    async def _do(chore: Callable[[], Awaitable[int]]) -> int:
        try:
            return await chore()
        except StoreUnavailableError:
            raise
        except Exception:  # one damaged row must not keep holds from being woken and commands from being sent
            log.exception("a chore failed, and is tried again by the next sweep; the others go on")
            return 0

    async def _free_reservations(self) -> int:
        return await free_left(self._store, self._clock.now())

    async def _decide_left_behind(self) -> int:
        rows = await self._store.undecided(self._clock.now() - LEFT_BEHIND_AFTER, BATCH_MAX)
        return sum([await self._decider.decide(row) for row in rows])

    async def _tell_of_rows_elsewhere(self) -> int:
        told = 0
        for signals, name in await self._aggregator.elsewhere.untold(CHUNKS_MAX):
            for signal in signals:
                await self._ingest.tell(signal)
            await self._aggregator.elsewhere.mark_told(name)
            told += len(signals)
        return told

    async def _close_windows(self) -> int:
        closed = await self._aggregator.closed_windows()
        for signal, name in closed:
            await self._ingest.tell(signal)
            try:
                await self._aggregator.mark_told(name)
            except ConflictError:
                continue  # late rows came meanwhile; the next round tells the same again, and the signal is known by then
        return len(closed)

    async def _tell_of_performance(self) -> int:
        reports = await self._aggregator.labels.reports()
        for signal, name in reports:
            await self._ingest.tell(signal)
            await self._aggregator.labels.mark_told(name)
        return len(reports)

    async def _tell_of_silence(self) -> int:
        changes = await self._aggregator.absence.changes()
        for change in changes:
            await self._ingest.tell(change)
            try:
                await self._aggregator.absence.mark_told(change)
            except ConflictError:
                continue  # another instance has told and marked it
        return len(changes)

    async def _fire_schedules(self) -> int:
        due = await self._schedules.due()
        for each in due:
            await self._ingest.tell(each.signal)
            await self._schedules.mark_heard(each)
        return len(due)

    async def _wake(self) -> int:
        holds = await self._store.due_holds(self._clock.now(), BATCH_MAX)
        for hold in holds:
            row = SignalRow(signal=hold.signal, received_at=self._clock.now())
            await self._store.insert_signal(row)
            await self._decider.decide(row)
        return len(holds)

    async def _send_unsent(self) -> int:
        now = self._clock.now()
        rows = await self._store.sendable(now, BATCH_MAX)
        for row in rows:
            await send_row(self._store, self._queue, row, now)
        return len(rows)
