"""What leaves the tables on Azure storage with age, and what the release before left in them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from shared.adapters.azure_blob_bodies import INLINE_BYTES_MAX
from shared.adapters.azure_storage_account import Addresses
from shared.adapters.azure_tables_rows import SCHEMA_VERSION
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.adapters.system_clock import SystemClock
from shared.domain.outcomes import Succeeded
from shared.domain.records import SignalRow
from shared.domain.values import replace
from shared.ports import StoreUnavailableError
from tests.contracts.store_samples import (
    SUBJECT,
    at,
    commit,
    evaluation,
    finished_row,
    hold,
    notify,
    rejected_row,
    signal_row,
)

LARGE = INLINE_BYTES_MAX + 1
LATER = timedelta(minutes=5)


async def opened(addresses: Addresses) -> AzureTablesStore:
    store = AzureTablesStore(addresses)
    await store.open()
    return store


@pytest_asyncio.fixture
async def store(addresses: Addresses) -> AsyncIterator[AzureTablesStore]:
    store = await opened(addresses)
    yield store
    await store.close()


async def rows(store: AzureTablesStore, table: str) -> list[Any]:
    return [row async for row in store.account.table(table).list_entities()]


async def blobs(store: AzureTablesStore) -> int:
    return len([blob async for blob in store.account.bodies().list_blobs()])


async def written_before(store: AzureTablesStore, version: int = SCHEMA_VERSION - 1) -> None:
    """From now on everything in the store is as an earlier release left it."""
    for name in ("inbox", "ledger"):
        table = store.account.table(name)
        for row in await rows(store, name):
            if row["RowKey"].startswith("decided|"):
                await table.delete_entity(row["PartitionKey"], row["RowKey"])
            else:
                await table.update_entity({**row, "Schema": version})


def long_signal(name: str, size: int) -> SignalRow:
    row = signal_row(name)
    return replace(row, signal=replace(row.signal, by="x" * size))


class TestRowsOfTheReleaseBefore:
    """Rows of schema version 1, written as that release wrote them: without the list of decided signals."""

    async def test_they_are_read_and_written_in_this_version_when_they_change(self, store):
        await store.insert_signal(signal_row("a"))
        await commit(store, evaluation("d", notify("n"), holds=(hold("h", 5),)))
        await written_before(store)
        assert await store.signal("a") == signal_row("a")
        assert await store.holds(SUBJECT) == [hold("h", 5)]
        assert (await store.claim(SUBJECT, "n", "me", at(0), at(5))).attempts == 1
        await commit(store, evaluation("e", released=("h",)))
        await store.mark_decided("a")
        assert {row["Schema"] for row in await rows(store, "inbox")} == {SCHEMA_VERSION}
        versions = {row["RowKey"].partition("|")[0]: row["Schema"] for row in await rows(store, "ledger")}
        assert (versions["facts"], versions["command"]) == (SCHEMA_VERSION, SCHEMA_VERSION)
        assert "hold" not in versions

    async def test_signals_that_it_decided_are_listed_when_their_age_is_asked_for(self, store):
        for name in ("a", "b"):
            await store.insert_signal(signal_row(name))
        await store.mark_decided("a")
        await written_before(store)
        assert [row.signal.dedup_key for row in await store.decided_signals(at(0), at(1), 10)] == ["a"]
        assert await store.forget_signals(["a", "b"]) == 1
        left = [row["RowKey"].partition("|")[0] for row in await rows(store, "inbox")]
        assert sorted(left) == ["signal", "undecided"]

    async def test_two_instances_list_them_at_once(self, store, addresses):
        for name in ("a", "b", "c"):
            await store.insert_signal(signal_row(name))
            await store.mark_decided(name)
        await written_before(store)
        another = await opened(addresses)
        found = await asyncio.gather(*(each.decided_signals(at(0), at(1), 10) for each in (store, another)))
        await another.close()
        again = await store.decided_signals(at(0), at(1), 10)
        assert {row.signal.dedup_key for row in again} == {"a", "b", "c"}
        assert all(len(each) <= 3 for each in found)

    async def test_a_row_of_two_releases_before_is_refused(self, store):
        await store.insert_signal(signal_row("a"))
        await written_before(store, SCHEMA_VERSION - 2)
        with pytest.raises(StoreUnavailableError, match="schema version"):
            await store.signal("a")


class TestWhatIsForgotten:
    async def test_leaves_no_row_and_no_body(self, store):
        await store.insert_signal(long_signal("a", LARGE))
        await store.mark_decided("a")
        await store.add_rejected(replace(rejected_row("r"), body=b"x" * LARGE))
        await commit(store, evaluation("d", replace(notify("n"), title="x" * LARGE)))
        await store.claim(SUBJECT, "n", "me", at(0), at(5))
        await store.finish(SUBJECT, "n", "me", Succeeded(), finished_row("n"))
        await store.mark_decided("finished-n")
        assert await blobs(store) > 0
        assert await store.forget_signals(["a", "finished-n"]) == 2
        assert await store.forget_rejected(at(1), 10) == 1
        assert await store.forget_decisions(at(1), 10) == 1
        assert await rows(store, "inbox") == []
        assert [row["RowKey"].partition("|")[0] for row in await rows(store, "ledger")] == ["facts"]
        await store.tidy(SystemClock().now() + LATER)
        assert await blobs(store) == 0

    async def test_a_list_that_names_a_signal_which_came_anew_is_dropped_and_the_signal_stays(self, store):
        await store.insert_signal(signal_row("a"))
        await store.mark_decided("a")
        (stale,) = [row for row in await rows(store, "inbox") if row["RowKey"].startswith("decided|")]
        await store.forget_signals(["a"])
        await store.account.table("inbox").create_entity(stale)
        again = replace(signal_row("a"), received_at=at(90))
        await store.insert_signal(again)
        await store.mark_decided("a")
        assert await store.decided_signals(at(0), at(1), 10) == []
        assert await store.decided_signals(at(0), at(99), 10) == [replace(again, decided=True)]
        assert len(await rows(store, "inbox")) == 2
