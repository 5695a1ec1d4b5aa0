"""Sending to Event Hubs from the collector's own thread.

Owns the azure-eventhub producer; the SDK is imported in the sending thread only. It knows nothing of what a message
holds, nor of when to try again.
"""

import concurrent.futures.thread  # noqa: F401 -- the SDK needs it, and it cannot be imported while a process ends
import os
from collections.abc import Sequence
from typing import Any

from .senders import TooLargeError


class EventHubSender:
    """Sends messages with one partition key; not thread-safe, as the collector has a single thread."""

    def __init__(self, connection: str, hub: str, partition_key: str) -> None:
        self._connection = connection
        self._hub = hub
        self._partition_key = partition_key
        self._producer: Any = None
        self._inherited: list[Any] = []

    @classmethod
    def from_environment(cls, partition_key: str) -> "EventHubSender | None":
        """The sender that the environment describes, or None when it describes none."""
        connection = os.getenv("OUTERLOOP_TELEMETRY_CONNECTION", "")
        hub = os.getenv("OUTERLOOP_TELEMETRY_HUB", "")
        return cls(connection, hub, partition_key) if connection and hub and partition_key else None

    def prepare(self) -> None:
        """Import the SDK now: half a second that no request, and no ending process, has to pay. Raises ImportError."""
        import azure.eventhub  # noqa: F401, PLC0415

    def send(self, messages: Sequence[bytes]) -> int:
        """Send as many of the first messages as fit one batch; raises TooLargeError or azure-eventhub's errors."""
        from azure.eventhub import EventData  # noqa: PLC0415 -- see prepare

        producer = self._connected()
        batch = producer.create_batch(partition_key=self._partition_key)
        for message in messages:
            try:
                batch.add(EventData(message))
            except ValueError as error:  # the batch is full
                if not len(batch):
                    raise TooLargeError(f"{len(message)} bytes are more than the hub takes") from error
                break
        producer.send_batch(batch)
        return len(batch)

    def close(self) -> None:
        """Close the connection; the next send opens another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()

    def forget(self) -> None:
        """Keep the parent's connection unused: closing it here would end it for the parent."""
        if self._producer is not None:
            self._inherited.append(self._producer)
            self._producer = None

    def _connected(self) -> Any:
        """The producer. It does not retry: the collector does, and can be interrupted."""
        if self._producer is None:
            from azure.eventhub import EventHubProducerClient  # noqa: PLC0415 -- see prepare

            self._producer = EventHubProducerClient.from_connection_string(
                self._connection, eventhub_name=self._hub, retry_total=0
            )
        return self._producer
