"""The embedded store: all parts of ``ports.Store`` on one SQLite file.

Owns only their composition. Refused when running in Azure, where instances share no disk; ``runtime`` sees to that.
"""

from shared.adapters.sqlite_aging import SqliteAging
from shared.adapters.sqlite_announcements import SqliteAnnouncements
from shared.adapters.sqlite_bookmarks import SqliteBookmarks
from shared.adapters.sqlite_database import SqliteDatabase
from shared.adapters.sqlite_documents import SqliteDocuments
from shared.adapters.sqlite_inbox import SqliteInbox
from shared.adapters.sqlite_ledger import SqliteLedger
from shared.adapters.sqlite_outbox import SqliteOutbox
from shared.adapters.sqlite_telemetry import SqliteTelemetry


class SqliteStore(
    SqliteInbox,
    SqliteLedger,
    SqliteOutbox,
    SqliteAnnouncements,
    SqliteDocuments,
    SqliteTelemetry,
    SqliteBookmarks,
    SqliteAging,
):
    """``ports.Store`` on the file at ``path``, which several processes may open, or in memory for ``:memory:``.

    Any method raises StoreUnavailableError when the file cannot be used, or the store is not open.
    """

    def __init__(self, path: str) -> None:
        super().__init__(SqliteDatabase(path))

    @property
    def database(self) -> SqliteDatabase:
        """The database of this store, for the queue that lives in the same file."""
        return self._database

    async def open(self) -> None:
        """Open the file, creating it if need be; its folder must exist. Raises StoreUnavailableError."""
        await self._database.open()

    async def close(self) -> None:
        """Close the file. Closing twice does no harm."""
        await self._database.close()
