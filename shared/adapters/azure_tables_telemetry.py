"""Telemetry in Azure Tables: the cursor and the deltas of each hub partition, and the windows they are folded into.

Owns that a delta is taken once and folded once. Knows nothing of rows, features or how windows are computed.
All lie in one partition, since a fold writes windows and drops deltas of any hub partition in one transaction.
"""

from collections.abc import Mapping, Sequence

from shared.adapters.azure_blob_bodies import INLINE_BYTES_MAX, SMALL_BYTES_MAX
from shared.adapters.azure_tables_bookmarks import moved_bookmark
from shared.adapters.azure_tables_keys import SEPARATOR, beginning, key, name_in, open_key, rising
from shared.adapters.azure_tables_part import OnTables
from shared.adapters.azure_tables_rows import (
    BODIES_BYTES_MAX,
    WRITES_MAX,
    Row,
    Search,
    Write,
    is_tag,
    row_of,
    tag_of,
)
from shared.ports import ConflictError, Stored, StoredDelta
from shared.ports_bookmarks import Bookmark

PARTITION = "all"
NOTHING_TAKEN = -1


class AzureTelemetry(OnTables):
    """``ports.TelemetryLog`` on Azure Tables."""

    async def cursor(self, partition: str) -> Stored[int]:
        """The last sequence number taken of a partition, -1 when none was."""
        found = await self._telemetry.get(PARTITION, key("cursor", partition))
        if found is None:
            return Stored(NOTHING_TAKEN)
        return Stored(int(found["Through"]), f"{found['Through']}:{tag_of(found)}")

    async def append_delta(self, delta: StoredDelta, cursor_etag: str, bookmark: Bookmark | None = None) -> None:
        """Write the delta, move the cursor and the bookmark in one transaction. Raises ConflictError when either moved.

        Raises ValueError when the delta would not move the cursor forward: its rows were counted already.
        """
        partition, through = delta.partition, delta.through_sequence_number
        taken, tag = _taken(delta, cursor_etag)
        if through <= taken:
            if (await self.cursor(partition)).etag != cursor_etag:
                raise ConflictError(f"the cursor of partition {partition} moved since it was read")
            raise ValueError(f"partition {partition} was taken up to {taken}: a delta up to {through} counts twice")
        cursor = row_of(PARTITION, key("cursor", partition), Through=str(through))
        row_key = _delta_key(delta)
        body = await self._bodies.put("telemetry", PARTITION, row_key, delta.body)
        row = row_of(PARTITION, row_key, Partition=partition, Through=str(through), **body)
        moved = Write("update", cursor, tag) if tag else Write("insert", cursor)
        await self._telemetry.write([moved, Write("insert", row), *([moved_bookmark(bookmark)] if bookmark else [])])

    async def deltas(self, limit: int) -> list[StoredDelta]:
        """Deltas not yet folded, in order within each partition."""
        rows = await self._telemetry.beginning(PARTITION, beginning("delta"), Search(limit=limit))
        bodies = await self._bodies_of(rows)
        found = zip(rows, bodies, strict=True)
        return [StoredDelta(row["Partition"], int(row["Through"]), body) for row, body in found]

    async def windows(self, prefix: str) -> dict[str, Stored[bytes]]:
        """Window states by key, for keys that begin with a prefix."""
        low = open_key("window", prefix) if prefix else "window" + SEPARATOR
        rows = await self._telemetry.beginning(PARTITION, low)
        bodies = await self._bodies_of(rows)
        found = {name_in(row["RowKey"]): Stored(body, tag_of(row)) for row, body in zip(rows, bodies, strict=True)}
        return dict(sorted(found.items()))

    async def save_fold(self, windows: Mapping[str, Stored[bytes]], folded: Sequence[StoredDelta]) -> None:
        """Write windows (each against its tag) and drop the folded deltas, in one transaction.

        Raises ConflictError when a window changed, or when somebody else has folded one of the deltas. More than 100
        windows and deltas take several transactions, deltas last: whoever folds again after a crash between them finds
        in ``folded_through`` of each window what it has.
        """
        saved = [await self._window(name, window, _inline_max(windows)) for name, window in windows.items()]
        dropped = [Write("delete", row_of(PARTITION, _delta_key(delta))) for delta in folded]
        writes = [*saved, *dropped]
        for first in range(0, len(writes), WRITES_MAX):
            await self._telemetry.write(writes[first : first + WRITES_MAX])

    async def delete_windows(self, keys: Sequence[str]) -> None:
        """Drop windows that are no longer needed."""
        for name in keys:
            row = row_of(PARTITION, open_key("window", name))
            if await self._telemetry.get(PARTITION, str(row["RowKey"])) is not None:
                await self._drop(row)

    async def _drop(self, row: Row) -> None:
        try:
            await self._telemetry.write([Write("delete", row)])
        except ConflictError:
            return  # another instance dropped it at the same time

    async def _window(self, name: str, window: Stored[bytes], inline_max: int) -> Write:
        if window.etag and not is_tag(window.etag):
            raise ConflictError(f"the window {name} never had the tag {window.etag}")
        row_key = open_key("window", name)
        body = await self._bodies.put("telemetry", PARTITION, row_key, window.value, inline_max)
        row = row_of(PARTITION, row_key, **body)
        return Write("update", row, window.etag) if window.etag else Write("insert", row)


def _inline_max(windows: Mapping[str, Stored[bytes]]) -> int:
    """How large a window may be inside its row, so that no transaction grows too large."""
    largest = sorted((len(window.value) for window in windows.values()), reverse=True)[:WRITES_MAX]
    inside = sum(size for size in largest if size <= INLINE_BYTES_MAX)
    return INLINE_BYTES_MAX if inside <= BODIES_BYTES_MAX else SMALL_BYTES_MAX


def _taken(delta: StoredDelta, cursor_etag: str) -> tuple[int, str]:
    """The sequence number and the tag of Azure's that a cursor's tag holds."""
    if not cursor_etag:
        return NOTHING_TAKEN, ""
    taken, _, tag = cursor_etag.partition(":")
    if not (taken.isascii() and taken.isdecimal() and is_tag(tag)):
        raise ConflictError(f"the cursor of partition {delta.partition} never had the tag {cursor_etag}")
    return int(taken), tag


def _delta_key(delta: StoredDelta) -> str:
    return key("delta", rising(delta.through_sequence_number), delta.partition)
