"""What every store promises about deltas, cursors and windows."""

import asyncio

import pytest

from shared.ports import ConflictError, Store, Stored, StoredDelta


def delta(through: int, partition: str = "0", body: bytes = b"counts") -> StoredDelta:
    return StoredDelta(partition=partition, through_sequence_number=through, body=body)


async def append(store: Store, *deltas: StoredDelta) -> None:
    for one in deltas:
        await store.append_delta(one, (await store.cursor(one.partition)).etag)


class TelemetryContract:
    async def test_nothing_was_taken_of_a_new_partition(self, store: Store) -> None:
        assert await store.cursor("0") == Stored(-1, "")

    async def test_a_delta_moves_the_cursor(self, store: Store) -> None:
        await store.append_delta(delta(7), "")
        cursor = await store.cursor("0")
        assert cursor.value == 7
        assert cursor.etag
        assert await store.deltas(10) == [delta(7)]

    async def test_the_first_sequence_number_may_be_zero(self, store: Store) -> None:
        await store.append_delta(delta(0), "")
        assert (await store.cursor("0")).value == 0

    async def test_a_redelivered_batch_finds_that_the_cursor_moved(self, store: Store) -> None:
        await append(store, delta(7))
        read_before = await store.cursor("0")
        await store.append_delta(delta(9), read_before.etag)
        with pytest.raises(ConflictError):
            await store.append_delta(delta(9), read_before.etag)
        with pytest.raises(ConflictError):
            await store.append_delta(delta(9), "")
        assert (await store.cursor("0")).value == 9
        assert await store.deltas(10) == [delta(7), delta(9)]

    async def test_a_delta_that_was_taken_already_is_a_bug(self, store: Store) -> None:
        await append(store, delta(7))
        with pytest.raises(ValueError, match="partition 0"):
            await append(store, delta(7))
        assert await store.deltas(10) == [delta(7)]

    async def test_one_of_many_deliveries_at_once_is_taken(self, store: Store) -> None:
        results = await asyncio.gather(*(store.append_delta(delta(5), "") for _ in range(5)), return_exceptions=True)
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, ConflictError) for result in results) == 4
        assert await store.deltas(10) == [delta(5)]

    async def test_partitions_have_cursors_of_their_own(self, store: Store) -> None:
        await append(store, delta(5, "0"), delta(2, "1"))
        assert (await store.cursor("0")).value == 5
        assert (await store.cursor("1")).value == 2

    async def test_deltas_come_in_order_within_each_partition_up_to_a_limit(self, store: Store) -> None:
        await append(store, delta(9, "1"), delta(3, "0"), delta(10, "1"), delta(11, "0"))
        found = await store.deltas(10)
        assert [one.through_sequence_number for one in found if one.partition == "1"] == [9, 10]
        assert [one.through_sequence_number for one in found if one.partition == "0"] == [3, 11]
        assert len(await store.deltas(3)) == 3

    async def test_a_fold_writes_windows_and_drops_its_deltas(self, store: Store) -> None:
        await append(store, delta(1), delta(2), delta(3))
        await store.save_fold({"w/1": Stored(b"one"), "w/2": Stored(b"two")}, [delta(1), delta(2)])
        assert await store.deltas(10) == [delta(3)]
        windows = await store.windows("w/")
        assert {key: window.value for key, window in windows.items()} == {"w/1": b"one", "w/2": b"two"}
        assert (await store.cursor("0")).value == 3

    async def test_a_fold_against_a_stale_window_changes_nothing(self, store: Store) -> None:
        await append(store, delta(1))
        await store.save_fold({"w/1": Stored(b"one")}, [])
        stale = (await store.windows("w/"))["w/1"].etag
        await store.save_fold({"w/1": Stored(b"newer", stale)}, [])
        with pytest.raises(ConflictError):
            await store.save_fold({"w/0": Stored(b"new"), "w/1": Stored(b"lost", stale)}, [delta(1)])
        assert await store.deltas(10) == [delta(1)]
        assert {key: window.value for key, window in (await store.windows("")).items()} == {"w/1": b"newer"}

    async def test_a_new_window_must_not_exist_yet(self, store: Store) -> None:
        await store.save_fold({"w/1": Stored(b"one")}, [])
        with pytest.raises(ConflictError):
            await store.save_fold({"w/1": Stored(b"other")}, [])

    async def test_a_delta_is_folded_once(self, store: Store) -> None:
        await append(store, delta(1))
        await store.save_fold({"w/1": Stored(b"one")}, [delta(1)])
        with pytest.raises(ConflictError):
            await store.save_fold({"w/2": Stored(b"twice")}, [delta(1)])
        assert list(await store.windows("")) == ["w/1"]

    async def test_windows_are_deleted_and_begin_anew(self, store: Store) -> None:
        await store.save_fold({"w/1": Stored(b"one"), "w/2": Stored(b"two")}, [])
        old = (await store.windows("w/1"))["w/1"].etag
        await store.delete_windows(["w/1", "w/unknown"])
        assert list(await store.windows("w/")) == ["w/2"]
        await store.save_fold({"w/1": Stored(b"anew")}, [])
        with pytest.raises(ConflictError):
            await store.save_fold({"w/1": Stored(b"stale", old)}, [])
