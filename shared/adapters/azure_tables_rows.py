"""One table in Azure: rows read by key or by range, and written in transactions that happen once.

Owns retries, the tags of rows, their schema version, and the limits of a transaction. Knows nothing of what rows hold.
Each row carries the token of the write that made it: when the answer to a write was lost and the next try is refused,
the token tells whether it was our own first try that won.
"""

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.data.tables import TableEntity, UpdateMode

from shared.adapters.azure_storage_account import AzureStorageAccount
from shared.adapters.azure_storage_failures import is_refusal
from shared.adapters.azure_tables_keys import after, at
from shared.ports import ConflictError, StoreUnavailableError

SCHEMA_VERSION = 2
SCHEMA_VERSIONS_READ = (SCHEMA_VERSION - 1, SCHEMA_VERSION)
WRITES_MAX = 100  # of one transaction
BODIES_BYTES_MAX = 2 * 1024 * 1024  # of one transaction, which takes 4 MiB of JSON with bodies in base64
PAGE_MAX = 1000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One row of a transaction. ``update`` and ``delete`` with a tag require that the row still has it."""

    kind: Literal["insert", "update", "upsert", "delete"]
    row: Row
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What a query narrows a range of keys to: a condition, how many rows, and which properties of them."""

    condition: str = ""
    limit: int = sys.maxsize
    columns: tuple[str, ...] = ()


EVERYTHING = Search()
_ALWAYS = ("PartitionKey", "RowKey", "Schema")


def due_by(moment: datetime) -> str:
    """The condition that a row's moment has come."""
    return f" and DueAt le '{at(moment)}'"


def row_of(partition: str, row_key: str, **properties: str | bytes) -> dict[str, str | bytes]:
    """A row as it is written."""
    return {"PartitionKey": partition, "RowKey": row_key, **properties}


def tag_of(row: Row) -> str:
    """The tag that the next write of a row has to present."""
    assert isinstance(row, TableEntity)  # noqa: S101  # it was read
    return str(row.metadata["etag"])


def is_tag(text: str) -> bool:
    """Whether a text can be a tag of Azure's."""
    return text.startswith("W/\"datetime'") and text.endswith("'\"")


class Rows:
    """One table. Any method raises StoreUnavailableError when storage stays away or holds rows of a later release."""

    def __init__(self, account: AzureStorageAccount, table: str) -> None:
        self._account, self.table = account, table

    async def get(self, partition: str, row_key: str) -> Row | None:
        """One row."""

        async def read(_attempt: int) -> TableEntity | None:
            try:
                return await self._account.table(self.table).get_entity(partition, row_key)
            except ResourceNotFoundError as error:
                if not is_refusal(error):
                    raise
                return None

        row = await self._account.patiently(read)
        return None if row is None else _readable(row)

    async def beginning(self, partition: str, prefix: str, search: Search = EVERYTHING) -> list[Row]:
        """The rows of a partition whose keys begin with a prefix, by key."""
        return await self.between(partition, prefix, after(prefix), search)

    async def between(self, partition: str, low: str, high: str, search: Search = EVERYTHING) -> list[Row]:
        """The rows of a partition from one key to just before another, by key."""
        wanted = f"PartitionKey eq '{partition}' and RowKey ge '{low}' and RowKey lt '{high}'{search.condition}"
        columns = [*_ALWAYS, *search.columns] if search.columns else None
        page = min(search.limit, PAGE_MAX)

        async def read(_attempt: int) -> list[Row]:
            table = self._account.table(self.table)
            found: list[Row] = []
            async for row in table.query_entities(wanted, select=columns, results_per_page=page):
                found.append(_readable(row))
                if len(found) == search.limit:
                    break
            return found

        return [] if search.limit <= 0 else await self._account.patiently(read)

    async def write(self, writes: Sequence[Write]) -> None:
        """Write rows of one partition in one transaction. Raises ConflictError when a row is not as required."""
        token = secrets.token_hex(8)
        operations = [_operation(write, token) for write in writes]

        async def submit(attempt: int) -> None:
            try:
                await self._account.table(self.table).submit_transaction(operations)
            except HttpResponseError as error:
                if not is_refusal(error):
                    raise
                if attempt and await self._is_done(writes, token):
                    return
                raise ConflictError(f"a row of {self.table} is not as it was read") from error

        await self._account.patiently(submit)

    async def _is_done(self, writes: Sequence[Write], token: str) -> bool:
        """Whether an earlier try, whose answer was lost, has written this."""
        kept = [write.row for write in writes if write.kind != "delete"]
        if not kept:
            return await self.get(*_keys(writes[0].row)) is None
        found = await self.get(*_keys(kept[0]))
        return found is not None and found.get("Write") == token


def _operation(write: Write, token: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    options: dict[str, Any] = {}
    if write.tag:
        options = {"etag": write.tag, "match_condition": MatchConditions.IfNotModified}
    if write.kind == "delete":
        return "delete", dict(zip(("PartitionKey", "RowKey"), _keys(write.row), strict=True)), options
    row = {**write.row, "Schema": SCHEMA_VERSION, "Write": token}
    if write.kind == "insert":
        return "create", row, {}
    return write.kind, row, {**options, "mode": UpdateMode.REPLACE}


def _keys(row: Row) -> tuple[str, str]:
    return row["PartitionKey"], row["RowKey"]


def _readable(row: TableEntity) -> TableEntity:
    if row.get("Schema") not in SCHEMA_VERSIONS_READ:
        raise StoreUnavailableError(
            f"a row has schema version {row.get('Schema')}; this release reads {SCHEMA_VERSIONS_READ}"
        )
    return row
