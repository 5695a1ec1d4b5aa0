"""The promises of ``ports.Store``, as tests that every adapter takes.

An adapter's test module subclasses ``StoreContract`` and gives the fixture ``store`` (an open, empty store); where a
store can be opened more than once it subclasses ``SharedStoreContract`` too and gives ``another_store``: a second open
store on the same data, as another process would have it.
"""

import asyncio

import pytest

from shared.domain.facts import Facts
from shared.domain.outcomes import Succeeded
from shared.domain.values import replace
from shared.ports import ConflictError, Store, Stored, StoredDelta
from tests.contracts.aging_contract import AgingContract
from tests.contracts.announcements_contract import AnnouncementsContract
from tests.contracts.bookmarks_contract import BookmarksContract
from tests.contracts.documents_contract import DocumentsContract
from tests.contracts.inbox_contract import InboxContract
from tests.contracts.ledger_contract import LedgerContract
from tests.contracts.outbox_contract import OutboxContract
from tests.contracts.store_samples import (
    SUBJECT,
    at,
    commit,
    evaluation,
    finished_row,
    hold,
    notify,
    order,
    rejected_row,
    sendable_ids,
    signal_row,
)
from tests.contracts.telemetry_contract import TelemetryContract


class StoreContract(
    BookmarksContract,
    InboxContract,
    LedgerContract,
    OutboxContract,
    AnnouncementsContract,
    DocumentsContract,
    TelemetryContract,
    AgingContract,
):
    """What one store promises."""


class SharedStoreContract:
    """What two stores on the same data promise each other."""

    async def test_each_of_two_stores_sees_what_the_other_wrote(self, store: Store, another_store: Store) -> None:
        await store.insert_signal(signal_row("a"))
        assert not await another_store.insert_signal(signal_row("a", minute=1))
        await another_store.commit(evaluation("d", notify("n"), holds=(hold("h", 5),)), "")
        assert await sendable_ids(store, 0) == ["n"]
        assert await store.due_holds(at(5), 10) == [hold("h", 5)]

    async def test_of_two_stores_racing_for_a_claim_exactly_one_wins(self, store: Store, another_store: Store) -> None:
        names = [f"c-{n}" for n in range(20)]
        await order(store, *names)
        for name in names:
            claims = (
                store.claim(SUBJECT, name, "one", at(0), at(5)),
                another_store.claim(SUBJECT, name, "two", at(0), at(5)),
            )
            won = [row for row in await asyncio.gather(*claims) if row is not None]
            assert len(won) == 1
            stored = await store.command(SUBJECT, name)
            assert stored is not None
            assert stored.owner == won[0].owner

    async def test_of_two_stores_racing_to_commit_exactly_one_wins(self, store: Store, another_store: Store) -> None:
        for n in range(10):
            etag = (await store.facts(SUBJECT)).etag
            commits = (store.commit(evaluation(f"one-{n}"), etag), another_store.commit(evaluation(f"two-{n}"), etag))
            results = await asyncio.gather(*commits, return_exceptions=True)
            assert [type(result) for result in results if result is not None] == [ConflictError]
        assert len(await store.decisions(SUBJECT, 100)) == 10

    async def test_facts_counted_by_two_stores_lose_no_count(self, store: Store, another_store: Store) -> None:
        async def count(counting: Store, name: str) -> None:
            for n in range(10):
                while True:
                    known = await counting.facts(SUBJECT)
                    facts = replace(known.value, fruitless=known.value.fruitless + 1)
                    try:
                        await counting.commit(evaluation(f"{name}-{n}", facts=facts), known.etag)
                    except ConflictError:
                        continue
                    break

        await asyncio.gather(count(store, "one"), count(another_store, "two"))
        assert (await store.facts(SUBJECT)).value == Facts(fruitless=20)

    async def test_two_stores_that_forget_at_once_forget_each_row_once(
        self, store: Store, another_store: Store
    ) -> None:
        names = [f"old-{n}" for n in range(5)]
        for name in names:
            await store.insert_signal(signal_row(name))
            await store.mark_decided(name)
            await store.add_rejected(rejected_row(name))
            await commit(store, evaluation(name))
        for forget in (
            lambda each: each.forget_signals(names),
            lambda each: each.forget_rejected(at(1), 10),
            lambda each: each.forget_decisions(at(1), 10),
        ):
            assert sum(await asyncio.gather(forget(store), forget(another_store))) == len(names)

    async def test_a_crash_between_commit_and_queue_is_mended_by_whoever_sweeps(
        self, store: Store, another_store: Store
    ) -> None:
        await commit(store, evaluation("d", notify("n")))
        assert await sendable_ids(another_store, 0) == ["n"]
        await another_store.mark_sent(SUBJECT, "n", at(5))
        assert await sendable_ids(store, 0) == []

    async def test_a_crash_in_mid_effect_is_taken_over_and_the_crashed_owner_stays_out(
        self, store: Store, another_store: Store
    ) -> None:
        await order(store, "c")
        await store.claim(SUBJECT, "c", "crashed", at(0), at(5))
        row = await another_store.claim(SUBJECT, "c", "heir", at(5), at(10))
        assert row is not None
        assert row.state == "claimed"
        with pytest.raises(ConflictError):
            await store.finish(SUBJECT, "c", "crashed", Succeeded(), finished_row("c"))
        await another_store.finish(SUBJECT, "c", "heir", Succeeded(), finished_row("c"))
        stored = await store.command(SUBJECT, "c")
        assert stored is not None
        assert (stored.state, stored.attempts) == ("finished", 2)

    async def test_of_two_folds_of_one_delta_exactly_one_counts(self, store: Store, another_store: Store) -> None:
        delta = StoredDelta("0", 1, b"counts")
        await store.append_delta(delta, "")
        folds = (
            store.save_fold({"w/1": Stored(b"one")}, [delta]),
            another_store.save_fold({"w/2": Stored(b"two")}, [delta]),
        )
        results = await asyncio.gather(*folds, return_exceptions=True)
        assert [type(result) for result in results if result is not None] == [ConflictError]
        assert len(await store.windows("")) == 1
