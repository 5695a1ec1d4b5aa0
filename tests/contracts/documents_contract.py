"""What every store promises about named bodies."""

import asyncio

import pytest

from shared.ports import ConflictError, Store, Stored


class DocumentsContract:
    async def test_a_missing_document_is_none_with_no_tag(self, store: Store) -> None:
        assert await store.document("leases/a") == Stored(None, "")

    async def test_a_document_is_read_back_byte_for_byte(self, store: Store) -> None:
        await store.save_document("a", b"\x00\xff", "")
        saved = await store.document("a")
        assert saved.value == b"\x00\xff"
        assert saved.etag

    async def test_an_empty_body_is_a_document(self, store: Store) -> None:
        await store.save_document("a", b"", "")
        assert (await store.document("a")).value == b""

    async def test_an_empty_tag_means_that_there_must_be_none_yet(self, store: Store) -> None:
        await store.save_document("a", b"1", "")
        with pytest.raises(ConflictError):
            await store.save_document("a", b"2", "")
        assert (await store.document("a")).value == b"1"

    async def test_a_document_changes_against_its_tag_once(self, store: Store) -> None:
        await store.save_document("a", b"1", "")
        etag = (await store.document("a")).etag
        await store.save_document("a", b"2", etag)
        with pytest.raises(ConflictError):
            await store.save_document("a", b"3", etag)
        assert (await store.document("a")).value == b"2"

    async def test_a_tag_for_a_missing_document_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError):
            await store.save_document("a", b"1", "1")
        assert (await store.document("a")).value is None

    async def test_a_document_is_deleted_against_its_tag(self, store: Store) -> None:
        await store.save_document("a", b"1", "")
        stale = (await store.document("a")).etag
        await store.save_document("a", b"2", stale)
        with pytest.raises(ConflictError):
            await store.delete_document("a", stale)
        await store.delete_document("a", (await store.document("a")).etag)
        assert await store.document("a") == Stored(None, "")

    async def test_deleting_a_missing_document_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError):
            await store.delete_document("a", "1")

    async def test_a_tag_from_before_a_deletion_is_worth_nothing_after_it(self, store: Store) -> None:
        await store.save_document("lease", b"mine", "")
        mine = (await store.document("lease")).etag
        await store.delete_document("lease", mine)
        await store.save_document("lease", b"yours", "")
        with pytest.raises(ConflictError):
            await store.delete_document("lease", mine)
        with pytest.raises(ConflictError):
            await store.save_document("lease", b"mine again", mine)
        assert (await store.document("lease")).value == b"yours"

    async def test_one_of_many_first_writers_wins(self, store: Store) -> None:
        writes = (store.save_document("a", str(n).encode(), "") for n in range(6))
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert [result for result in results if result is None] == [None]
        assert sum(isinstance(result, ConflictError) for result in results) == 5

    async def test_a_prefix_is_taken_literally(self, store: Store) -> None:
        names = ["a%/1", "a_/1", "aB/1", "ab/1", "ab/2", "abc", "b", "ab/\N{GREEK SMALL LETTER ALPHA}"]
        for name in names:
            await store.save_document(name, name.encode(), "")
        assert sorted(await store.documents("ab/")) == ["ab/1", "ab/2", "ab/\N{GREEK SMALL LETTER ALPHA}"]
        assert await store.documents("a%") == {"a%/1": b"a%/1"}
        assert await store.documents("a_") == {"a_/1": b"a_/1"}
        assert sorted(await store.documents("")) == sorted(names)
