"""The hubs of the namespace: which there are, which partition an event goes to, and what `$management` says of them.

Request and answer shapes: the AMQP protocol guide of Event Hubs ("management operations") as azure-eventhub 5.15 reads
them. Knows nothing of links or of connections.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.event_hubs.messages import Reply, Request
from local.azure.event_hubs.partition import Partition
from local.azure.event_hubs.values import Array, Int, Long, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class UnknownEntityError(LookupError):
    """There is no such hub or partition."""


@dataclass(slots=True)
class Hub:
    """A hub's partitions; their ids are their positions."""

    name: str
    created_at_ms: int
    partitions: tuple[Partition, ...]
    _turn: int = 0

    def partition(self, partition_id: str) -> Partition:
        """The partition of this id.

        Raises:
            UnknownEntityError: there is none.
        """
        if partition_id not in map(str, range(len(self.partitions))):
            raise UnknownEntityError(f"The specified partition '{partition_id}' is invalid for hub '{self.name}'.")
        return self.partitions[int(partition_id)]

    def append(self, messages: Sequence[bytes], partition_key: str | None) -> None:
        """Stores encoded events in one partition: the key's own, or the next in turn without a key.

        Raises:
            CodecError: one of them is not a message; none is stored then.
        """
        self._choose(partition_key).append(messages, partition_key)

    def _choose(self, partition_key: str | None) -> Partition:
        if partition_key is not None:  # any stable hash keeps a key in its place; Azure's own is not promised
            return self.partitions[zlib.crc32(partition_key.encode()) % len(self.partitions)]
        self._turn = (self._turn + 1) % len(self.partitions)
        return self.partitions[self._turn - 1]


class Namespace:
    """All hubs, made once from their names and partition counts."""

    def __init__(self, hubs: Mapping[str, int], now_ms: Callable[[], int], retention_events_max: int) -> None:
        self._hubs = {
            name: Hub(name, now_ms(), tuple(Partition(now_ms, retention_events_max) for _ in range(count)))
            for name, count in hubs.items()
        }

    def hub(self, name: str) -> Hub:
        """The hub of this name.

        Raises:
            UnknownEntityError: there is none.
        """
        if name not in self._hubs:
            raise UnknownEntityError(f"The messaging entity '{name}' could not be found.")
        return self._hubs[name]

    def answer(self, request: Request) -> Reply:
        """The answer to a READ of a hub's or a partition's properties; 404 and 400 are answers too."""
        asked = request.application_properties
        try:
            hub = self.hub(str(asked.get("name")))
            match asked.get("operation"), asked.get("type"):
                case "READ", "com.microsoft:eventhub":
                    return _ok(asked, _hub_properties(hub))
                case "READ", "com.microsoft:partition":
                    partition_id = str(asked.get("partition"))
                    return _ok(asked, _partition_properties(partition_id, hub.partition(partition_id)))
        except UnknownEntityError as error:
            return Reply(404, str(error))
        return Reply(400, "only READ of com.microsoft:eventhub and com.microsoft:partition is answered")


def _ok(asked: Mapping[Any, Any], properties: Mapping[str, Any]) -> Reply:
    return Reply(200, "OK", {"name": str(asked["name"]), "type": str(asked["type"]), **properties})


def _hub_properties(hub: Hub) -> dict[str, Any]:
    ids = tuple(map(str, range(len(hub.partitions))))
    return {
        "created_at": Timestamp(hub.created_at_ms),
        "partition_count": Int(len(ids)),
        "partition_ids": Array(str, ids),
    }


def _partition_properties(partition_id: str, partition: Partition) -> dict[str, Any]:
    last = partition.last
    return {
        "partition": partition_id,
        "begin_sequence_number": Long(partition.first_sequence_number),
        "last_enqueued_sequence_number": Long(last.stamp.sequence_number if last else -1),
        "last_enqueued_offset": str(last.stamp.offset if last else -1),
        "last_enqueued_time_utc": Timestamp(last.stamp.enqueued_at_ms if last else 0),
        "is_partition_empty": last is None,
    }
