"""Telemetry in SQLite: the cursor and the deltas of each hub partition, and the windows that deltas are folded into.

Owns that a delta is taken once and folded once. Knows nothing of rows, features or how windows are computed.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from shared.adapters.sqlite_bookmarks import save_bookmark
from shared.adapters.sqlite_database import OnDatabase, after_prefix, version_of
from shared.adapters.sqlite_schema import next_version
from shared.ports import ConflictError, Stored, StoredDelta
from shared.ports_bookmarks import Bookmark

NOTHING_TAKEN = -1


class SqliteTelemetry(OnDatabase):
    """``ports.TelemetryLog`` on one SQLite file."""

    async def cursor(self, partition: str) -> Stored[int]:
        """The last sequence number taken of a partition, -1 when none was."""
        statement = "SELECT sequence_number, version FROM cursors WHERE partition = ?"
        found = await self._database.read(lambda connection: connection.execute(statement, (partition,)).fetchone())
        return Stored(NOTHING_TAKEN) if found is None else Stored(found[0], str(found[1]))

    async def append_delta(self, delta: StoredDelta, cursor_etag: str, bookmark: Bookmark | None = None) -> None:
        """Write the delta, move the cursor and the bookmark in one transaction. Raises ConflictError when either moved.

        Raises ValueError when the delta would not move the cursor forward: its rows were counted already.
        """

        def append(connection: sqlite3.Connection) -> None:
            _append(connection, delta, cursor_etag)
            if bookmark is not None:
                save_bookmark(connection, bookmark)

        await self._database.write(append)

    async def deltas(self, limit: int) -> list[StoredDelta]:
        """Deltas not yet folded, oldest first, and so in order within each partition."""
        statement = "SELECT partition, through, body FROM deltas ORDER BY position LIMIT ?"
        found = await self._database.read(lambda connection: connection.execute(statement, (limit,)).fetchall())
        return [StoredDelta(partition, through, body) for partition, through, body in found]

    async def windows(self, prefix: str) -> dict[str, Stored[bytes]]:
        """Window states by key, for keys that begin with a prefix."""
        statement = "SELECT key, body, version FROM windows WHERE key >= ? AND key < ? ORDER BY key"
        bounds = (prefix, after_prefix(prefix))
        found = await self._database.read(lambda connection: connection.execute(statement, bounds).fetchall())
        return {key: Stored(body, str(version)) for key, body, version in found}

    async def save_fold(self, windows: Mapping[str, Stored[bytes]], folded: Sequence[StoredDelta]) -> None:
        """Write windows (each against its tag) and drop the folded deltas, in one transaction.

        Raises ConflictError when a window changed, or when somebody else has folded one of the deltas.
        """

        def save(connection: sqlite3.Connection) -> None:
            for key, window in windows.items():
                _save_window(connection, key, window)
            for delta in folded:
                _drop(connection, delta)

        await self._database.write(save)

    async def delete_windows(self, keys: Sequence[str]) -> None:
        """Drop windows that are no longer needed."""

        def delete(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM windows WHERE key = ?", [(key,) for key in keys])

        await self._database.write(delete)


def _append(connection: sqlite3.Connection, delta: StoredDelta, cursor_etag: str) -> None:
    partition, through = delta.partition, delta.through_sequence_number
    statement = "SELECT sequence_number, version FROM cursors WHERE partition = ?"
    taken, version = connection.execute(statement, (partition,)).fetchone() or (NOTHING_TAKEN, 0)
    if version != version_of(cursor_etag):
        raise ConflictError(f"the cursor of partition {partition} moved since it was read")
    if through <= taken:
        raise ValueError(f"partition {partition} was taken up to {taken}: a delta up to {through} counts twice")
    moved = (partition, next_version(connection), through)
    connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", moved)
    statement = "INSERT INTO deltas (partition, through, body) VALUES (?, ?, ?)"
    connection.execute(statement, (partition, through, delta.body))


def _save_window(connection: sqlite3.Connection, key: str, window: Stored[bytes]) -> None:
    version = next_version(connection)
    if window.etag:
        statement = "UPDATE windows SET version = ?, body = ? WHERE key = ? AND version = ?"
        written = connection.execute(statement, (version, window.value, key, version_of(window.etag)))
    else:
        statement = "INSERT INTO windows (version, body, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        written = connection.execute(statement, (version, window.value, key))
    if written.rowcount != 1:
        raise ConflictError(f"the window {key} changed since it was read")


def _drop(connection: sqlite3.Connection, delta: StoredDelta) -> None:
    partition, through = delta.partition, delta.through_sequence_number
    statement = "DELETE FROM deltas WHERE partition = ? AND through = ?"
    if connection.execute(statement, (partition, through)).rowcount != 1:
        raise ConflictError(f"the delta of partition {partition} up to {through} is folded already")
