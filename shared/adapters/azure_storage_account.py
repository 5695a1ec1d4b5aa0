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
_SERVICES = ("table", "blob", "queue")
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


@dataclass(frozen=True)
class _Clients:
    tables: TableServiceClient
    blobs: BlobServiceClient
    queues: QueueServiceClient


class AzureStorageAccount:
    """The clients of one account. Any use before ``open`` or after ``close`` raises StoreUnavailableError."""

    def __init__(self, addresses: Addresses, wire: Wire = WIRE) -> None:
        self._addresses, self._wire = addresses, wire
        self._stack = AsyncExitStack()
        self._clients: _Clients | None = None

    async def open(self) -> None:
        """Make the clients and, where they are missing, the tables, the container and the queues."""
        await self.close()
        try:
            self._clients = await self._connected(self._stack)
            await self._set_up()
        except ValueError as error:
            await self.close()
            raise StoreUnavailableError(f"the connection string of the store cannot be used: {error}") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every connection. Closing twice does no harm."""
        self._clients = None
        await self._stack.aclose()

    def table(self, name: str) -> TableClient:
        """One of the tables."""
        return self._opened().tables.get_table_client(f"{self._addresses.name}{name}")

    def bodies(self) -> ContainerClient:
        """The container of the bodies that are too large for a row."""
        return self._opened().blobs.get_container_client(f"{self._addresses.name}-{BODIES}")

    def queue(self, suffix: str = "") -> QueueClient:
        """The command queue, or the one beside it with this suffix."""
        return self._opened().queues.get_queue_client(f"{self._addresses.name}-{COMMANDS}{suffix}")

    async def patiently(self, call: Callable[[int], Awaitable[T]]) -> T:
        """The result of a call that is made again while storage is away, as ``azure_storage_failures.patiently`` does."""
        return await patiently(call, self._wire.pauses_seconds)

    def _opened(self) -> _Clients:
        if self._clients is None:
            raise StoreUnavailableError("the store on Azure storage is not open")
        return self._clients

    async def _connected(self, stack: AsyncExitStack) -> _Clients:
        store, options = self._addresses.store, self._wire.options
        queues = self._addresses.queues or store
        credential = await _credential(stack) if is_url(store) or is_url(queues) else None
        if credential is not None and is_url(store):
            tables = TableServiceClient(service_url(store, "table"), credential=credential, **options)
            blobs = BlobServiceClient(service_url(store, "blob"), credential, **options)
        else:
            tables = TableServiceClient.from_connection_string(store, **options)
            blobs = BlobServiceClient.from_connection_string(store, **options)
        if is_url(queues):
            queue_service = QueueServiceClient(service_url(queues, "queue"), credential, **options)
        else:
            queue_service = QueueServiceClient.from_connection_string(queues, **options)
        for client in (tables, blobs, queue_service):
            await stack.enter_async_context(client)
        return _Clients(tables, blobs, queue_service)

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


def service_url(url: str, kind: str) -> str:
    """The URL of a service of the account that has this URL for any of them. Raises StoreUnavailableError."""
    labels = url.split(".")
    known = [position for position, label in enumerate(labels) if label in _SERVICES]
    if not known:
        raise StoreUnavailableError(
            f"{url} is no address of a storage account: write https://NAME.table.core.windows.net"
        )
    labels[known[0]] = kind
    return ".".join(labels)
