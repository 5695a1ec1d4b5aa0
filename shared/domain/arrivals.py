"""The files that arrived since the last retraining: how many, how big, the newest, and which are known already.

Owns the counting: a file counts once, however often and in whatever order its events come. Events of one file are ordered by
the sequencer of the storage service; of the files themselves only the latest are remembered, so that facts stay small.
"""

from datetime import datetime

from shared.domain.ids import derive
from shared.domain.platform_signals import BlobEvent, DataArrived
from shared.domain.values import Part, replace

FILES_KEPT_MAX = 100


class File(Part, frozen=True, kw_only=True):
    """The last that was heard of one file. ``id`` is derived from where it lies; a ``gone`` one was deleted."""

    id: str
    sequencer: str = ""
    at: datetime
    size_bytes: int = 0
    gone: bool = False

    def older_than(self, other: "File") -> bool:
        """Whether the other is later news of the same file; by moment where the service gave no sequencer."""
        if not (self.sequencer and other.sequencer):
            return self.at < other.at
        width = max(
            len(self.sequencer), len(other.sequencer)
        )  # shorter ones are of an older service: padded, they compare
        return self.sequencer.rjust(width, "0") < other.sequencer.rjust(width, "0")


class Arrivals(Part, frozen=True, kw_only=True):
    """What arrived since the last retraining was ordered. ``files`` are the latest heard of, the newest last."""

    count: int = 0
    size_bytes: int = 0
    newest: datetime | None = None
    files: tuple[File, ...] = ()

    def after(self, signal: BlobEvent) -> "Arrivals":
        """These arrivals with one more event of a file; the very same when that is no news."""
        new = _file(signal)
        known = next((file for file in self.files if file.id == new.id), None)
        if known and not known.older_than(new):
            return self
        there = known if known and not known.gone else None
        others = tuple(file for file in self.files if file.id != new.id)
        newest = self.newest if new.gone else max(new.at, self.newest or new.at)
        return replace(
            self,
            count=self.count + (not new.gone) - (there is not None),
            size_bytes=self.size_bytes + new.size_bytes - (there.size_bytes if there else 0),
            newest=newest,
            files=(*others, new)[-FILES_KEPT_MAX:],
        )


def _file(signal: BlobEvent) -> File:
    arrived = isinstance(signal, DataArrived)
    return File(
        id=derive("file", signal.source, signal.container, signal.path),
        sequencer=signal.sequencer.lower(),
        at=signal.occurred_at,
        size_bytes=signal.size_bytes if arrived else 0,
        gone=not arrived,
    )
