"""The embedded store takes the contract, on a file and in memory, and shares its file with other processes."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from shared.adapters.moments import micros, moment
from shared.adapters.sqlite_database import SqliteDatabase, after_prefix, version_of
from shared.adapters.sqlite_schema import next_version
from shared.adapters.sqlite_store import SqliteStore
from shared.domain.facts import Facts
from shared.domain.outcomes import Started
from shared.ports import Store, StoredDelta, StoreUnavailableError
from tests.contracts.store_contract import SharedStoreContract, StoreContract
from tests.contracts.store_samples import SUBJECT, at, evaluation, hold, notify, signal_row

REPOSITORY = Path(__file__).parents[2]
WRITES_EACH = 60
WRITER = """
import asyncio, sys
from shared.adapters.sqlite_store import SqliteStore
from shared.domain.values import replace
from shared.ports import ConflictError
from tests.contracts.store_samples import SUBJECT, evaluation, notify, signal_row

async def write(path, name, writers, writes):
    store = SqliteStore(path)
    await store.open()
    await store.save_document(f"ready/{name}", b"", "")
    while len(await store.documents("ready/")) < int(writers):
        await asyncio.sleep(0.001)
    written = 0
    while written < int(writes):
        await store.insert_signal(signal_row(f"shared-{written}"))
        known = await store.facts(SUBJECT)
        facts = replace(known.value, fruitless=known.value.fruitless + 1)
        try:
            await store.commit(evaluation(f"{name}-{written}", notify(f"{name}-{written}"), facts=facts), known.etag)
        except ConflictError:
            continue
        written += 1
    await store.close()

asyncio.run(write(*sys.argv[1:]))
"""


async def writer(path: Path, name: str, writers: int, writes: int) -> asyncio.subprocess.Process:
    """A process that writes to the store once as many writers as named have opened it."""
    arguments = (str(path), name, str(writers), str(writes))
    return await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, *arguments, cwd=REPOSITORY)


async def opened(path: Path | str) -> SqliteStore:
    store = SqliteStore(str(path))
    await store.open()
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outerloop.db"


@pytest_asyncio.fixture
async def file_store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await opened(path)
    yield store
    await store.close()


class TestSqliteInMemory(StoreContract):
    @pytest_asyncio.fixture
    async def store(self) -> AsyncIterator[Store]:
        store = await opened(":memory:")
        yield store
        await store.close()


class TestSqliteFile(StoreContract, SharedStoreContract):
    @pytest.fixture
    def store(self, file_store: SqliteStore) -> Store:
        return file_store

    @pytest_asyncio.fixture
    async def another_store(self, path: Path) -> AsyncIterator[Store]:
        store = await opened(path)
        yield store
        await store.close()


async def test_two_stores_in_memory_share_nothing() -> None:
    one, two = await opened(":memory:"), await opened(":memory:")
    await one.insert_signal(signal_row("a"))
    assert await two.signal("a") is None
    await one.close()
    await two.close()


async def test_reopening_the_file_keeps_everything(file_store: SqliteStore, path: Path) -> None:
    await file_store.insert_signal(signal_row("a"))
    await file_store.commit(evaluation("d", notify("n"), facts=Facts(champion="7"), holds=(hold("h", 5),)), "")
    await file_store.claim(SUBJECT, "n", "me", at(0), at(5))
    await file_store.record_started(SUBJECT, "n", "me", Started(operation="o", look_again_at=at(9)))
    await file_store.save_document("lease", b"mine", "")
    await file_store.append_delta(StoredDelta("0", 3, b"counts"), "")
    before = await file_store.command(SUBJECT, "n")
    tags = [(await file_store.facts(SUBJECT)).etag, (await file_store.document("lease")).etag]
    await file_store.close()

    store = await opened(path)
    assert await store.signal("a") == signal_row("a")
    assert (await store.facts(SUBJECT)).value == Facts(champion="7")
    assert await store.command(SUBJECT, "n") == before
    assert await store.holds(SUBJECT) == [hold("h", 5)]
    assert [(await store.facts(SUBJECT)).etag, (await store.document("lease")).etag] == tags
    assert await store.deltas(10) == [StoredDelta("0", 3, b"counts")]
    await store.commit(evaluation("d-2"), tags[0])
    await store.close()


async def test_two_processes_write_at_the_same_time_and_lose_nothing(file_store: SqliteStore, path: Path) -> None:
    writers = [await writer(path, name, 2, WRITES_EACH) for name in ("one", "two")]
    async with asyncio.timeout(60):
        assert [await process.wait() for process in writers] == [0, 0]
    assert (await file_store.facts(SUBJECT)).value == Facts(fruitless=2 * WRITES_EACH)
    assert len(await file_store.decisions(SUBJECT, 1000)) == 2 * WRITES_EACH
    assert len(await file_store.sendable(at(0), 1000)) == 2 * WRITES_EACH
    assert len(await file_store.undecided(at(1), 1000)) == WRITES_EACH


async def test_a_process_killed_while_writing_leaves_whole_transactions(file_store: SqliteStore, path: Path) -> None:
    process = await writer(path, "killed", 1, 1_000_000)
    try:
        async with asyncio.timeout(60):
            while not await file_store.subjects():  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(0.001)
    finally:
        process.kill()
        await process.wait()
    decisions = len(await file_store.decisions(SUBJECT, 100_000))
    assert decisions > 0
    assert (await file_store.facts(SUBJECT)).value == Facts(fruitless=decisions)
    assert len(await file_store.sendable(at(0), 100_000)) == decisions
    await file_store.save_document("alive", b"", "")


async def test_many_stores_create_one_file_at_once(path: Path) -> None:
    stores = [SqliteStore(str(path)) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    accepted = await asyncio.gather(*(store.insert_signal(signal_row("a")) for store in stores))
    await asyncio.gather(*(store.close() for store in stores))
    assert sum(accepted) == 1


async def test_a_path_in_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        await opened(tmp_path / "missing" / "outerloop.db")


async def test_a_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        await opened(tmp_path)


def test_a_file_that_is_no_database_is_unavailable_and_left_alone(path: Path) -> None:
    path.write_bytes(b"a letter to my aunt" * 100)
    with pytest.raises(StoreUnavailableError, match="not a database"):
        asyncio.run(opened(path))
    assert path.read_bytes().startswith(b"a letter")


async def test_a_file_of_another_schema_version_is_unavailable(file_store: SqliteStore, path: Path) -> None:
    await file_store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'schema_version'")
    connection.close()
    with pytest.raises(StoreUnavailableError, match="schema version 99"):
        await opened(path)


async def test_a_store_that_is_not_open_is_unavailable() -> None:
    store = SqliteStore(":memory:")
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.subjects()
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.insert_signal(signal_row("a"))


async def test_a_file_that_stays_locked_is_unavailable_and_then_works_again(
    file_store: SqliteStore, path: Path
) -> None:
    hurried = SqliteDatabase(str(path), busy_timeout_seconds=0.05)
    await hurried.open()
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="locked"):
        await hurried.write(next_version)
    assert await file_store.subjects() == []  # readers do not wait for a writer
    locker.execute("ROLLBACK")
    locker.close()
    await hurried.write(next_version)
    await hurried.close()


async def test_somebody_reading_does_not_hold_up_a_writer(file_store: SqliteStore, path: Path) -> None:
    hurried = SqliteDatabase(str(path), busy_timeout_seconds=0.05)
    await hurried.open()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM meta").fetchall()
    await hurried.write(next_version)
    reader.close()
    await hurried.close()


async def test_a_full_disk_is_unavailable_and_takes_nothing_back(file_store: SqliteStore) -> None:
    await file_store.insert_signal(signal_row("a"))
    await file_store.database.read(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    with pytest.raises(StoreUnavailableError, match="full"):
        await file_store.save_document("large", b"x" * 1_000_000, "")
    assert await file_store.signal("a") == signal_row("a")
    assert (await file_store.document("large")).value is None


async def test_an_exception_in_a_transaction_undoes_it(file_store: SqliteStore) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO documents VALUES ('half', 1, x'00')")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await file_store.database.write(half)
    assert await file_store.documents("") == {}


def test_moments_survive_as_whole_microseconds() -> None:
    precise = at(0).replace(microsecond=123_457)
    assert moment(micros(precise)) == precise
    with pytest.raises(TypeError):
        micros(datetime(2026, 3, 1))  # noqa: DTZ001 - a moment without a zone is what is refused


@pytest.mark.parametrize("etag", ["", "-1", "1.5", "W/1", "\N{SUPERSCRIPT TWO}", "9" * 30])
def test_a_tag_that_is_not_ours_is_no_version(etag: str) -> None:
    assert version_of(etag) == 0


def test_the_bound_of_a_prefix_lies_after_all_that_begin_with_it() -> None:
    names = ["ab", "ab\N{PILE OF POO}", after_prefix("ab"), "ac"]
    assert sorted(names) == names
