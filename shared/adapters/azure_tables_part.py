"""What every part of the store on Azure begins with: its tables, its bodies, and how a row is changed against rivals.

Owns the loop of read, change, write. Knows nothing of what the rows mean.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from shared.adapters.azure_blob_bodies import BlobBodies
from shared.adapters.azure_storage_account import AzureStorageAccount
from shared.adapters.azure_storage_failures import jittered
from shared.adapters.azure_tables_keys import buckets
from shared.adapters.azure_tables_rows import Row, Rows
from shared.ports import StoreUnavailableError

T = TypeVar("T")

TRIES_MAX = 20  # of one change whose row rivals keep changing
CONTENTION_PAUSE_SECONDS = 0.02


class OnTables:
    """The tables and bodies of one account."""

    def __init__(self, account: AzureStorageAccount) -> None:
        self._account = account
        self._bodies = BlobBodies(account)
        self._inbox, self._ledger = Rows(account, "inbox"), Rows(account, "ledger")
        self._documents, self._telemetry = Rows(account, "documents"), Rows(account, "telemetry")

    async def _bodies_of(self, rows: Sequence[Row]) -> list[bytes]:
        return list(await asyncio.gather(*(self._bodies.get(row) for row in rows)))


async def in_every_bucket(query: Callable[[str], Awaitable[list[T]]]) -> list[T]:
    """What a query finds in all partitions of a table, which are asked at once."""
    found = await asyncio.gather(*(query(partition) for partition in buckets()))
    return [each for some in found for each in some]


async def tries(what: str) -> AsyncIterator[int]:
    """The tries of a change, with a pause before each but the first. Raises StoreUnavailableError after the last."""
    for attempt in range(TRIES_MAX):
        if attempt:
            await jittered(CONTENTION_PAUSE_SECONDS * attempt)
        yield attempt
    raise StoreUnavailableError(f"{what} kept being changed by others")
