"""The bodies of rows: inside the row, or in a blob that the row names when they are too large for one property.

Owns that a blob is written before the row that names it, and that no blob is removed which a row may still name.
Knows nothing of what bodies say. A blob's name holds the keys of its row, so that what nothing refers to can be told.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError

from shared.adapters.azure_storage_account import AzureStorageAccount
from shared.adapters.azure_tables_rows import Row, Rows
from shared.ports import StoreUnavailableError

INLINE_BYTES_MAX = 64 * 1024  # of one property
SMALL_BYTES_MAX = 1024  # what stays inside when the transaction as a whole would be too large


class BlobBodies:
    """The bodies of the rows of an account."""

    def __init__(self, account: AzureStorageAccount) -> None:
        self._account = account

    async def put(
        self, table: str, partition: str, row_key: str, body: bytes, inline_max: int = INLINE_BYTES_MAX
    ) -> dict[str, str | bytes]:
        """The properties by which a row holds a body; a large one is in its blob when this returns."""
        if len(body) <= inline_max:
            return {"Body": body}
        name = "/".join((table, partition, row_key, secrets.token_hex(8)))

        async def upload(_attempt: int) -> None:
            await self._account.bodies().upload_blob(name, body, overwrite=True)

        await self._account.patiently(upload)
        return {"Blob": name}

    async def get(self, row: Row) -> bytes:
        """The body of a row."""
        name = row.get("Blob")
        if name is None:
            return bytes(row["Body"])

        async def download(_attempt: int) -> bytes:
            return await (await self._account.bodies().download_blob(name)).readall()

        try:
            return await self._account.patiently(download)
        except ResourceNotFoundError as error:
            raise StoreUnavailableError(f"the body {name} of a row is missing") from error

    async def remove_unnamed(self, older_than: datetime) -> int:
        """Remove blobs from before a moment that their row names no more, or never did; returns how many.

        The moment has to lie so far back that no write begun before it is still under way.
        """
        removed = 0
        async for name in self._names(older_than):
            if not await self._is_named(name):
                await self._delete(name)
                removed += 1
        return removed

    async def _names(self, older_than: datetime) -> AsyncIterator[str]:
        async for blob in self._account.bodies().list_blobs():
            if blob.creation_time < older_than:
                yield blob.name

    async def _is_named(self, name: str) -> bool:
        table, partition, row_key, _ = name.split("/")
        row = await Rows(self._account, table).get(partition, row_key)
        return row is not None and row.get("Blob") == name

    async def _delete(self, name: str) -> None:
        async def delete(_attempt: int) -> None:
            with contextlib.suppress(ResourceNotFoundError):  # another instance was faster
                await self._account.bodies().delete_blob(name)

        await self._account.patiently(delete)
