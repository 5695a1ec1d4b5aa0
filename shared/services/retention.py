"""What is forgotten, and when: each kind of row has its time, and leaves in batches, once an hour.

Owns the times, and what of the past is still needed whatever its age. Knows no tables (``ports.Aging``).
Whoever is interrupted is followed by the next round; two instances at once remove each row once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from shared.domain.facts import Facts
from shared.domain.records import SignalRow
from shared.domain.signals import HoldElapsed
from shared.ports import Clock, Store
from shared.services.aggregate import Aggregator

BATCH_MAX = 100  # of each kind in one sweep; while there is more, the next sweep goes on
PAGES_MAX = 20  # of signals, looked through in one sweep for those that nothing waits for
EVERY = timedelta(hours=1)
SIGNALS_KEPT_FOR = timedelta(days=30)  # Event Grid sends again for 24 hours, and dead letters may come days later
REVIEWED_FOR = timedelta(days=90)  # inputs that people may look at; they may look longer at what they labelled
BOOKMARKS_KEPT_FOR = SIGNALS_KEPT_FOR  # an event that is new again must not find its file new too
LEFT_OVER_AFTER = timedelta(hours=1)  # no write is under way for so long: what no row names by then never will be
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)

Chore = Callable[[datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long an installation keeps what it may choose: decisions with their commands and windows; rejections."""

    ledger: timedelta = timedelta(days=400)
    rejected: timedelta = timedelta(days=30)


class Retention:
    """Forgets what has had its time. Raises StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock, aggregator: Aggregator, kept: Kept) -> None:
        self._store, self._clock, self._aggregator, self._kept = store, clock, aggregator, kept
        self._chores: dict[str, Chore] = {
            "signals": self._signals,
            "rejected": lambda now: store.forget_rejected(now - kept.rejected, BATCH_MAX),
            "ledger": lambda now: store.forget_decisions(now - kept.ledger, BATCH_MAX),
            "windows": lambda now: aggregator.forget_closed(now - kept.ledger),
            "aside": lambda _now: aggregator.aside.forget_old(),
            "samples": lambda now: aggregator.samples.forget(now - REVIEWED_FOR, now - kept.ledger, BATCH_MAX),
            "traffic": lambda _now: aggregator.forget_old_traffic(),
            "bookmarks": lambda now: store.forget_bookmarks(now - BOOKMARKS_KEPT_FOR, BATCH_MAX),
            "leftovers": lambda now: store.tidy(now - LEFT_OVER_AFTER),
        }
        self._again: dict[str, datetime] = {}

    def due(self) -> list[Callable[[], Awaitable[int]]]:
        """One batch of each kind that was not looked at within the hour, or was not done with. Each says how many left."""
        now = self._clock.now()
        names = [name for name in self._chores if name not in self._again or self._again[name] <= now]
        for name in names:
            self._again[name] = now + EVERY  # also when it fails: it must not take the time of what is urgent
        return [partial(self._batch, name, now) for name in names]

    async def _batch(self, name: str, now: datetime) -> int:
        forgotten = await self._chores[name](now)
        if forgotten >= BATCH_MAX:
            self._again[name] = now
        return forgotten

    async def _signals(self, now: datetime) -> int:
        """Dedup keys that no redelivery asks for any more, and no wait."""
        known: dict[str, Facts] = {}
        since, forgotten = EPOCH, 0
        for _ in range(PAGES_MAX):
            page = await self._store.decided_signals(since, now - SIGNALS_KEPT_FOR, BATCH_MAX)
            free = [row.signal.dedup_key for row in page if not await self._is_waited_for(row, known)]
            forgotten += await self._store.forget_signals(free)
            if len(page) < BATCH_MAX or forgotten >= BATCH_MAX:
                break
            since = max(page[-1].received_at, since + TICK)
        return forgotten

    async def _is_waited_for(self, row: SignalRow, known: dict[str, Facts]) -> bool:
        """Whether a subject still holds the signal, or a wait whose end the signal told and that goes on.

        Only a signal that is not decided becomes held, so that one which is free stays free.
        """
        for subject in row.subjects or ():
            if subject not in known:
                known[subject] = (await self._store.facts(subject)).value
            held = known[subject].held
            if any(each.dedup_key == row.signal.dedup_key for each in held.values()):
                return True
            if isinstance(row.signal, HoldElapsed) and row.signal.hold_id in held:
                return True
        return False
