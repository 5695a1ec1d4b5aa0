"""The two stores, opened as the app opens them, each with a meter of its transactions.

Owns how a transaction is counted: on SQLite by the statements that the connection runs, on Azure by the requests on the
wire. A store that cannot be opened fails the benchmark: nothing is skipped.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport

from local.azurite import Azurite, AzuriteError, find
from shared.adapters.azure_queue import AzureQueue
from shared.adapters.azure_storage_account import CLIENT_OPTIONS, Addresses, Wire
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.adapters.system_clock import SystemClock
from shared.ports import CommandQueue, Store


@dataclass
class Meter:
    """Transactions so far."""

    count: int = 0


@dataclass(frozen=True)
class Opened:
    """An empty store and the queue beside it. What they do is counted from ``metered`` on."""

    store: Store
    queue: CommandQueue
    meter: Meter


Open = Callable[[], AbstractAsyncContextManager[Opened]]


class _Statements:
    """Counts what SQLite runs: what lies between BEGIN and COMMIT is one transaction, and so is each query outside."""

    def __init__(self, meter: Meter) -> None:
        self._meter, self._inside = meter, False

    def __call__(self, statement: str) -> None:
        """One statement is about to run."""
        self._meter.count += not self._inside
        if statement.startswith("BEGIN"):
            self._inside = True
        elif statement.startswith(("COMMIT", "ROLLBACK")):
            self._inside = False


class _Wire(AioHttpTransport):  # type: ignore[misc]  # the SDK leaves it untyped
    """Counts what goes over the wire; a batch is one request. Left open by the clients that share it until all are closed."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    async def send(self, request: Any, **options: Any) -> Any:
        """Send one request, counted."""
        self._meter.count += 1
        return await super().send(request, **options)


def sqlite_in(folder: Path) -> Open:
    """The embedded store, in new files of a folder."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        store, meter = SqliteStore(str(folder / f"{secrets.token_hex(4)}.db")), Meter()
        await store.open()
        yield Opened(store, SqliteQueue(store.database, SystemClock()), meter)
        await store.close()

    return opened


async def metered(opened: Opened) -> None:
    """Count SQLite's transactions too, which costs time: nothing is timed on such a store."""
    if isinstance(opened.store, SqliteStore):
        count = _Statements(opened.meter)
        await opened.store.database.read(lambda connection: connection.set_trace_callback(count))


def azure_on(azurite: Azurite) -> Open:
    """The store on Azure Tables and Queues, in new tables of an emulator."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        meter = Meter()
        wire = Wire({**CLIENT_OPTIONS, "transport": _Wire(meter)})
        store = AzureTablesStore(Addresses(azurite.connection_string, name=f"b{secrets.token_hex(4)}"), wire)
        await store.open()
        yield Opened(store, AzureQueue(store.account), meter)
        await store.close()

    return opened


def emulator(folder: Path) -> Azurite:
    """Azurite, started, with its data in memory. Raises AzuriteError when it is not installed: the peer may not be missing."""
    script = find()
    if script is None:
        raise AzuriteError("Azurite is missing, and without it half of the figures: make azurite")
    azurite = Azurite(script, folder / "azurite.log")
    azurite.start()
    return azurite
