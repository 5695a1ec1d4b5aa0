"""Bugs to be planted into the store that the instances see: the judge has to catch each of them.

Owns the bugs, one class each, in the shape in which they would be written by mistake. None of them raises by itself.
"""

import json
from datetime import timedelta
from typing import Any

from shared.domain.values import replace
from shared.ports import Stored, StoredDelta
from tests.simulation.scheduler import moment


class Planted:
    """The store, but for what a bug changes."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class ClaimSkipped(Planted):
    """A command is carried out also when somebody else has claimed it."""

    async def claim(self, subject: str, command_id: str, *rest: Any) -> Any:
        """The row, whoever owns it."""
        row = await self._store.claim(subject, command_id, *rest)
        return row or await self._store.command(subject, command_id)


class ClaimOutlived(Planted):
    """Who has claimed a command never notices that its claim has ended."""

    async def claim(self, *arguments: Any) -> Any:
        """The row, as if it were claimed for a day."""
        row = await self._store.claim(*arguments)
        return row and replace(row, claimed_until=row.claimed_until + timedelta(days=1))


class OutboxLost(Planted):
    """What was written and not sent is never looked for."""

    async def sendable(self, *_: Any) -> list[Any]:
        """Nothing."""
        return []


class CursorAdvancedEarly(Planted):
    """The cursor moves in a transaction of its own, before the delta is written."""

    async def append_delta(self, delta: StoredDelta, cursor_etag: str) -> None:
        """Two writes where one is needed."""
        await self._store.append_delta(delta, cursor_etag)
        database, place = self._store._store._database, (delta.partition, delta.through_sequence_number)
        statement = "DELETE FROM deltas WHERE partition = ? AND through = ? RETURNING partition, through, body"
        written = await database.write(lambda connection: connection.execute(statement, place).fetchone())
        await moment()  # a crash here loses the delta for good
        again = "INSERT INTO deltas (partition, through, body) VALUES (?, ?, ?)"
        await database.write(lambda connection: connection.execute(again, written) if written else None)


class LeaseIgnored(Planted):
    """Whoever wants to write to an endpoint finds its lease free."""

    async def document(self, name: str) -> Stored[bytes | None]:
        """No lease is ever seen."""
        stored: Stored[bytes | None] = await self._store.document(name)
        return Stored(None, stored.etag) if name.startswith("leases/") else stored


class HoldDropped(Planted):
    """Of the holds of one decision the last is forgotten."""

    async def commit(self, evaluation: Any, facts_etag: str) -> None:
        """The decision without one of its holds."""
        await self._store.commit(replace(evaluation, holds=evaluation.holds[:-1]), facts_etag)


class ReservationLeaked(Planted):
    """What was reserved for a training is never given back."""

    async def save_document(self, name: str, body: bytes, etag: str) -> None:
        """Nothing, when an account would lose an entry and win none."""
        before = await self._store.document(name) if name.startswith("reservations/") else None
        if before and before.value and _commands(body) < _commands(before.value):
            return
        await self._store.save_document(name, body, etag)


def _commands(body: bytes) -> set[str]:
    return {entry["command"] for entry in json.loads(body)}


BUGS: tuple[type[Planted], ...] = (
    ClaimSkipped,
    ClaimOutlived,
    OutboxLost,
    CursorAdvancedEarly,
    LeaseIgnored,
    HoldDropped,
    ReservationLeaked,
)
