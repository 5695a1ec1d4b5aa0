"""Up to where files with telemetry were read, as a Protocol of its own: the store implements it.

Owns the promise that a bookmark moves together with what was counted (``ports.TelemetryLog.append_delta``), and that it can be
forgotten by age. Knows no file, and not how long one is remembered.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Up to which byte a file was counted, and when that was. ``etag`` is what its next write has to present."""

    file: str
    through: int
    at: datetime
    etag: str = ""


class Bookmarks(Protocol):
    """Where reading goes on, by file."""

    async def bookmarks(self, prefix: str) -> dict[str, Bookmark]:
        """The bookmarks of all files whose names begin with a prefix, by file."""
        ...

    async def forget_bookmarks(self, moved_before: datetime, limit: int) -> int:
        """Remove bookmarks that were last moved before a moment; how many. Such a file would be counted anew."""
        ...
