"""The store on Azure: all parts of ``ports.Store`` on the tables and blobs of one storage account.

Owns only their composition. docs/storage.md has the layout and what each signal costs.
"""

from datetime import datetime

from shared.adapters.azure_storage_account import WIRE, Addresses, AzureStorageAccount, Wire
from shared.adapters.azure_tables_aging import AzureAging
from shared.adapters.azure_tables_bookmarks import AzureBookmarks
from shared.adapters.azure_tables_documents import AzureDocuments
from shared.adapters.azure_tables_ledger import AzureLedger
from shared.adapters.azure_tables_outbox import AzureOutbox
from shared.adapters.azure_tables_telemetry import AzureTelemetry


class AzureTablesStore(AzureLedger, AzureOutbox, AzureAging, AzureDocuments, AzureTelemetry, AzureBookmarks):
    """``ports.Store`` on a storage account, which any number of instances may open.

    Any method raises StoreUnavailableError when the account cannot be reached or used, or the store is not open.
    """

    def __init__(self, addresses: Addresses, wire: Wire = WIRE) -> None:
        super().__init__(AzureStorageAccount(addresses, wire))

    @property
    def account(self) -> AzureStorageAccount:
        """The account of this store, for the queue beside it."""
        return self._account

    async def open(self) -> None:
        """Connect, and make the tables where they are missing. Raises StoreUnavailableError."""
        await self._account.open()

    async def close(self) -> None:
        """Close the connections. Closing twice does no harm."""
        await self._account.close()

    async def tidy(self, older_than: datetime) -> int:
        """Remove what was left beside the rows before a moment, and no row names; returns how much."""
        return await self._bodies.remove_unnamed(older_than)
