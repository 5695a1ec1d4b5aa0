"""How far each partition has been taken: the sequence numbers that survive the host.

Owns the keys of the file. In Azure these are blobs of the storage account, kept by the Event Hubs extension.
"""

from dataclasses import dataclass

from local.host.state_file import StateFile


@dataclass(frozen=True, slots=True)
class Place:
    """One partition as one consumer group reads it."""

    hub: str
    consumer_group: str
    partition: str

    @property
    def key(self) -> str:
        """The name of its checkpoint."""
        return f"{self.hub}/{self.consumer_group}/{self.partition}"


class Checkpoints:
    """Sequence numbers by place, in one file; use it from one event loop."""

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._taken: dict[str, int] = dict(file.read())

    def taken(self, place: Place) -> int | None:
        """The last sequence number that was taken; None: start at the beginning."""
        return self._taken.get(place.key)

    def advance(self, place: Place, sequence_number: int) -> None:
        """Everything up to this number is taken.

        Raises:
            OSError: the disk did not take it; the events will come again after a restart.
        """
        self._taken[place.key] = sequence_number
        self._file.write(dict(self._taken))
