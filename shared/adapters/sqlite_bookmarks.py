"""Bookmarks in SQLite: up to where each file with telemetry was counted.

Owns their rows. That a bookmark moves with a delta is ``sqlite_telemetry``'s transaction.
"""

import sqlite3
from datetime import datetime

from shared.adapters.moments import micros, moment
from shared.adapters.sqlite_database import OnDatabase, after_prefix, version_of
from shared.adapters.sqlite_schema import next_version
from shared.ports import ConflictError
from shared.ports_bookmarks import Bookmark


class SqliteBookmarks(OnDatabase):
    """``ports_bookmarks.Bookmarks`` on one SQLite file."""

    async def bookmarks(self, prefix: str) -> dict[str, Bookmark]:
        """The bookmarks of all files whose names begin with a prefix, by file."""
        statement = "SELECT file, through, moved_at, version FROM bookmarks WHERE file >= ? AND file < ? ORDER BY file"
        bounds = (prefix, after_prefix(prefix))
        found = await self._database.read(lambda connection: connection.execute(statement, bounds).fetchall())
        return {file: Bookmark(file, through, moment(moved), str(version)) for file, through, moved, version in found}

    async def forget_bookmarks(self, moved_before: datetime, limit: int) -> int:
        """Remove bookmarks that were last moved before a moment; how many."""
        statement = """
            DELETE FROM bookmarks WHERE file IN
            (SELECT file FROM bookmarks WHERE moved_at < ? ORDER BY moved_at LIMIT ?)
        """
        parameters = (micros(moved_before), limit)
        return await self._database.write(lambda connection: connection.execute(statement, parameters).rowcount)


def save_bookmark(connection: sqlite3.Connection, bookmark: Bookmark) -> None:
    """Write a bookmark against its tag, inside the caller's transaction. Raises ConflictError when it moved."""
    version, moved = next_version(connection), micros(bookmark.at)
    if bookmark.etag:
        statement = "UPDATE bookmarks SET version = ?, through = ?, moved_at = ? WHERE file = ? AND version = ?"
        written = connection.execute(
            statement, (version, bookmark.through, moved, bookmark.file, version_of(bookmark.etag))
        )
    else:
        statement = (
            "INSERT INTO bookmarks (version, through, moved_at, file) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        )
        written = connection.execute(statement, (version, bookmark.through, moved, bookmark.file))
    if written.rowcount != 1:
        raise ConflictError(f"the bookmark of {bookmark.file} moved since it was read")
