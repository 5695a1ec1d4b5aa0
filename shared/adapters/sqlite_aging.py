"""What leaves the SQLite file with age.

Owns that a signal without its decisions stays, and a decision with a command that is not finished. Knows no time limits.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.adapters.moments import micros
from shared.adapters.sqlite_database import OnDatabase
from shared.domain.records import SignalRow


class SqliteAging(OnDatabase):
    """``ports.Aging`` on one SQLite file."""

    async def decided_signals(self, received_from: datetime, received_before: datetime, limit: int) -> list[SignalRow]:
        """Signals that have all their decisions, received between two moments, oldest first."""
        statement = """
            SELECT body FROM signals WHERE decided = 1 AND received_at >= ? AND received_at < ?
            ORDER BY received_at, rowid LIMIT ?
        """
        parameters = (micros(received_from), micros(received_before), limit)
        found = await self._database.read(lambda connection: connection.execute(statement, parameters).fetchall())
        return [msgspec.json.decode(body, type=SignalRow) for (body,) in found]

    async def forget_signals(self, dedup_keys: Sequence[str]) -> int:
        """Remove signals with their dedup keys, unless they are not decided; how many."""
        statement = "DELETE FROM signals WHERE dedup_key = ? AND decided = 1"
        rows = [(dedup_key,) for dedup_key in dedup_keys]
        return await self._database.write(
            lambda connection: connection.executemany(statement, rows).rowcount if rows else 0
        )

    async def forget_rejected(self, received_before: datetime, limit: int) -> int:
        """Remove rejections that were first received before a moment, with their bodies; how many."""
        statement = """
            DELETE FROM rejected WHERE id IN
            (SELECT id FROM rejected WHERE received_at < ? ORDER BY received_at LIMIT ?)
        """
        parameters = (micros(received_before), limit)
        return await self._database.write(lambda connection: connection.execute(statement, parameters).rowcount)

    async def forget_decisions(self, decided_before: datetime, limit: int) -> int:
        """Remove decisions from before a moment with their commands, unless one of these is not finished; how many."""
        return await self._database.write(lambda connection: _forget(connection, micros(decided_before), limit))

    async def tidy(self, older_than: datetime) -> int:  # noqa: ARG002  # a promise of the port
        """Nothing: a transaction of SQLite leaves nothing beside its rows."""
        return 0


def _forget(connection: sqlite3.Connection, before: int, limit: int) -> int:
    statement = """
        SELECT id FROM decisions WHERE decided_at < ? AND NOT EXISTS
        (SELECT 1 FROM commands WHERE decision = decisions.id AND sendable_at IS NOT NULL)
        ORDER BY decided_at LIMIT ?
    """  # a command is never to be queued once it is finished, and only then
    old = connection.execute(statement, (before, limit)).fetchall()
    connection.executemany("DELETE FROM commands WHERE decision = ?", old)
    connection.executemany("DELETE FROM decisions WHERE id = ?", old)
    return len(old)
