"""What the services need of the storage accounts that collectors write to, as a Protocol.

Owns the promises. Knows no SDK, and not what the files hold.
"""

from dataclasses import dataclass
from typing import Protocol

from shared.domain.outcomes import Failed


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file of a storage account: the account's ARM id, the container, and the path in it."""

    storage: str
    container: str
    path: str


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A file as it is now: how long, what it begins with, and the tag that changes with every write to it."""

    size: int
    etag: str
    beginning: bytes


class CollectedFiles(Protocol):
    """Reads files, a piece at a time, and changes none. Raises nothing: what went wrong is a ``Failed``."""

    async def version(self, place: FilePlace, beginning: int) -> FileVersion | Failed:
        """The file as it is now, with so many bytes of its beginning."""
        ...

    async def read(self, place: FilePlace, etag: str, start: int, length: int) -> bytes | Failed:
        """At most so many bytes from a position on, if the file still is the one with this tag; else ``Failed``, to be tried again."""
        ...
