"""Events whose rows lie in blobs, from the fold of their batch until each is a signal that the loop decides on.

Owns that none is forgotten in between: they are kept as windows of the store, written by the fold that drops their delta, under a
name that the partition and the sequence number give, and dropped when all are told. Told twice, a signal is accepted once.
"""

from collections.abc import Sequence

from shared.domain.ids import derive
from shared.domain.records import RejectedRow
from shared.domain.telemetry_signals import RowsReferenced
from shared.ports import Clock, Store, Stored, StoredDelta
from shared.telemetry.elsewhere import referenced_rows
from shared.telemetry.encoding import UnreadableState
from shared.telemetry.partials import Delta

PREFIX = "elsewhere/"


class ElsewhereRows:
    """Keeps events until they are told. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def keep(self, deltas: Sequence[tuple[StoredDelta, Delta]]) -> dict[str, Stored[bytes]]:
        """The windows to be written when these deltas are dropped."""
        if not any(delta.elsewhere for _, delta in deltas):
            return {}
        known = await self._store.windows(PREFIX)  # a fold that was cut short has written some
        written = {
            _name(stored, number): Stored(chunk)
            for stored, delta in deltas
            for number, chunk in enumerate(delta.elsewhere)
        }
        return {name: row for name, row in written.items() if name not in known}

    async def untold(self, chunks_max: int) -> list[tuple[tuple[RowsReferenced, ...], str]]:
        """Some of the events, with the name to drop once all of them are accepted."""
        found = []
        for name, stored in sorted((await self._store.windows(PREFIX)).items())[:chunks_max]:
            try:
                found.append((referenced_rows(stored.value), name))
            except UnreadableState as error:
                await self._tell_unreadable(name, stored.value, str(error))
        return found

    async def mark_told(self, name: str) -> None:
        """All events of a chunk were accepted."""
        await self._store.delete_windows([name])

    async def _tell_unreadable(self, name: str, body: bytes, why: str) -> None:
        row = RejectedRow(
            id=derive("unreadable", name),
            channel="event_hubs",
            reason="unreadable_delta",
            detail=f"events that keep their rows in blobs ({name}): {why}",
            received_at=self._clock.now(),
            body=body,
        )
        await self._store.add_rejected(row)
        await self.mark_told(name)


def _name(stored: StoredDelta, number: int) -> str:
    return f"{PREFIX}{derive('partition', stored.partition)}/{stored.through_sequence_number:020d}/{number:04d}"
