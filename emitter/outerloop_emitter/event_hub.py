"""Sending to Event Hubs from the collector's own thread.

Owns the azure-eventhub producer; the SDK is imported in the sending thread only. It knows nothing of what a message
holds.
"""

import concurrent.futures.thread  # noqa: F401 -- the SDK needs it, and it cannot be imported while a process ends
import os
from collections.abc import Sequence
from typing import Any


class EventHubSender:
    """Sends messages with one partition key; not thread-safe, as the collector has a single thread."""

    def __init__(self, connection: str, hub: str, partition_key: str) -> None:
        self._connection = connection
        self._hub = hub
        self._partition_key = partition_key
        self._producer: Any = None

    @classmethod
    def from_environment(cls, partition_key: str) -> "EventHubSender | None":
        """The sender that the environment describes, or None when it describes none."""
        connection = os.getenv("OUTERLOOP_TELEMETRY_CONNECTION", "")
        hub = os.getenv("OUTERLOOP_TELEMETRY_HUB", "")
        return cls(connection, hub, partition_key) if connection and hub and partition_key else None

    def prepare(self) -> None:
        """Import the SDK now, so that what is queued shortly before the process ends can still be sent."""
        import azure.eventhub  # noqa: F401, PLC0415 -- half a second that a request must not pay

    def send(self, messages: Sequence[bytes]) -> None:
        """Send all messages in as few batches as fit; raises azure-eventhub's errors after its own retries."""
        from azure.eventhub import EventData  # noqa: PLC0415 -- see prepare

        producer = self._connected()
        batch = producer.create_batch(partition_key=self._partition_key)
        for message in messages:
            try:
                batch.add(EventData(message))
            except ValueError:  # the batch is full
                if len(batch):
                    producer.send_batch(batch)
                batch = producer.create_batch(partition_key=self._partition_key)
                batch.add(EventData(message))
        producer.send_batch(batch)

    def close(self) -> None:
        """Close the connection; the next send opens another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()

    def _connected(self) -> Any:
        if self._producer is None:
            from azure.eventhub import EventHubProducerClient  # noqa: PLC0415 -- see prepare

            self._producer = EventHubProducerClient.from_connection_string(self._connection, eventhub_name=self._hub)
        return self._producer
