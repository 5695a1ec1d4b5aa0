"""The local Event Hubs namespace: listens on the loopback interface, and is what the rest of local Azure sees of it.

It runs inside the caller's event loop and must be used from that loop's thread. Consumer groups exist as soon as
somebody reads with them. Events live in memory only.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from local.azure.event_hubs.connection import Connection
from local.azure.event_hubs.frames import Fault
from local.azure.event_hubs.messages import event
from local.azure.event_hubs.namespace import Namespace
from local.azure.event_hubs.tokens import KEY_NAME, Door

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.azure.event_hubs.partition import Entry

HOST = "127.0.0.1"
RETENTION_EVENTS_MAX = 10_000
_GOODBYE_SECONDS_MAX = 1.0


class EventHubsServer:
    """A namespace with the given hubs (name to partition count) and one root key.

    Each partition keeps its newest `retention_events_max` events. `now_s` gives epoch seconds, for enqueued times and
    for the expiry of tokens.

    Raises:
        ValueError: a hub without partitions, or a retention below one event.
    """

    def __init__(
        self,
        hubs: Mapping[str, int],
        key: str,
        *,
        retention_events_max: int = RETENTION_EVENTS_MAX,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        if min(hubs.values(), default=1) < 1 or retention_events_max < 1:
            raise ValueError("a hub has at least one partition, and a partition keeps at least one event")
        self._key = key
        self._now_s = now_s
        self._namespace = Namespace(hubs, lambda: int(now_s() * 1000), retention_events_max)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    async def start(self, port: int = 0) -> int:
        """Listens on 127.0.0.1 (port 0: any free one) and returns the port.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._serve, HOST, port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self._port

    async def stop(self) -> None:
        """Stops listening, says goodbye to every client and waits until all are gone; the events stay readable."""
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._connections):
            connection.close(Fault("amqp:connection:forced", "the namespace is shutting down"))
        if self._connections:
            await asyncio.wait(self._connections.values(), timeout=_GOODBYE_SECONDS_MAX)
        tasks = dict(self._connections)
        for connection in tasks:
            connection.abort()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        self._server = None

    @property
    def connection_string(self) -> str:
        """What clients connect with; the flag at its end makes the SDK use plain TCP and this port.

        Raises:
            RuntimeError: the server was not started.
        """
        if not self._port:
            raise RuntimeError("there is no port before start()")
        credentials = f"SharedAccessKeyName={KEY_NAME};SharedAccessKey={self._key}"
        return f"Endpoint=sb://{HOST}:{self._port};{credentials};UseDevelopmentEmulator=true;"

    def publish(
        self,
        hub: str,
        body: bytes,
        partition_key: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Stores one event as if a client had sent it to the hub.

        Raises:
            UnknownEntityError: there is no such hub.
        """
        self._namespace.hub(hub).append([event(body, properties or {})], partition_key)

    def events(self, hub: str, partition: int) -> Sequence[Entry]:
        """The partition's retained events, oldest first.

        Raises:
            UnknownEntityError: there is no such hub or partition.
        """
        return self._namespace.hub(hub).partition(str(partition)).entries

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, Door(self._key, self._now_s), self._namespace)
        task = asyncio.current_task()
        if task is None:  # pragma: no cover  a coroutine always runs in a task
            raise RuntimeError("not in an event loop")
        self._connections[connection] = task
        try:
            await connection.run()
        finally:
            del self._connections[connection]
