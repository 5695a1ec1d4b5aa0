"""Bookmarks in Azure Tables: up to where each file with telemetry was counted.

Owns their rows, which lie beside the cursors so that they move with a delta in one transaction (``azure_tables_telemetry``).
"""

from datetime import datetime

from shared.adapters.azure_tables_keys import SEPARATOR, at, open_key
from shared.adapters.azure_tables_part import OnTables
from shared.adapters.azure_tables_rows import Row, Search, Write, is_tag, row_of, tag_of
from shared.adapters.moments import moment
from shared.ports import ConflictError
from shared.ports_bookmarks import Bookmark

PARTITION = "all"  # as of all telemetry
KIND = "bookmark"


class AzureBookmarks(OnTables):
    """``ports_bookmarks.Bookmarks`` on Azure Tables."""

    async def bookmarks(self, prefix: str) -> dict[str, Bookmark]:
        """The bookmarks of all files whose names begin with a prefix, by file."""
        low = open_key(KIND, prefix) if prefix else KIND + SEPARATOR
        found = [_bookmark(row) for row in await self._telemetry.beginning(PARTITION, low)]
        return {bookmark.file: bookmark for bookmark in sorted(found, key=lambda each: each.file)}

    async def forget_bookmarks(self, moved_before: datetime, limit: int) -> int:
        """Remove bookmarks that were last moved before a moment; how many. One that moves meanwhile stays."""
        search = Search(f" and MovedAt lt '{at(moved_before)}'", limit)
        rows = await self._telemetry.beginning(PARTITION, KIND + SEPARATOR, search)
        return sum([await self._forget_bookmark(row) for row in rows])

    async def _forget_bookmark(self, row: Row) -> int:
        try:
            await self._telemetry.write([Write("delete", row, tag_of(row))])
        except ConflictError:
            return 0
        return 1


def moved_bookmark(bookmark: Bookmark) -> Write:
    """The write of a bookmark against its tag."""
    if bookmark.etag and not is_tag(bookmark.etag):
        raise ConflictError(f"the bookmark of {bookmark.file} never had the tag {bookmark.etag}")
    properties = {"File": bookmark.file, "Through": str(bookmark.through), "MovedAt": at(bookmark.at)}
    row = row_of(PARTITION, open_key(KIND, bookmark.file), **properties)
    return Write("update", row, bookmark.etag) if bookmark.etag else Write("insert", row)


def _bookmark(row: Row) -> Bookmark:
    return Bookmark(row["File"], int(row["Through"]), moment(int(row["MovedAt"])), tag_of(row))
