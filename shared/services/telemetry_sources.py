"""Where telemetry comes from, and up to where it was taken: a partition of a hub, or a file of a collector.

Owns how far each has been read, and that this moves only together with what was counted. Knows nothing of what is counted.
A file is numbered by bytes. Its deltas share a few partitions with those of all other files, because every window remembers
each partition that it ever saw.
"""

from typing import Protocol

from shared.domain.ids import derive
from shared.ports import Clock, Store, Stored, StoredDelta
from shared.ports_bookmarks import Bookmark

LANES = 8  # never to be lowered while deltas wait
PREFIX = "collected/"
NOTHING_READ = -1


class TelemetrySource(Protocol):
    """Something that is read in order, by growing numbers. Either method may raise StoreUnavailableError."""

    async def taken(self) -> int:
        """The number up to which it was taken, -1 for nothing; the next ``append`` goes on from there."""
        ...

    async def append(self, through: int, delta: bytes) -> None:
        """Keep what was counted up to a number. Raises ConflictError when somebody took more since ``taken``."""
        ...


class HubPartition:
    """A partition of a hub, by its own sequence numbers."""

    def __init__(self, store: Store, partition: str) -> None:
        self._store, self._partition = store, partition
        self._cursor = Stored(NOTHING_READ)

    async def taken(self) -> int:
        """The last sequence number that was taken."""
        self._cursor = await self._store.cursor(self._partition)
        return self._cursor.value

    async def append(self, through: int, delta: bytes) -> None:
        """Write the delta and move the cursor."""
        await self._store.append_delta(StoredDelta(self._partition, through, delta), self._cursor.etag)


class FileLines:
    """A file, by where its lines end."""

    def __init__(self, store: Store, clock: Clock, file: str) -> None:
        self._store, self._clock, self._file = store, clock, file
        self._lane, self._cursor, self._etag = lane_of(file), Stored(NOTHING_READ), ""

    async def taken(self) -> int:
        """Where the last line ends that was taken."""
        self._cursor = await self._store.cursor(self._lane)
        known = (await self._store.bookmarks(self._file)).get(self._file)
        self._etag = known.etag if known else ""
        return known.through if known else NOTHING_READ

    async def append(self, through: int, delta: bytes) -> None:
        """Write the delta as the next one of the file's partition, and move the file's bookmark."""
        bookmark = Bookmark(self._file, through, self._clock.now(), self._etag)
        following = StoredDelta(self._lane, self._cursor.value + 1, delta)
        await self._store.append_delta(following, self._cursor.etag, bookmark)


def event_rows(store: Store, clock: Clock, event: str) -> FileLines:
    """The rows of one event that were kept elsewhere: a file of one line, which is taken as number 0."""
    return FileLines(store, clock, f"{PREFIX}{derive('event', event)}/rows")


def lane_of(file: str) -> str:
    """The partition that the deltas of a file go to."""
    return f"{PREFIX}{int(derive('lane', file), 16) % LANES}"
