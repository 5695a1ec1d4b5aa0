"""The storage account: its clients for tables, blobs and queues, opened and closed together.

Owns addresses and credentials, and that the tables, the container and the queues exist. Knows no row and no message.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from shared.adapters.azure_storage_failures import PAUSES_SECONDS, patiently
from shared.ports import StoreUnavailableError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

T = TypeVar("T")

TABLES = ("inbox", "ledger", "documents", "telemetry")
BODIES = "bodies"
COMMANDS = "commands"
POISON = "-poison"  # what Azure's queue extension appends to the name of a queue
CONNECT_SECONDS_MAX = 5
READ_SECONDS_MAX = 20
_Create = Callable[[], Awaitable[Any]]
CLIENT_OPTIONS: Mapping[str, Any] = {
    "retry_total": 0,
    "connection_timeout": CONNECT_SECONDS_MAX,
    "read_timeout": READ_SECONDS_MAX,
}


@dataclass(frozen=True)
class Addresses:
    """Where the store and the command queue are: each a connection string, or the URL of a service.

    ``store`` may be the URL of the account's tables (``https://NAME.table.…``); ``queues`` the URL of its queues. An empty
    ``queues`` means the store's own account. ``name`` begins the names of tables, container and queues.
    """

    store: str = field(repr=False)
    queues: str = field(default="", repr=False)
    name: str = "outerloop"


@dataclass(frozen=True)
class Wire:
    """How requests are made: the options of the SDKs' clients, and the pauses between tries."""

    options: Mapping[str, Any]
    pauses_seconds: tuple[float, ...] = PAUSES_SECONDS


WIRE = Wire(CLIENT_OPTIONS)


class AzureStorageAccount:
    """The clients of one account. Any use before ``open`` or after ``close`` raises StoreUnavailableError."""

    def __init__(self, addresses: Addresses, wire: Wire = WIRE) -> None:
        self._addresses, self._wire = addresses, wire
        self._stack: AsyncExitStack | None = None
        self._tables: TableServiceClient | None = None
        self._blobs: BlobServiceClient | None = None
        self._queues: QueueServiceClient | None = None

    async def open(self) -> None:
        """Make the clients and, where they are missing, the tables, the container and the queues."""
        await self.close()
        async with AsyncExitStack() as stack:
            await self._connect(stack)
            self._stack = stack
            try:
                await self._set_up()
            except BaseException:
                self._stack = None
                raise
            self._stack = stack.pop_all()

    async def close(self) -> None:
        """Close every connection. Closing twice does no harm."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()

    def table(self, name: str) -> TableClient:
        """One of the tables."""
        self._check_open()
        assert self._tables is not None  # noqa: S101  # it is open
        return self._tables.get_table_client(f"{self._addresses.name}{name}")

    def bodies(self) -> ContainerClient:
        """The container of the bodies that are too large for a row."""
        self._check_open()
        assert self._blobs is not None  # noqa: S101  # it is open
        return self._blobs.get_container_client(f"{self._addresses.name}-{BODIES}")

    def queue(self, suffix: str = "") -> QueueClient:
        """The command queue, or the one beside it with this suffix."""
        self._check_open()
        assert self._queues is not None  # noqa: S101  # it is open
        return self._queues.get_queue_client(f"{self._addresses.name}-{COMMANDS}{suffix}")

    async def patiently(self, call: Callable[[int], Awaitable[T]]) -> T:
        """The result of a call that is made again while storage is away, as ``azure_storage_failures.patiently`` does."""
        return await patiently(call, self._wire.pauses_seconds)

    def _check_open(self) -> None:
        if self._stack is None:
            raise StoreUnavailableError("the store on Azure storage is not open")

    async def _connect(self, stack: AsyncExitStack) -> None:
        store = self._addresses.store
        queues = self._addresses.queues or store
        credential = await _credential(stack) if any(map(is_url, (store, queues))) else None
        if is_url(store):
            assert credential is not None  # noqa: S101  # made above
            self._tables = TableServiceClient(_service(store, "table"), credential=credential, **self._wire.options)
            self._blobs = BlobServiceClient(_service(store, "blob"), credential, **self._wire.options)
        else:
            self._tables = TableServiceClient.from_connection_string(store, **self._wire.options)
            self._blobs = BlobServiceClient.from_connection_string(store, **self._wire.options)
        if is_url(queues):
            self._queues = QueueServiceClient(_service(queues, "queue"), credential, **self._wire.options)
        else:
            self._queues = QueueServiceClient.from_connection_string(queues, **self._wire.options)
        for client in (self._tables, self._blobs, self._queues):
            await stack.enter_async_context(client)

    async def _set_up(self) -> None:
        creations: list[_Create] = [self.table(name).create_table for name in TABLES]
        creations += [self.bodies().create_container, self.queue().create_queue, self.queue(POISON).create_queue]
        await asyncio.gather(*(self.patiently(_if_missing(create)) for create in creations))


def is_url(address: str) -> bool:
    """Whether an address is a service's URL, used under the app's identity; else it is a connection string."""
    return address.startswith("https://")


def _if_missing(create: _Create) -> Callable[[int], Awaitable[None]]:
    async def attempt(_attempt: int) -> None:
        with contextlib.suppress(ResourceExistsError):
            await create()

    return attempt


async def _credential(stack: AsyncExitStack) -> "AsyncTokenCredential":
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  # slow to import; not for connection strings

    return await stack.enter_async_context(DefaultAzureCredential())


def _service(url: str, kind: str) -> str:
    """The URL of a service of the account that has this URL for another one: they differ in one label."""
    name, _, rest = url.partition(".")
    return f"{name}.{kind}.{rest.partition('.')[2]}"
