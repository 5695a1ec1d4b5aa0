"""Announcements in SQLite: one row for each target that one is still owed to.

Owns the rows and their order. Knows nothing of who publishes them, or of why one waits.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from shared.adapters.moments import micros
from shared.adapters.sqlite_database import OnDatabase
from shared.domain.announcements import Announcement
from shared.domain.decisions import Evaluation
from shared.domain.values import encode


class SqliteAnnouncements(OnDatabase):
    """``ports.Announcements`` on one SQLite file."""

    async def announcements(self, target: str, limit: int) -> list[Announcement]:
        """What is owed to a target, the oldest first; those of one decision in their order."""
        statement = "SELECT body FROM announcements WHERE target = ? ORDER BY said_at, position LIMIT ?"
        found = await self._database.read(lambda connection: connection.execute(statement, (target, limit)).fetchall())
        return [msgspec.json.decode(body, type=Announcement) for (body,) in found]

    async def announcements_waiting(self, target: str) -> int:
        """How many are owed to a target."""
        statement = "SELECT COUNT(*) FROM announcements WHERE target = ?"
        found = await self._database.read(lambda connection: connection.execute(statement, (target,)).fetchone())
        return int(found[0])

    async def forget_announcements(self, target: str, announcements: Sequence[Announcement]) -> None:
        """They are owed to this target no more. Those that are unknown are passed over."""
        statement = "DELETE FROM announcements WHERE target = ? AND id = ?"
        rows = [(target, said.id) for said in announcements]
        await self._database.write(lambda connection: connection.executemany(statement, rows))


def add_announcements(connection: sqlite3.Connection, evaluation: Evaluation) -> None:
    """Owe each announcement of an evaluation to each of its targets, inside the caller's transaction."""
    rows = [
        (target, said.id, micros(said.time), encode(said))
        for target in evaluation.announce_to
        for said in evaluation.announcements
    ]
    statement = "INSERT INTO announcements (target, id, said_at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    connection.executemany(statement, rows)
