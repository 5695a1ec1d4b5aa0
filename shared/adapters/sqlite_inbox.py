"""Signals and rejections in SQLite.

Owns that a signal is accepted once and routed once. Knows nothing of what is decided about it.
"""

import sqlite3
from datetime import datetime
from itertools import islice

import msgspec

from shared.adapters.moments import micros
from shared.adapters.sqlite_database import OnDatabase
from shared.domain.records import RejectedRow, SignalRow
from shared.domain.values import encode, replace


class SqliteInbox(OnDatabase):
    """``ports.Inbox`` on one SQLite file."""

    async def insert_signal(self, row: SignalRow) -> bool:
        """Store a signal unless its dedup key is known; False when it is."""
        return await self._database.write(lambda connection: add_signal(connection, row))

    async def signal(self, dedup_key: str) -> SignalRow | None:
        """The signal of a key."""
        return await self._database.read(lambda connection: _load(connection, dedup_key))

    async def set_route(self, dedup_key: str, subjects: tuple[str, ...], policy_digest: str) -> SignalRow:
        """Store the route unless there is one; returns the row as it now is. Raises LookupError: no such signal."""

        def route(connection: sqlite3.Connection) -> SignalRow:
            row = _load(connection, dedup_key)
            if row is None:
                raise LookupError(f"no signal has the key {dedup_key}")
            if row.subjects is None:
                row = replace(row, subjects=subjects, policy_digest=policy_digest)
                _save(connection, row)
            return row

        return await self._database.write(route)

    async def mark_decided(self, dedup_key: str) -> None:
        """Every subject of the signal has its decision. Does nothing for an unknown key."""

        def mark(connection: sqlite3.Connection) -> None:
            row = _load(connection, dedup_key)
            if row is not None:
                _save(connection, replace(row, decided=True))

        await self._database.write(mark)

    async def undecided(self, received_before: datetime, limit: int) -> list[SignalRow]:
        """Signals accepted before a moment, routed or not, that are not marked as decided, oldest first."""
        statement = "SELECT body FROM signals WHERE decided = 0 AND received_at < ? ORDER BY received_at, rowid LIMIT ?"
        parameters = (micros(received_before), limit)
        found = await self._database.read(lambda connection: connection.execute(statement, parameters).fetchall())
        return [msgspec.json.decode(body, type=SignalRow) for (body,) in found]

    async def add_rejected(self, row: RejectedRow) -> None:
        """Keep what could not be taken; the same id again only counts."""
        await self._database.write(lambda connection: _count_rejected(connection, row))

    async def rejected(self, limit: int, after: RejectedRow | None = None) -> list[RejectedRow]:
        """The newest rejections first, but for those that were redriven; with ``after`` those behind it in this order."""
        return await self._database.read(lambda connection: _listed_rejected(connection, limit, after))

    async def rejection(self, row_id: str) -> RejectedRow | None:
        """One rejection, also one that was redriven."""
        return await self._database.read(lambda connection: _load_rejected(connection, row_id))

    async def mark_redriven(self, row_id: str, at: datetime) -> None:
        """The rejection was taken after all: it is kept, and leaves the list. Does nothing for an unknown one."""

        def mark(connection: sqlite3.Connection) -> None:
            known = _load_rejected(connection, row_id)
            if known is not None and known.redriven_at is None:
                _save_rejected(connection, replace(known, redriven_at=at))

        await self._database.write(mark)


def add_signal(connection: sqlite3.Connection, row: SignalRow) -> bool:
    """Store a signal inside the caller's transaction unless its dedup key is known; False when it is."""
    statement = "INSERT INTO signals VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    parameters = (row.signal.dedup_key, micros(row.received_at), row.decided, encode(row))
    return connection.execute(statement, parameters).rowcount == 1


def _load(connection: sqlite3.Connection, dedup_key: str) -> SignalRow | None:
    found = connection.execute("SELECT body FROM signals WHERE dedup_key = ?", (dedup_key,)).fetchone()
    return None if found is None else msgspec.json.decode(found[0], type=SignalRow)


def _save(connection: sqlite3.Connection, row: SignalRow) -> None:
    statement = "UPDATE signals SET decided = ?, body = ? WHERE dedup_key = ?"
    connection.execute(statement, (row.decided, encode(row), row.signal.dedup_key))


def _count_rejected(connection: sqlite3.Connection, row: RejectedRow) -> None:
    known = _load_rejected(connection, row.id)
    if known is None:
        parameters = (row.id, micros(row.received_at), encode(row))
        connection.execute("INSERT INTO rejected VALUES (?, ?, ?)", parameters)
        return
    kept = known if known.redriven_at is None else row
    _save_rejected(connection, replace(kept, times=known.times + row.times))


def _listed_rejected(connection: sqlite3.Connection, limit: int, after: RejectedRow | None) -> list[RejectedRow]:
    """Which of the rows were redriven stands in their bodies only: they are read one by one until there are enough."""
    statement = """
        SELECT body FROM rejected WHERE :id IS NULL OR received_at < :at OR (received_at = :at AND id > :id)
        ORDER BY received_at DESC, id
    """
    parameters = {"at": micros(after.received_at), "id": after.id} if after else {"at": None, "id": None}
    rows = (msgspec.json.decode(body, type=RejectedRow) for (body,) in connection.execute(statement, parameters))
    return list(islice((row for row in rows if row.redriven_at is None), limit))


def _load_rejected(connection: sqlite3.Connection, row_id: str) -> RejectedRow | None:
    found = connection.execute("SELECT body FROM rejected WHERE id = ?", (row_id,)).fetchone()
    return None if found is None else msgspec.json.decode(found[0], type=RejectedRow)


def _save_rejected(connection: sqlite3.Connection, row: RejectedRow) -> None:
    parameters = (micros(row.received_at), encode(row), row.id)
    connection.execute("UPDATE rejected SET received_at = ?, body = ? WHERE id = ?", parameters)
