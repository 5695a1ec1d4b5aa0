"""What the store on Azure storage makes of lost requests, lost answers, crashes between two writes, and large bodies."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from shared.adapters.azure_blob_bodies import INLINE_BYTES_MAX
from shared.adapters.azure_storage_account import CLIENT_OPTIONS, Addresses, Wire
from shared.adapters.azure_storage_failures import PAUSES_SECONDS
from shared.adapters.azure_tables_keys import bucket
from shared.adapters.azure_tables_rows import SCHEMA_VERSION, WRITES_MAX
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.adapters.system_clock import SystemClock
from shared.domain.commands import Notify
from shared.domain.facts import Facts
from shared.domain.outcomes import Started, Succeeded
from shared.domain.values import replace
from shared.ports import ConflictError, Stored, StoredDelta, StoreUnavailableError, TooLargeError
from tests.contracts.faulty_transport import ANSWER_LOST, FINE, NOT_SENT, FaultyTransport
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

LARGE = INLINE_BYTES_MAX + 1
QUICK = (0.001,) * len(PAUSES_SECONDS)
LATER = timedelta(minutes=5)


@pytest.fixture
def wire() -> FaultyTransport:
    return FaultyTransport()


@pytest_asyncio.fixture
async def store(addresses: Addresses, wire: FaultyTransport) -> AsyncIterator[AzureTablesStore]:
    store = AzureTablesStore(addresses, Wire({**CLIENT_OPTIONS, "transport": wire}, QUICK))
    await store.open()
    wire.requests.clear()
    yield store
    await store.close()


def long_notice(command_id: str, size: int) -> Notify:
    return replace(notify(command_id), title="x" * size)


async def blobs(store: AzureTablesStore) -> int:
    return len([blob async for blob in store.account.bodies().list_blobs()])


class TestLostMessages:
    async def test_a_request_that_did_not_arrive_is_made_again(self, store, wire):
        wire.faults += [NOT_SENT, 503, 429]
        assert await store.insert_signal(signal_row("a"))
        assert await store.signal("a") == signal_row("a")

    async def test_a_signal_whose_answer_was_lost_is_accepted_once_and_known_as_ours(self, store, wire):
        wire.faults += [ANSWER_LOST]
        assert await store.insert_signal(signal_row("a"))
        assert not await store.insert_signal(signal_row("a"))

    async def test_a_rivals_signal_is_not_taken_for_ours_when_our_request_was_lost(self, store, wire, addresses):
        rival = AzureTablesStore(addresses)
        await rival.open()
        await rival.insert_signal(signal_row("a"))
        await rival.close()
        wire.faults += [NOT_SENT]
        assert not await store.insert_signal(signal_row("a"))

    async def test_a_commit_whose_answer_was_lost_is_ours_and_not_a_conflict(self, store, wire):
        wire.faults += [ANSWER_LOST]
        await store.commit(evaluation("d", notify("n"), holds=(hold("h", 5),)), "")
        assert await sendable_ids(store, 0) == ["n"]

    async def test_a_claim_whose_answer_was_lost_is_held_by_its_owner(self, store, wire):
        await order(store, "c")
        wire.faults += [FINE, ANSWER_LOST]
        row = await store.claim(SUBJECT, "c", "me", at(0), at(5))
        assert row is not None
        assert row.attempts == 1
        await store.finish(SUBJECT, "c", "me", Succeeded(), finished_row("c"))

    async def test_every_answer_of_a_commands_life_may_be_lost(self, store, wire):
        await order(store, "c")
        wire.faults += [ANSWER_LOST] * 2
        await store.claim(SUBJECT, "c", "me", at(0), at(5))
        wire.faults += [FINE, ANSWER_LOST]
        await store.record_started(SUBJECT, "c", "me", Started(operation="o", look_again_at=at(1)))
        await store.claim(SUBJECT, "c", "you", at(1), at(9))
        wire.faults += [FINE, ANSWER_LOST, ANSWER_LOST, ANSWER_LOST]
        await store.finish(SUBJECT, "c", "you", Succeeded(), finished_row("c"))
        row = await store.command(SUBJECT, "c")
        assert (row.state, row.attempts) == ("finished", 2)
        assert await store.undecided(at(1), 10) == [finished_row("c")]

    async def test_a_document_saved_with_a_lost_answer_is_saved_once(self, store, wire):
        wire.faults += [ANSWER_LOST]
        await store.save_document("a", b"1", "")
        stored = await store.document("a")
        wire.faults += [ANSWER_LOST]
        await store.save_document("a", b"2", stored.etag)
        with pytest.raises(ConflictError):
            await store.save_document("a", b"3", stored.etag)
        wire.faults += [ANSWER_LOST]
        await store.delete_document("a", (await store.document("a")).etag)
        assert (await store.document("a")).value is None

    async def test_the_same_body_by_a_rival_is_not_taken_for_ours(self, store, wire):
        await store.save_document("count", b"1", "")
        seen = (await store.document("count")).etag
        await store.save_document("count", b"2", seen)
        wire.faults += [NOT_SENT]
        with pytest.raises(ConflictError):
            await store.save_document("count", b"2", seen)

    async def test_a_delta_whose_answer_was_lost_counts_once(self, store, wire):
        wire.faults += [ANSWER_LOST]
        await store.append_delta(StoredDelta("0", 7, b"counts"), "")
        wire.faults += [ANSWER_LOST]
        await store.save_fold({"w/1": Stored(b"one")}, [StoredDelta("0", 7, b"counts")])
        assert await store.deltas(10) == []
        assert list(await store.windows("w/")) == ["w/1"]

    @pytest.mark.parametrize("fault", [NOT_SENT, ANSWER_LOST, 500, 503, 429])
    async def test_storage_that_stays_away_is_unavailable_after_five_tries(self, store, wire, fault):
        wire.faults += [fault] * (len(PAUSES_SECONDS) + 1)
        with pytest.raises(StoreUnavailableError):
            await store.facts(SUBJECT)
        assert len(wire.requests) == len(PAUSES_SECONDS) + 1
        assert await store.subjects() == []

    async def test_who_is_not_let_in_is_told_at_once(self, store, wire):
        wire.faults += [403]
        with pytest.raises(StoreUnavailableError):
            await store.facts(SUBJECT)
        assert len(wire.requests) == 1

    async def test_a_bug_of_ours_is_not_called_unavailable(self, store, wire):
        wire.faults += [400]
        with pytest.raises(Exception, match="status 400") as caught:
            await store.facts(SUBJECT)
        assert not isinstance(caught.value, StoreUnavailableError)

    async def test_a_table_that_was_deleted_is_unavailable_and_no_conflict(self, store):
        await store.account.table("inbox").delete_table()
        with pytest.raises(StoreUnavailableError):
            await store.insert_signal(signal_row("a"))
        with pytest.raises(StoreUnavailableError):
            await store.signal("a")


class TestCrashes:
    async def test_a_finish_that_stops_before_the_inbox_is_told_by_the_next_sweep(self, store, wire):
        await order(store, "c")
        await store.claim(SUBJECT, "c", "me", at(0), at(5))
        wire.faults += [FINE, FINE, *[NOT_SENT] * 5]  # read, finish, and no more
        with pytest.raises(StoreUnavailableError):
            await store.finish(SUBJECT, "c", "me", Succeeded(), finished_row("c"))
        assert (await store.command(SUBJECT, "c")).state == "finished"
        assert await store.signal("finished-c") is None
        assert await store.undecided(at(1), 10) == [finished_row("c")]
        assert await store.signal("finished-c") == finished_row("c")

    async def test_a_finish_that_stops_after_the_inbox_is_told_once(self, store, wire):
        await order(store, "c")
        await store.claim(SUBJECT, "c", "me", at(0), at(5))
        wire.faults += [FINE, FINE, FINE, *[NOT_SENT] * 5]  # read, finish, insert; the signal stays noted as untold
        with pytest.raises(StoreUnavailableError):
            await store.finish(SUBJECT, "c", "me", Succeeded(), finished_row("c"))
        await store.mark_decided("finished-c")
        assert await store.undecided(at(1), 10) == []
        assert (await store.signal("finished-c")).decided

    async def test_two_sweeps_at_once_bring_a_told_signal_over_once(self, store, wire):
        await order(store, "c")
        await store.claim(SUBJECT, "c", "me", at(0), at(5))
        wire.faults += [FINE, FINE, *[NOT_SENT] * 5]
        with pytest.raises(StoreUnavailableError):
            await store.finish(SUBJECT, "c", "me", Succeeded(), finished_row("c"))
        both = await asyncio.gather(store.undecided(at(1), 10), store.undecided(at(1), 10))
        assert both == [[finished_row("c")]] * 2


class TestLargeBodies:
    async def test_a_large_document_is_kept_beside_its_row(self, store):
        await store.save_document("a", b"x" * LARGE, "")
        stored = await store.document("a")
        assert stored.value == b"x" * LARGE
        assert await blobs(store) == 1
        await store.save_document("a", b"small", stored.etag)
        assert await store.documents("") == {"a": b"small"}

    async def test_a_rejected_body_of_a_mebibyte_is_kept_whole(self, store):
        row = replace(rejected_row("r"), body=b"\x00" * 1024 * 1024)
        await store.add_rejected(row)
        assert await store.rejected(1) == [row]

    async def test_a_large_decision_command_and_hold_are_kept_whole(self, store):
        decided = evaluation("d", long_notice("n", LARGE), long_notice("m", 100))
        await store.commit(decided, "")
        assert await store.decision("d") == decided.decision
        assert [row.command for row in await store.commands("d", SUBJECT)] == list(decided.decision.commands)
        assert await store.decisions(SUBJECT, 1) == await store.decisions(None, 1) == [decided.decision]
        claimed = await store.claim(SUBJECT, "n", "me", at(0), at(5))
        assert claimed.command == long_notice("n", LARGE)

    async def test_many_bodies_that_fit_each_are_moved_out_when_they_do_not_fit_together(self, store):
        decided = evaluation("d", *(long_notice(f"n-{n}", 50_000) for n in range(45)))
        await store.commit(decided, "")
        assert len(await store.commands("d", SUBJECT)) == 45
        assert len(await store.sendable(at(0), 100)) == 45

    async def test_more_rows_than_a_transaction_takes_are_refused_whole(self, store):
        with pytest.raises(TooLargeError, match="more than 100"):
            await store.commit(evaluation("d", *(notify(f"n-{n}") for n in range(60))), "")
        assert await store.decision("d") is None
        assert await store.facts(SUBJECT) == Stored(Facts())

    async def test_a_fold_of_more_rows_than_a_transaction_takes_is_written_whole(self, store):
        deltas = [StoredDelta("0", number, b"counts") for number in range(130)]
        for delta in deltas:
            await store.append_delta(delta, (await store.cursor("0")).etag)
        windows = {f"w/{n:03}": Stored(b"state") for n in range(WRITES_MAX)}
        await store.save_fold(windows, deltas)
        assert await store.deltas(200) == []
        assert len(await store.windows("w/")) == WRITES_MAX

    async def test_a_fold_that_stops_between_two_transactions_keeps_its_deltas_for_the_next(self, store, wire):
        deltas = [StoredDelta("0", number, b"counts") for number in range(3)]
        for delta in deltas:
            await store.append_delta(delta, (await store.cursor("0")).etag)
        wire.faults += [FINE, *[NOT_SENT] * 5]
        windows = {f"w/{n:03}": Stored(b"state") for n in range(WRITES_MAX)}
        with pytest.raises(StoreUnavailableError):
            await store.save_fold(windows, deltas)
        assert await store.deltas(10) == deltas
        assert len(await store.windows("w/")) == WRITES_MAX

    async def test_windows_that_do_not_fit_together_are_moved_out(self, store):
        windows = {f"w/{n}": Stored(bytes([n]) * 60_000) for n in range(50)}
        await store.save_fold(windows, [])
        assert {name: window.value for name, window in (await store.windows("w/")).items()} == {
            name: window.value for name, window in windows.items()
        }


class TestTidying:
    async def test_what_no_row_names_is_removed_and_what_one_names_stays(self, store):
        await store.save_document("kept", b"x" * LARGE, "")
        await store.save_document("replaced", b"1" * LARGE, "")
        await store.save_document("replaced", b"2" * LARGE, (await store.document("replaced")).etag)
        await store.save_document("deleted", b"x" * LARGE, "")
        await store.delete_document("deleted", (await store.document("deleted")).etag)
        with pytest.raises(ConflictError):
            await store.save_document("kept", b"refused" * LARGE, "")
        assert await blobs(store) == 5
        assert await store.tidy(SystemClock().now() + LATER) == 3
        assert (await store.document("kept")).value == b"x" * LARGE
        assert (await store.document("replaced")).value == b"2" * LARGE
        assert await store.tidy(SystemClock().now() + LATER) == 0

    async def test_what_is_younger_may_be_under_way_and_stays(self, store):
        await store.save_document("a", b"x" * LARGE, "")
        await store.delete_document("a", (await store.document("a")).etag)
        assert await store.tidy(SystemClock().now() - LATER) == 0
        assert await blobs(store) == 1

    async def test_a_decision_that_lies_in_three_rows_keeps_its_one_body(self, store):
        await commit(store, evaluation("d", long_notice("n", LARGE), holds=(hold("h", 5),)))
        assert await store.tidy(SystemClock().now() + LATER) == 0
        assert len(await store.decisions(None, 1)) == 1


class TestSchema:
    async def test_every_row_carries_its_schema_version(self, store):
        await store.insert_signal(signal_row("a"))
        await store.add_rejected(rejected_row("r"))
        await commit(store, evaluation("d", notify("n"), holds=(hold("h", 5),)))
        await store.save_document("a", b"1", "")
        await store.append_delta(StoredDelta("0", 1, b"counts"), "")
        for table in ("inbox", "ledger", "documents", "telemetry"):
            rows = [row async for row in store.account.table(table).list_entities()]
            assert rows
            assert {row["Schema"] for row in rows} == {SCHEMA_VERSION}

    async def test_a_row_of_a_later_release_is_refused_and_left_alone(self, store):
        await store.insert_signal(signal_row("a"))
        table = store.account.table("inbox")
        for row in [row async for row in table.list_entities()]:
            await table.update_entity({**row, "Schema": SCHEMA_VERSION + 1})
        with pytest.raises(StoreUnavailableError, match=f"schema version {SCHEMA_VERSION + 1}"):
            await store.signal("a")
        with pytest.raises(StoreUnavailableError):
            await store.mark_decided("a")


class TestNames:
    @pytest.mark.parametrize(
        "subject", ["workload/a#b?c\\d", "workload/\N{GREEK SMALL LETTER ALPHA}'s%", "w|x", "~" * 300]
    )
    async def test_any_subject_is_a_key(self, store, subject):
        await store.commit(evaluation("d", notify("a/b|c"), subject=subject, holds=(hold("h/'1", 5),)), "")
        assert await store.subjects() == [subject]
        assert [each.id for each in await store.holds(subject)] == ["h/'1"]
        assert (await store.command(subject, "a/b|c")).subject == subject
        assert len(await store.decisions(subject, 10)) == 1

    async def test_subjects_that_begin_alike_do_not_mix(self, store):
        names = ["w/a", "w/a|b", "w/ab", "w/a/b"]
        for name in names:
            await store.commit(evaluation(f"of-{name}", subject=name, holds=(hold("h", 5),)), "")
        for name in names:
            assert [each.id for each in await store.decisions(name, 10)] == [f"of-{name}"]
            assert len(await store.holds(name)) == 1

    async def test_a_document_whose_name_is_no_key_is_refused_by_name(self, store):
        with pytest.raises(ValueError, match="too long"):
            await store.save_document("x" * 600, b"1", "")

    async def test_more_rows_than_a_page_are_listed(self, store):
        subjects = [f"workload/{n}" for n in range(40)]
        await asyncio.gather(*(store.commit(evaluation(f"d-{s}", notify("n"), subject=s), "") for s in subjects))
        assert await store.subjects() == sorted(subjects)
        assert len({bucket(subject) for subject in subjects}) > 1
        assert len(await store.decisions(None, 25)) == 25
        assert len(await store.sendable(at(0), 1000)) == 40


async def test_a_store_that_is_not_open_is_unavailable(addresses):
    store = AzureTablesStore(addresses)
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.subjects()
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.insert_signal(signal_row("a"))


async def test_an_account_that_nobody_answers_for_is_unavailable(addresses):
    nowhere = addresses.store.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(StoreUnavailableError):
        await AzureTablesStore(Addresses(nowhere), Wire(CLIENT_OPTIONS, QUICK)).open()
