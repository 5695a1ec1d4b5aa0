"""What Azure told in an event that never came: read back from its lists, place by place.

Owns up to when each place was read, and that an event has time to come by itself. What is read back is heard as the event would
have been; who heard the event hears nothing twice. Which lists there are is ``missed``'s. Decides nothing.
"""

import logging
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from shared.domain.outcomes import Failed
from shared.domain.policy import Policy
from shared.domain.routing import out_of_scope
from shared.domain.signals import Signal
from shared.ports import Clock, ConflictError, PolicySource, Store
from shared.services.ingest import Ingest
from shared.services.rounds import Rounds, try_again_after

SETTLES = timedelta(minutes=5)  # an event has so long to come by itself
LOOKS_BACK = timedelta(hours=1)  # when a place is read for the first time
LOOKS_BACK_MAX = timedelta(days=7)
PLACES_MAX = 20  # in one run
PREFIX = "read_back/"

log = logging.getLogger(__name__)


class Source(Protocol):
    """One kind of list."""

    @property
    def name(self) -> str:
        """What is listed, in a word: part of what is remembered and logged."""
        ...

    def places(self, policy: Policy) -> tuple[str, ...]:
        """Where there are such lists, in order."""
        ...

    async def since(self, policy: Policy, place: str, after: datetime, until: datetime) -> tuple[Signal, ...] | Failed:
        """What the events of this time said, the oldest first. Raises nothing but what the store raises."""
        ...


class Through(msgspec.Struct, frozen=True):
    """Up to which moment a place was read."""

    at: datetime


class ReadBack:
    """Reads one kind of list. Raises StoreUnavailableError."""

    def __init__(  # one argument for each part that it needs
        self, store: Store, clock: Clock, policies: PolicySource, ingest: Ingest, rounds: Rounds, source: Source
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._ingest, self._rounds, self._source = ingest, rounds, source

    async def run(self) -> int:
        """Go on with the round that is due; how much was heard that nobody had told."""
        turn = await self._rounds.take()
        if turn is None:
            return 0
        policy, heard = (await self._policies.current()).policy, 0
        left = [place for place in self._source.places(policy) if place > turn.at.after]
        for number, place in enumerate(left, start=1):
            found = await self._read(policy, place)
            heard += found if isinstance(found, int) else 0
            stopped = isinstance(found, Failed) and found.retryable
            if stopped or (number >= PLACES_MAX and number < len(left)):
                wait = try_again_after(found) if isinstance(found, Failed) else timedelta()
                await self._rounds.pause(turn, place, self._clock.now() + wait)
                return heard
        await self._rounds.end(turn)
        return heard

    async def _read(self, policy: Policy, place: str) -> int | Failed:
        name, until = f"{PREFIX}{self._source.name}/{place}", self._clock.now() - SETTLES
        stored = await self._store.document(name)
        known = msgspec.json.decode(stored.value, type=Through).at if stored.value else until - LOOKS_BACK
        found = await self._source.since(policy, place, max(known, until - LOOKS_BACK_MAX), until)
        if isinstance(found, Failed):
            log.warning("%s of %s could not be read back: %s", self._source.name, place, found.reason)
            return found
        told = [await self._ingest.tell(signal) for signal in found if out_of_scope(policy, signal) is None]
        try:
            await self._store.save_document(name, msgspec.json.encode(Through(until)), stored.etag)
        except ConflictError:
            log.info("another instance read %s of %s too; each was heard once", self._source.name, place)
        return sum(receipt.accepted for receipt in told)
