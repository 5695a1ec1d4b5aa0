"""Files that a model data collector writes, counted as they grow: each line once.

Owns where reading goes on, how much is read at a time, and what is said of a file that is not what it was. What lines mean
is the aggregator's, whole lines are ``parsing``'s, and where files lie is the policy's. Never more than one piece is in memory.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.commands import ReadCollected
from shared.domain.ids import derive
from shared.domain.outcomes import Failed, Outcome, Skipped, Started, Succeeded
from shared.domain.policy_index import plain_id
from shared.domain.records import RejectedRow
from shared.parsing.collected_lines import HEAD_BYTES, Cut, cut, goes_on, head, too_long
from shared.ports import Clock, PolicySource, Store
from shared.ports_collected import CollectedFiles, FilePlace, FileVersion
from shared.services.aggregate import Aggregator
from shared.services.telemetry_sources import PREFIX

MIB = 1024 * 1024
CHANNEL = "collected"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is in memory at a time, how many pieces one step of a command takes, and from when on a line is none."""

    piece_bytes: int = 4 * MIB
    pieces_max: int = 16  # then others have their turn
    line_bytes_max: int = 64 * MIB


BOUNDS = Bounds()


@dataclass
class _Reading:
    """One step through one file: ``file`` names it with what it begins with, ``at`` is the next byte to be read."""

    command: ReadCollected
    place: FilePlace
    version: FileVersion
    file: str
    began: int
    at: int
    lines: int = 0

    @property
    def data(self) -> dict[str, str | float]:
        """What an outcome says of it."""
        return {"lines": float(self.lines), "bytes": float(self.at - self.began), "through": float(self.at)}


class CollectedReader:
    """Reads files on from where they were read to. Any method may raise StoreUnavailableError."""

    def __init__(  # one argument for each part that it needs
        self,
        store: Store,
        clock: Clock,
        policies: PolicySource,
        aggregator: Aggregator,
        files: CollectedFiles,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._aggregator, self._files, self._bounds = aggregator, files, bounds

    async def read(self, command: ReadCollected, until: datetime) -> Outcome:
        """Count the lines that were not counted yet; ``Started`` when there are more than one step takes, or it is late."""
        place = FilePlace(command.storage, command.container, command.path)
        if not await self._in_scope(command):
            return Skipped(reason="the policy gives this file to the workload no more")
        folder = f"{PREFIX}{derive('file', plain_id(place.storage), place.container, place.path)}/"
        known = await self._store.bookmarks(folder)  # first: the file is at least as long as when these moved
        version = await self._files.version(place, HEAD_BYTES)
        if isinstance(version, Failed):
            return version
        begins = head(version.beginning)
        if not begins:
            return Succeeded(data={"lines": 0.0, "bytes": 0.0, "through": 0.0})  # its first line is half written
        file = f"{folder}{begins}"
        if known and file not in known:
            await self._tell_replaced(place, file)
        at = known[file].through if file in known else 0
        if version.size < at:
            return Failed(retryable=False, reason=f"{_of(place)} has {version.size} bytes: {at} of it were counted")
        return await self._go_on(_Reading(command, place, version, file, at, at), until)

    async def _in_scope(self, command: ReadCollected) -> bool:
        workload = (await self._policies.current()).policy.index.by_name.get(command.workload)
        production = workload.environments.production if workload else None
        return production is not None and production.collects(command.storage, command.container, command.path)

    async def _go_on(self, reading: _Reading, until: datetime) -> Outcome:
        for _ in range(self._bounds.pieces_max):
            if self._clock.now() >= until:
                break
            if reading.at >= reading.version.size:
                return Succeeded(data=reading.data)
            if reading.at >= reading.command.bytes_max:
                return _beyond(reading)
            found = await self._next(reading)
            if isinstance(found, Failed):
                return found
            if found.through == reading.at:  # a line that is half written: its end has an event of its own
                return Succeeded(data=reading.data)
            reading.lines += await self._aggregator.take_lines(reading.file, found.lines) if found.lines else 0
            reading.at = found.through
        operation = f"byte {reading.at} of {reading.version.size}"
        return Started(operation=operation, look_again_at=self._clock.now())

    async def _next(self, reading: _Reading) -> Cut | Failed:
        """The whole lines of the next piece; none at the end of the file."""
        piece = await self._piece(reading, reading.at)
        if isinstance(piece, Failed):
            return piece
        if reading.at == reading.began and reading.began and not goes_on(piece):
            text = f"{_of(reading.place)} was written anew: no line ends any more at byte {reading.at}, up to which it was counted"
            return Failed(retryable=False, reason=text)
        last = reading.at + len(piece) >= reading.version.size
        found = cut(piece, reading.at, last=last)
        if last or found.lines:
            return found
        if found.through > reading.at:  # nothing but blank lines: taken as one, so that they are not read again
            return Cut(((found.through - 1, b""),), found.through)
        return await self._long_line(reading, piece)

    async def _long_line(self, reading: _Reading, piece: bytes) -> Cut | Failed:
        """A line that is longer than a piece, as one that is refused; none while its end is not written."""
        beginning, at = piece, reading.at + len(piece)
        while at < reading.version.size:
            if at - reading.at > self._bounds.line_bytes_max:
                text = f"the line at byte {reading.at} of {_of(reading.place)} has over {at - reading.at} bytes"
                return Failed(retryable=False, reason=f"{text}: nothing behind it is read")
            following = await self._piece(reading, at)
            if isinstance(following, Failed):
                return following
            end = following.find(b"\n")
            if end >= 0:
                return too_long(beginning, at + end)
            at += len(following)
        return Cut((), reading.at)

    async def _piece(self, reading: _Reading, start: int) -> bytes | Failed:
        piece = await self._files.read(reading.place, reading.version.etag, start, self._bounds.piece_bytes)
        if piece == b"":
            return Failed(retryable=True, reason=f"{_of(reading.place)} is shorter than it says")
        return piece

    async def _tell_replaced(self, place: FilePlace, file: str) -> None:
        """Keep that another file took the place of one that was counted: both count, since each has lines of its own."""
        row = RejectedRow(
            id=derive("replaced", file),
            channel=CHANNEL,
            reason="replaced",
            detail=f"another file lies at {_of(place)} than the one that was counted: it is counted too",
            received_at=self._clock.now(),
            body=b"",
        )
        await self._store.add_rejected(row)


def _beyond(reading: _Reading) -> Failed:
    text = f"{_of(reading.place)} has {reading.version.size} bytes: by file_mib_max only {reading.at} of it are counted"
    return Failed(retryable=False, reason=text, data=reading.data)


def _of(place: FilePlace) -> str:
    return f"{place.container}/{place.path}"
