"""Named bodies in SQLite, each changed by compare-and-swap.

Owns that a write against an old tag is refused. Knows nothing of what the bodies say.
"""

import sqlite3

from shared.adapters.sqlite_database import OnDatabase, after_prefix, version_of
from shared.adapters.sqlite_schema import next_version
from shared.ports import ConflictError, Stored


class SqliteDocuments(OnDatabase):
    """``ports.Documents`` on one SQLite file."""

    async def document(self, name: str) -> Stored[bytes | None]:
        """The body of a name and its tag; None and an empty tag when there is none."""
        statement = "SELECT body, version FROM documents WHERE name = ?"
        found = await self._database.read(lambda connection: connection.execute(statement, (name,)).fetchone())
        return Stored(None) if found is None else Stored(found[0], str(found[1]))

    async def save_document(self, name: str, body: bytes, etag: str) -> None:
        """Write a body. An empty tag means that there must be none yet. Raises ConflictError."""
        await self._database.write(lambda connection: _save(connection, name, body, etag))

    async def delete_document(self, name: str, etag: str) -> None:
        """Remove a body. Raises ConflictError, also when there is none."""
        statement = "DELETE FROM documents WHERE name = ? AND version = ?"
        parameters = (name, version_of(etag))
        deleted = await self._database.write(lambda connection: connection.execute(statement, parameters).rowcount)
        if deleted != 1:
            raise ConflictError(f"the document {name} changed since it was read")

    async def documents(self, prefix: str) -> dict[str, bytes]:
        """All bodies whose name begins with a prefix, by name."""
        statement = "SELECT name, body FROM documents WHERE name >= ? AND name < ? ORDER BY name"
        bounds = (prefix, after_prefix(prefix))
        return dict(await self._database.read(lambda connection: connection.execute(statement, bounds).fetchall()))


def _save(connection: sqlite3.Connection, name: str, body: bytes, etag: str) -> None:
    version = next_version(connection)
    if etag:
        statement = "UPDATE documents SET version = ?, body = ? WHERE name = ? AND version = ?"
        written = connection.execute(statement, (version, body, name, version_of(etag)))
    else:
        statement = "INSERT INTO documents (version, body, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        written = connection.execute(statement, (version, body, name))
    if written.rowcount != 1:
        raise ConflictError(f"the document {name} changed since it was read")
