"""One partition: an ordered log of events with a bound, and the receivers that read it.

Decides where a receiver starts (the selector filter) and who may read (epochs). It knows nothing of frames, links or
connections: a reader is whatever can be told that there is more to read, or that it lost its place.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from local.azure.event_hubs.messages import Stamp, application_properties_of, body_of, stamped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SELECTOR = re.compile(r"^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time) (>=?) '(@latest|-?\d+)'$")


class SelectorError(ValueError):
    """The filter is none that Event Hubs clients send."""


class StolenError(Exception):
    """Another receiver holds this consumer group's partition with an epoch that is not lower."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored event; `message` is what receivers are sent."""

    stamp: Stamp
    message: bytes

    @property
    def sequence_number(self) -> int:
        """0 for the partition's first event, then one more each."""
        return self.stamp.sequence_number

    @property
    def partition_key(self) -> str | None:
        """The key that the sender gave, if any."""
        return self.stamp.partition_key

    @property
    def body(self) -> bytes:
        """The event's data sections, joined."""
        return body_of(self.message)

    @property
    def properties(self) -> dict[str, object]:
        """The event's application properties."""
        return application_properties_of(self.message)


class Reader(Protocol):
    """A receiver of one consumer group."""

    group: str
    epoch: int | None

    def pump(self) -> None:
        """Sends what there is to send now."""

    def evict(self, reason: str) -> None:
        """Tells the receiver that it lost the partition; it does not leave by itself."""


class Partition:
    """Events in order of arrival, at most `retention_events_max` of them; older ones are forgotten."""

    def __init__(self, now_ms: Callable[[], int], retention_events_max: int) -> None:
        self._now_ms = now_ms
        self._log: deque[Entry] = deque(maxlen=retention_events_max)
        self._readers: list[Reader] = []
        self._next_sequence_number = 0
        self._next_offset = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All retained events, oldest first."""
        return tuple(self._log)

    @property
    def last(self) -> Entry | None:
        """The newest event."""
        return self._log[-1] if self._log else None

    @property
    def first_sequence_number(self) -> int:
        """The oldest retained event's number, or that of the event to come."""
        return self._next_sequence_number - len(self._log)

    def append(self, messages: Iterable[bytes], partition_key: str | None) -> None:
        """Stores all encoded events, or none, and has the readers send them on at once.

        Raises:
            CodecError: one of them is not a message.
        """
        sequence_number, offset, now_ms = self._next_sequence_number, self._next_offset, self._now_ms()
        entries = []
        for message in messages:
            stamp = Stamp(sequence_number, offset, now_ms, partition_key)
            entries.append(Entry(stamp, stamped(message, stamp)))
            sequence_number, offset = sequence_number + 1, offset + len(message)
        self._log.extend(entries)
        self._next_sequence_number, self._next_offset = sequence_number, offset
        for reader in tuple(self._readers):
            reader.pump()

    def read(self, sequence_number: int) -> Entry | None:
        """The event of this number, the oldest one if that is forgotten, or None if it is yet to come."""
        index = max(sequence_number - self.first_sequence_number, 0)
        return self._log[index] if index < len(self._log) else None

    def start(self, selector: str | None) -> int:
        """The sequence number at which a receiver with this filter starts.

        Raises:
            SelectorError: not one of the filters on offset, sequence number or enqueued time.
        """
        if selector is None:
            return self.first_sequence_number
        match = _SELECTOR.match(selector)
        if match is None:
            raise SelectorError(selector)
        field, operator, value = match.groups()
        if value == "@latest":
            return self._next_sequence_number
        wanted = int(value) + (operator == ">")
        return next(
            (e.sequence_number for e in self._log if _POSITIONS[field](e) >= wanted), self._next_sequence_number
        )

    def join(self, reader: Reader) -> None:
        """Adds a reader. One with an epoch evicts its consumer group's readers of no, lower or equal epoch.

        Raises:
            StolenError: a reader of the group has a higher epoch, or has one and this reader has none.
        """
        rivals = [rival for rival in self._readers if rival.group == reader.group]
        highest = max((rival.epoch for rival in rivals if rival.epoch is not None), default=None)
        if highest is not None and (reader.epoch is None or reader.epoch < highest):
            raise StolenError(f"a receiver with epoch {highest} already exists, this one has {reader.epoch}")
        if reader.epoch is not None:
            for rival in rivals:
                self.leave(rival)
                rival.evict(f"New receiver with higher epoch of '{reader.epoch}' is created")
        self._readers.append(reader)

    def leave(self, reader: Reader) -> None:
        """Forgets a reader; twice is once."""
        if reader in self._readers:
            self._readers.remove(reader)


_POSITIONS: dict[str, Callable[[Entry], int]] = {
    "offset": lambda entry: entry.stamp.offset,
    "sequence-number": lambda entry: entry.stamp.sequence_number,
    "enqueued-time": lambda entry: entry.stamp.enqueued_at_ms,
}
