"""What every store promises about up to where files were counted."""

import asyncio
import dataclasses

import pytest

from shared.ports import ConflictError, Store, StoredDelta
from shared.ports_bookmarks import Bookmark
from tests.contracts.store_samples import at

FILE = "collected/account/Kontoauszüge #1?.jsonl/head"


def bookmark(through: int, minute: float = 0, file: str = FILE, etag: str = "") -> Bookmark:
    return Bookmark(file, through, at(minute), etag)


async def mark(store: Store, *marks: Bookmark, lane: str = "collected/0") -> None:
    """Move each bookmark with a delta, as it is now."""
    for one in marks:
        cursor = await store.cursor(lane)
        known = (await store.bookmarks(one.file)).get(one.file)
        moved = dataclasses.replace(one, etag=known.etag if known else "")
        await store.append_delta(StoredDelta(lane, cursor.value + 1, b"counts"), cursor.etag, moved)


async def through(store: Store, prefix: str = "collected/") -> dict[str, int]:
    return {file: known.through for file, known in (await store.bookmarks(prefix)).items()}


class BookmarksContract:
    async def test_a_file_that_was_never_read_has_no_bookmark(self, store: Store) -> None:
        assert await store.bookmarks("collected/") == {}

    async def test_a_delta_moves_the_bookmark_of_its_file(self, store: Store) -> None:
        await mark(store, bookmark(120, 1))
        known = (await store.bookmarks("collected/"))[FILE]
        assert (known.file, known.through, known.at) == (FILE, 120, at(1))
        assert known.etag
        assert len(await store.deltas(10)) == 1

    async def test_a_bookmark_goes_on_from_where_it_was(self, store: Store) -> None:
        await mark(store, bookmark(120, 1), bookmark(10_000_000_000, 2))
        assert await through(store) == {FILE: 10_000_000_000}

    async def test_files_have_bookmarks_of_their_own_found_by_how_their_names_begin(self, store: Store) -> None:
        await mark(store, bookmark(1, file="collected/a/x"), bookmark(2, file="collected/a/y"))
        await mark(store, bookmark(3, file="collected/ab/x"))
        assert await through(store, "collected/a/") == {"collected/a/x": 1, "collected/a/y": 2}
        assert len(await through(store, "")) == 3

    async def test_who_read_the_bookmark_before_it_moved_changes_nothing(self, store: Store) -> None:
        await mark(store, bookmark(1))
        stale = (await store.bookmarks(FILE))[FILE]
        await mark(store, bookmark(2))
        cursor = await store.cursor("collected/0")
        for etag in (stale.etag, ""):
            lost = bookmark(9, etag=etag)
            with pytest.raises(ConflictError):
                await store.append_delta(StoredDelta("collected/0", 9, b"twice"), cursor.etag, lost)
        assert await through(store) == {FILE: 2}
        assert (await store.cursor("collected/0")).value == 1
        assert len(await store.deltas(10)) == 2

    async def test_a_cursor_that_moved_leaves_the_bookmark_as_it_was(self, store: Store) -> None:
        await mark(store, bookmark(1))
        with pytest.raises(ConflictError):
            await store.append_delta(StoredDelta("collected/0", 5, b"late"), "", bookmark(7, file="collected/other"))
        assert await through(store) == {FILE: 1}

    async def test_one_of_many_readers_at_once_moves_it(self, store: Store) -> None:
        moves = [
            store.append_delta(StoredDelta(f"collected/{lane}", 0, b"counts"), "", bookmark(5)) for lane in range(5)
        ]
        results = await asyncio.gather(*moves, return_exceptions=True)
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, ConflictError) for result in results) == 4
        assert len(await store.deltas(10)) == 1

    async def test_bookmarks_that_stood_still_leave_with_age(self, store: Store) -> None:
        await mark(store, bookmark(1, 1, file="collected/old"), bookmark(1, 1, file="collected/moved"))
        await mark(store, bookmark(2, 9, file="collected/moved"), bookmark(1, 2, file="collected/newer"))
        assert await store.forget_bookmarks(at(2), 10) == 1
        assert set(await through(store)) == {"collected/moved", "collected/newer"}

    async def test_bookmarks_leave_a_batch_at_a_time(self, store: Store) -> None:
        await mark(store, *(bookmark(1, file=f"collected/{name}") for name in "abcde"))
        assert [await store.forget_bookmarks(at(1), 2) for _ in range(4)] == [2, 2, 1, 0]

    async def test_a_bookmark_that_was_forgotten_begins_anew(self, store: Store) -> None:
        await mark(store, bookmark(7))
        old = (await store.bookmarks(FILE))[FILE]
        await store.forget_bookmarks(at(1), 10)
        await mark(store, bookmark(3, 5))
        cursor = await store.cursor("collected/0")
        stale = dataclasses.replace(old, through=9)
        with pytest.raises(ConflictError):
            await store.append_delta(StoredDelta("collected/0", 9, b"stale"), cursor.etag, stale)
        assert await through(store) == {FILE: 3}
