"""From what was committed to be said to the targets that others subscribe to: at once when possible, else by ``sweep``.

Owns each target's own progress and patience. A target that fails holds up neither a decision nor the other target: it is
left alone for a while, and what is owed to it waits, up to a limit. Said at least once; ids make a repeat harmless.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.domain.announcements import Announcement
from shared.domain.announcing import announce
from shared.domain.decisions import Evaluation
from shared.domain.facts import Facts
from shared.domain.outcomes import Failed, Outcome, Succeeded, Unknown, asked_wait
from shared.domain.signals import Signal
from shared.domain.values import Part, encode, replace
from shared.ports import Clock, ConflictError, Store, StoreUnavailableError
from shared.ports_publishing import Publisher
from shared.rendering.shown import ShownTarget

log = logging.getLogger(__name__)

BATCH_MAX = 50  # announcements of one call: below one MiB, which is what targets take
BACKLOG_MAX = 10_000  # owed to one target; the oldest are given up beyond it, counted and logged
BACKOFF_MAX = timedelta(minutes=5)
BACKOFF_FIRST_SECONDS = 5
SWEEP_PATIENCE_SECONDS = 5.0  # a target may take longer; the sweep that waits for it may not


class Standing(Part, frozen=True, kw_only=True):
    """How it goes with one target: failures in a row, since when, when it is tried again, and what was given up ever."""

    failures: int = 0
    since: datetime | None = None
    retry_at: datetime | None = None
    reason: str = ""
    given_up: int = 0


class Announcer:
    """Speaks to the targets of the settings; without any it says and writes nothing."""

    def __init__(self, store: Store, clock: Clock, targets: Mapping[str, Publisher]) -> None:
        self._store, self._clock, self._targets = store, clock, dict(targets)
        self._under_way: dict[str, asyncio.Task[int]] = {}
        self._stopped = False
        self._news: set[str] = set()  # targets that were committed something to since their last look

    def addressed(self, evaluation: Evaluation, signal: Signal, before: Facts) -> Evaluation:
        """The evaluation with what is to be said about it, and to whom."""
        if not self._targets:
            return evaluation
        try:
            said = announce(evaluation, signal, before)
        except Exception:  # whatever is wrong with what is said: the decision counts
            log.exception("nothing is said of decision %s", evaluation.decision.id)
            return evaluation
        return replace(evaluation, announcements=said, announce_to=tuple(self._targets))

    def begin(self) -> None:
        """Start to publish what is owed, beside the caller, who does not wait. What fails or is lost ``publish`` finds."""
        if self._stopped:
            return
        self._news.update(self._targets)
        for name in self._targets:
            running = self._under_way.get(name)
            if running is None or running.done():
                self._under_way[name] = asyncio.get_running_loop().create_task(self._try_target(name))

    async def publish(self) -> int:
        """Publish what is owed and return how many were said; a target that takes too long goes on by itself."""
        self.begin()
        tasks = set(self._under_way.values())
        done = (await asyncio.wait(tasks, timeout=SWEEP_PATIENCE_SECONDS))[0] if tasks else set()
        return sum(task.result() for task in done if not task.cancelled())

    async def stop(self) -> None:
        """Publish nothing from now on, and end what is under way; what was not said is still owed."""
        self._stopped = True
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def standings(self) -> tuple[ShownTarget, ...]:
        """How it goes with every target of the settings. Raises StoreUnavailableError."""
        return tuple([await self._shown(name) for name in self._targets])

    async def _shown(self, name: str) -> ShownTarget:
        known = (await self._standing(name))[0]
        waiting = await self._store.announcements_waiting(name)
        return ShownTarget(name, waiting, known.since, known.retry_at, known.reason, known.given_up)

    async def _try_target(self, name: str) -> int:
        said = 0
        try:
            while name in self._news:
                self._news.discard(name)
                said += await self._publish_to(name)
        except StoreUnavailableError as error:
            log.warning("nothing is published to the %s: %s", name, error)
        except Exception:  # beside everything else: nobody waits who could be told
            log.exception("publishing to the %s failed, and is tried again by the next sweep", name)
        return said

    async def _publish_to(self, name: str) -> int:
        standing, etag = await self._standing(name)
        if standing.retry_at and self._clock.now() < standing.retry_at:
            return 0
        said, size, lost = 0, BATCH_MAX, 0
        while batch := await self._store.announcements(name, size):
            outcome = await self._say(name, batch)
            if _never(outcome) and len(batch) > 1:
                size = 1  # one of them is too much for this target: the others need not suffer for it
                continue
            if isinstance(outcome, Succeeded):
                said += len(batch)
            elif _never(outcome):
                log.error("announcement %s is given up: the %s never takes it: %s", batch[0].id, name, outcome)
                lost, size = lost + 1, BATCH_MAX
            else:
                await self._put_off(name, replace(standing, given_up=standing.given_up + lost), etag, outcome)
                return said
            await self._store.forget_announcements(name, batch)
        if standing.failures or lost:
            await self._save(name, Standing(given_up=standing.given_up + lost), etag)
        return said

    async def _say(self, name: str, batch: Sequence[Announcement]) -> Outcome:
        try:
            return await self._targets[name].publish(batch)
        except Exception as error:
            log.exception("publishing to the %s failed unexpectedly", name)
            return Unknown(reason=f"{type(error).__name__}: {error}")

    async def _put_off(self, name: str, standing: Standing, etag: str, outcome: Outcome) -> None:
        now, failures = self._clock.now(), standing.failures + 1
        pause = min(BACKOFF_MAX, timedelta(seconds=BACKOFF_FIRST_SECONDS * 2 ** min(failures - 1, 10)))
        pause = max(pause, asked_wait(outcome)) if isinstance(outcome, Failed) else pause
        reason = outcome.reason if isinstance(outcome, Failed | Unknown) else type(outcome).__name__
        if standing.failures == 0:
            log.warning("the %s takes no announcements: %s", name, reason)
        failing = Standing(
            failures=failures,
            since=standing.since or now,
            retry_at=now + pause,
            reason=reason,
            given_up=standing.given_up + await self._trim(name),
        )
        await self._save(name, failing, etag)

    async def _trim(self, name: str) -> int:
        """Give up the oldest beyond the limit; returns how many."""
        surplus = given_up = max(0, await self._store.announcements_waiting(name) - BACKLOG_MAX)
        while surplus > 0:
            oldest = await self._store.announcements(name, min(surplus, BATCH_MAX))
            await self._store.forget_announcements(name, oldest)
            surplus = surplus - len(oldest) if oldest else 0
        if given_up:
            log.error("%d announcements to the %s are given up: more than %d wait", given_up, name, BACKLOG_MAX)
        return given_up

    async def _standing(self, name: str) -> tuple[Standing, str]:
        stored = await self._store.document(f"publishing/{name}")
        return (msgspec.json.decode(stored.value, type=Standing) if stored.value else Standing()), stored.etag

    async def _save(self, name: str, standing: Standing, etag: str) -> None:
        try:
            await self._store.save_document(f"publishing/{name}", encode(standing), etag)
        except ConflictError:
            return  # another instance has just said how it goes


def _never(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and not outcome.retryable
