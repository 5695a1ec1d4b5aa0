"""Rows that a collector event keeps in a blob count once, as if they had been in the event, whichever way it came."""

import dataclasses
import itertools
import json
from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.outcomes import Failed, Skipped, Succeeded
from shared.services.referenced import PIECE_BYTES, ReferencedReader
from shared.telemetry.elsewhere import CHUNK, EVENTS_MAX
from tests.unit.services.fakes import SUBJECT, WORKLOAD
from tests.unit.services.telemetry_messages import rows
from tests.unit.services.test_collected import COLLECTOR, CONTAINER, PATH, collecting, counts, lines, profiled, read_all

FOLDER = "modelDataCollector/flight-delay/rows"
BLOB = f"{FOLDER}/1.json"
URL = f"https://mlops.blob.core.windows.net/{CONTAINER}/"


@pytest.fixture
async def world(store):
    world = collecting(store)
    await profiled(world)
    return world


def event(number=1, where=None, **changes):
    """The collector event that has no rows in it; ``...`` takes a key away."""
    made = json.loads(rows(1)) | {"id": f"e-{number}", "dataref": where or f"{URL}{FOLDER}/{number}.json", "data": None}
    return json.dumps({key: value for key, value in (made | changes).items() if value is not ...}).encode()


def kept(world, number=1, count=3, value=1.5):
    world.files.write(f"{FOLDER}/{number}.json", json.dumps([{"distance": value}] * count).encode())


def reader(world):
    return ReferencedReader(world.clock, world.policies, world.aggregator, world.files)


async def hear(world, *bodies, partition="hub/0", first=0):
    return await world.aggregator.take(partition, list(enumerate(bodies, first)))


async def settle(world):
    """Sweep, and carry out what is ordered, until nothing is left; every outcome of a command."""
    outcomes = []
    for _ in range(10):
        await world.sweeper.run()
        sent, world.queue.sent = world.queue.sent, []
        outcomes += [await world.executor.run(each.subject, each.command_id, "worker") for each in sent]
        world.clock.pass_seconds(301)
    return [outcome for outcome in outcomes if outcome is not None]


async def counted_in_events(*bodies):
    """What windows hold when the rows were in their events."""
    store = SqliteStore(":memory:")
    await store.open()
    world = collecting(store)
    await profiled(world)
    await hear(world, *bodies)
    found = await counts(world)
    await store.close()
    return found


async def rejected(world):
    return {row.reason: row for row in await world.store.rejected(50)}


# Counting


async def test_rows_in_a_blob_count_as_if_they_had_been_in_their_event(world):
    kept(world)
    await hear(world, event())
    assert await settle(world) == [Succeeded(data={"rows": 3.0, "bytes": float(len(world.files.bodies[BLOB]))})]
    assert await counts(world) == await counted_in_events(rows(3)) != {}
    assert await rejected(world) == {}


async def test_the_handler_reads_no_blob_and_orders_nothing_itself(world):
    await hear(world, event())
    assert (world.files.reads, world.queue.sent) == ([], [])
    assert len(await world.store.deltas(10)) == 1


async def test_they_count_in_the_window_of_their_time_and_not_of_their_reading(world):
    kept(world, count=1)
    at = json.loads(rows(1, seconds=-40 * 86_400))["time"]
    await hear(world, event(time=at))
    await settle(world)
    assert await counts(world) == await counted_in_events(rows(1, seconds=-40 * 86_400))


@pytest.mark.parametrize(
    "where", [BLOB, f"azureml://datastores/workspaceblobstore/paths/{BLOB}", f"{URL}{BLOB}?sig=secret"]
)
async def test_each_way_of_naming_the_blob_is_read(world, where):
    kept(world)
    await hear(world, event(where=where))
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]


async def test_an_event_that_one_copy_names_by_url_and_another_by_path_counts_once(world):
    kept(world)
    for place, where in enumerate((f"{URL}{BLOB}", BLOB, f"azureml://datastores/workspaceblobstore/paths/{BLOB}")):
        await hear(world, event(where=where), partition=f"hub/{place}")
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]
    assert await counts(world) == await counted_in_events(rows(3))


async def test_a_place_in_the_stead_of_data_is_read_too(world):
    kept(world)
    await hear(world, event(data=f"{URL}{BLOB}", dataref=..., datainblob="true"))
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]


async def test_an_event_in_a_collectors_file_counts_the_same(world):
    kept(world)
    world.files.write(PATH, lines(rows(2), event(), rows(1)))
    await read_all(world)
    await settle(world)
    assert await counts(world) == await counted_in_events(rows(2), rows(3), rows(1))


async def test_a_blob_of_several_pieces_is_read_whole(world):
    kept(world)
    world.files.write(BLOB, b" " * (2 * PIECE_BYTES) + world.files.bodies[BLOB])
    await hear(world, event())
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]
    assert world.files.reads == [(BLOB, PIECE_BYTES), (BLOB, 2 * PIECE_BYTES)]


# Once


async def test_an_event_that_comes_again_counts_once(world):
    kept(world)
    await hear(world, event())
    await hear(world, event())  # the same sequence number
    await hear(world, event(), first=7)  # sent twice
    await hear(world, event(), partition="hub/1")
    world.files.write(PATH, lines(event()))
    await read_all(world)  # and collected in a file as well
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]
    await hear(world, event(), first=9)
    assert await settle(world) == []
    assert await counts(world) == await counted_in_events(rows(3))


async def test_whatever_the_order_and_the_partition_the_end_is_the_same():
    expected = await counted_in_events(rows(1, value=1.5), rows(2, value=2.5), rows(3, value=0.5))
    for order in itertools.permutations([1, 2, 3]):
        store = SqliteStore(":memory:")
        await store.open()
        world = collecting(store)
        await profiled(world)
        for number, value in ((1, 1.5), (2, 2.5), (3, 0.5)):
            kept(world, number, number, value)
        for turn, number in enumerate((*order, *order)):
            await hear(world, event(number), partition=f"hub/{number % 2}", first=turn)
            if turn % 2:
                await settle(world)
        await settle(world)
        assert await counts(world) == expected
        await store.close()


async def test_a_crash_before_the_chunk_is_dropped_orders_nothing_twice(world):
    kept(world)
    await hear(world, event())
    await world.aggregator.fold()
    ((signals, _),) = await world.aggregator.elsewhere.untold(2)
    for signal in signals:
        await world.ingest.tell(signal)  # and then the process dies
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]


async def test_a_crash_after_the_count_and_before_its_record_counts_once(world):
    kept(world)
    await hear(world, event())
    await world.sweeper.run()
    (sent,) = world.queue.sent
    command = (await world.store.command(SUBJECT, sent.command_id)).command
    blobs = reader(world)
    until = world.clock.now() + timedelta(minutes=1)
    assert (await blobs.read(command, until)).data["rows"] == 3.0
    assert (await blobs.read(command, until)).data["rows"] == 0.0
    assert await counts(world) == await counted_in_events(rows(3))


async def test_events_of_one_id_that_name_other_blobs_both_count(world):
    kept(world, 1)
    kept(world, 2)
    await hear(world, event(1, id="same"), event(2, id="same"))
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0, 3.0]


async def test_an_event_without_an_id_is_known_by_its_time_and_its_request(world):
    kept(world)
    await hear(world, event(id=...), event(id=...))
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]


# Bounds


async def test_what_lies_elsewhere_is_refused_with_what_to_do_and_counted_once_the_policy_is_mended(world):
    kept(world)
    world.policies.change("x", "x")
    await hear(world, event())
    row = (await rejected(world))["data_by_reference"]
    assert "have collector: in environments.production name this" in row.detail
    assert (row.body, row.whole) == (event(), True)
    assert not (await world.redriver.one(row.id)).taken
    world.policies.change("endpoint: flight-delay\n", COLLECTOR)
    assert (await world.redriver.one(row.id)).taken
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]


@pytest.mark.parametrize(
    "where",
    [
        f"https://somebody.blob.core.windows.net/{CONTAINER}/{BLOB}",
        f"https://mlops.blob.core.windows.net/another-1/{BLOB}",
        f"{URL}secrets/1.json",
        f"{URL}{FOLDER}/%2E%2E/%2E%2E/secrets.json",
        f"https://mlops.blob.core.windows.net.evil.org/{CONTAINER}/{BLOB}",
    ],
)
async def test_nothing_outside_of_the_collector_is_ever_opened(world, where):
    world.files.version = None  # to ask for any file would fail loudly
    await hear(world, rows(2), event(where=where), rows(1))
    assert await settle(world) == []
    assert list(await rejected(world)) == ["data_by_reference"]
    assert await counts(world) == await counted_in_events(rows(2), rows(1))


async def test_of_a_message_of_many_such_events_one_rejection_is_kept(world):
    await hear(world, b"\n".join(event(number, where="elsewhere/1.json") for number in range(40)))
    (row,) = await world.store.rejected(50)
    assert row.times == 40


async def test_rows_that_no_rule_counts_are_not_fetched(world):
    await hear(world, event(type="azureml.inference.request"))
    assert (await settle(world), await rejected(world)) == ([], {})


async def test_a_policy_that_changes_before_the_reading_stops_it(world):
    kept(world)
    await hear(world, event())
    await world.sweeper.run()
    world.policies.change("x", "x")
    (outcome,) = await settle(world)
    assert isinstance(outcome, Skipped)
    assert world.files.reads == []


async def test_a_blob_that_is_too_large_is_not_read_and_the_setting_is_named(world):
    world.policies.change(
        "endpoint: flight-delay\n",
        COLLECTOR.replace(f"container: {CONTAINER}", f"container: {CONTAINER}, event_mib_max: 1"),
    )
    world.files.write(BLOB, b"[" + b" " * (1 << 20) + b"]")
    await hear(world, event())
    (outcome,) = await settle(world)
    assert isinstance(outcome, Failed)
    assert "event_mib_max" in outcome.reason
    assert world.files.reads == []


async def test_a_blob_of_no_rows_fails_for_good_and_can_be_tried_again_by_hand(world):
    world.files.write(BLOB, b"half of a docu")
    await hear(world, event(contentrange="bytes 0-13/99"))
    (outcome,) = await settle(world)
    assert (outcome.retryable, "holds no rows" in outcome.reason, "bytes" in outcome.reason) == (False, True, True)
    kept(world)
    ((failed,),) = [await world.orders.failed(WORKLOAD)]
    await world.orders.redrive(failed.row.command.id)
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]


async def test_a_blob_that_comes_after_its_event_is_waited_for(world):
    kept(world)
    world.files.failures = [Failed(retryable=False, reason="it is not there any more")]
    await hear(world, event())
    assert [type(outcome) for outcome in await settle(world)] == [Failed, Succeeded]
    assert await counts(world) == await counted_in_events(rows(3))


async def test_a_blob_that_changes_or_shrinks_while_it_is_read_is_tried_again(world):
    kept(world, count=400_000)  # of several pieces
    await hear(world, event())
    await world.sweeper.run()
    reading = world.files.read

    async def short(place, etag, start, length):
        world.files.read = reading
        return b""

    world.files.read = short
    (sent,) = world.queue.sent
    outcome = await world.executor.run(sent.subject, sent.command_id, "worker")
    assert (outcome.retryable, "shorter" in outcome.reason) == (True, True)


async def test_a_step_that_is_late_leaves_the_rest_for_another(world):
    kept(world, count=400_000)
    await hear(world, event())
    await world.sweeper.run()
    (sent,) = world.queue.sent
    command = (await world.store.command(SUBJECT, sent.command_id)).command
    outcome = await reader(world).read(command, world.clock.now())
    assert (outcome.retryable, "not read in time" in outcome.reason) == (True, True)


async def test_many_events_of_one_batch_are_all_ordered_a_few_at_a_time(world):
    some = 2 * CHUNK + 5
    for number in range(some):
        kept(world, number, 1)
    await hear(world, b"\n".join(event(number) for number in range(some)))
    swept = [(await world.sweeper.run()).ordered for _ in range(3)]
    assert swept == [2 * CHUNK, 5, 0]
    await settle(world)
    assert await counts(world) == await counted_in_events(rows(some))


async def test_of_more_than_a_batch_may_hold_the_rest_is_refused(world):
    await hear(
        world, *[b"\n".join(event(first + n) for n in range(1500)) for first in range(0, EVENTS_MAX + 1500, 1500)]
    )
    row = (await rejected(world))["too_many_references"]
    assert "redrive" in row.detail


async def test_a_chunk_that_cannot_be_read_back_stops_no_other(world):
    kept(world)
    await hear(world, event())
    await world.aggregator.fold()
    ((_, name),) = await world.aggregator.elsewhere.untold(2)
    (stored,) = (await world.store.windows(name)).values()
    await world.store.save_fold({name: dataclasses.replace(stored, value=b"damaged")}, [])
    await hear(world, event(), first=1)
    assert [outcome.data["rows"] for outcome in await settle(world)] == [3.0]
    assert list(await rejected(world)) == ["unreadable_delta"]
