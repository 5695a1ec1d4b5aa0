"""The queue that carries commands to this host: in the file of the embedded store, or in a storage account.

Owns the choice, by the same setting as the app's. Knows nothing of messages (``queues``).
"""

from collections.abc import Mapping

from local.host.queues import MessageSource
from shared.adapters.azure_queue import AzureQueue
from shared.adapters.azure_storage_account import Addresses, AzureStorageAccount
from shared.adapters.sqlite_database import SqliteDatabase
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.system_clock import SystemClock
from shared.settings import is_azure_storage, queues_address

STORE_SETTING = "OUTERLOOP_STORE"


class CommandQueueSource:
    """The receiving side of the command queue, from ``open`` to ``close``."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._opened: SqliteDatabase | AzureStorageAccount | None = None

    async def open(self) -> MessageSource:
        """Connect. Raises StoreUnavailableError."""
        store = self._settings[STORE_SETTING]
        if is_azure_storage(store):
            account = AzureStorageAccount(Addresses(store, queues_address(self._settings)))
            await account.open()
            self._opened = account
            return AzureQueue(account)
        database = SqliteDatabase(store)
        await database.open()
        self._opened = database
        return SqliteQueue(database, SystemClock())

    async def close(self) -> None:
        """Close what was opened. Closing twice does no harm."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()
