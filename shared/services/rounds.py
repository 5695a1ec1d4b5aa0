"""A chore that goes round through many things, a few in each sweep: when the next round is due, how far this one is, who is at it.

Owns the document of each round. Knows nothing of what is done on the way. One instance at a time; what an instance that died had
begun is taken up, where it stopped, when its lease has run out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from shared.domain.outcomes import Failed, asked_wait
from shared.ports import Clock, ConflictError, Documents

LEASE = timedelta(minutes=5)  # longer than any run of a chore may take
PREFIX = "rounds/"
TRY_AGAIN = timedelta(minutes=1)


class Round(msgspec.Struct, frozen=True):
    """Where a round is. ``after`` is the name of what was done last, empty at the beginning of a round."""

    begun_at: datetime
    due: datetime
    after: str = ""
    holder: str = ""
    until: datetime | None = None  # whose it is


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to go on with a round, until it is given back."""

    at: Round
    etag: str


class Rounds:
    """The rounds of one chore. ``holder`` tells this instance from others. Any method may raise StoreUnavailableError."""

    def __init__(self, documents: Documents, clock: Clock, chore: str, every: timedelta, holder: str) -> None:
        self._documents, self._clock = documents, clock
        self._name, self._every, self._holder = f"{PREFIX}{chore}", every, holder
        self._not_before: datetime | None = None  # so that a sweep in between costs nothing

    async def take(self) -> Turn | None:
        """The round that is due, for this instance alone; None while none is due, or another instance is at it."""
        now = self._clock.now()
        if self._not_before and now < self._not_before:
            return None
        stored = await self._documents.document(self._name)
        known = msgspec.json.decode(stored.value, type=Round) if stored.value else Round(begun_at=now, due=now)
        if known.due > now:
            self._not_before = min(known.due, now + self._every)
            return None
        if known.until and known.until > now and known.holder != self._holder:
            return None
        begun_at = known.begun_at if known.after else now
        taken = msgspec.structs.replace(known, begun_at=begun_at, holder=self._holder, until=now + LEASE)
        return await self._saved(taken, stored.etag)

    async def pause(self, turn: Turn, after: str, due: datetime) -> None:
        """Go on later behind a name: another sweep may be another instance."""
        await self._saved(msgspec.structs.replace(turn.at, after=after, due=due, until=None), turn.etag)

    async def end(self, turn: Turn) -> None:
        """The round is complete. The next is due so long after it began."""
        due = max(turn.at.begun_at + self._every, self._clock.now())
        await self._saved(msgspec.structs.replace(turn.at, after="", due=due, until=None), turn.etag)

    async def _saved(self, state: Round, etag: str) -> Turn | None:
        try:
            await self._documents.save_document(self._name, msgspec.json.encode(state), etag)
        except ConflictError:
            return None  # another instance was quicker: the round is its own
        if state.until is None:
            return None
        return Turn(state, (await self._documents.document(self._name)).etag)


def try_again_after(failed: Failed) -> timedelta:
    """How long a round is put off when Azure is throttled or does not answer: as long as it asks for, and a minute at least."""
    return max(TRY_AGAIN, asked_wait(failed))
