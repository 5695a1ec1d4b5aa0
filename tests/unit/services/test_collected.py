"""A collector's file is counted line by line, each once, however it grows and however often and late we hear of it."""

import asyncio
import dataclasses
import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.commands import ReadCollected
from shared.domain.facts import Facts
from shared.domain.outcomes import Failed, Skipped, Started, Succeeded
from shared.domain.platform_signals import DataArrived
from shared.parsing import parse
from shared.parsing.documents import BODY_BYTES_MAX
from shared.ports import StoreUnavailableError
from shared.services.collected import Bounds, CollectedReader
from shared.telemetry.fold import decode_window, encode_window
from tests.unit.domain.builders import steady
from tests.unit.services.fakes import NOON, SUBJECT, World
from tests.unit.services.signals import ORDER, heard
from tests.unit.services.telemetry_messages import TAGS, request, rows, traffic

STORAGE = "/subscriptions/1/resourcegroups/mlops/providers/microsoft.storage/storageaccounts/mlops"
CONTAINER = "azureml-blobstore-1"
FOLDER = "modelDataCollector/flight-delay/version-2/model_inputs/2026/03/01/11"
PATH, OTHER = f"{FOLDER}/instance-1.jsonl", f"{FOLDER}/instance-2.jsonl"
COLLECTOR = f"endpoint: flight-delay\n        collector: {{storage: {STORAGE}, container: {CONTAINER}}}\n"
SMALL = Bounds(piece_bytes=900, pieces_max=2, line_bytes_max=4000)  # longer than the lines below, and than no file
STEPS_MAX = 100
LINES = [rows(1, n, value=1.0 + n / 10) for n in range(6)]


def reading(path=PATH, command_id="read-1", bytes_max=1 << 30):
    return ReadCollected(**ORDER, id=command_id, storage=STORAGE, container=CONTAINER, path=path, bytes_max=bytes_max)


def arrived(path=PATH, key="arrived"):
    where = {"account": "mlops", "container": CONTAINER, "path": path, "api": "FlushWithClose"}
    return DataArrived(**heard(key, source=STORAGE), **where)


def collecting(store):
    world = World(store)
    world.policies.change("endpoint: flight-delay\n", COLLECTOR)
    return world


@pytest.fixture
async def world(store):
    return collecting(store)


def reader(world, bounds=SMALL):
    return CollectedReader(world.store, world.clock, world.policies, world.aggregator, world.files, bounds)


async def read(world, path=PATH, bounds=SMALL, **command):
    return await reader(world, bounds).read(reading(path, **command), world.clock.now() + timedelta(minutes=1))


async def read_all(world, path=PATH, bounds=SMALL):
    """The last outcome of as many steps as it takes."""
    for _ in range(STEPS_MAX):
        outcome = await read(world, path, bounds)
        if not isinstance(outcome, Started):
            return outcome
    raise AssertionError("the file has no end")


async def profiled(world):
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)


async def counts(world):
    """What every window holds, whoever brought it."""
    while await world.aggregator.fold():
        pass
    stored = await world.store.windows("")
    states = {
        name: decode_window(each.value) for name, each in stored.items() if name.startswith(("data/", "traffic/"))
    }
    return {name: encode_window(dataclasses.replace(state, folded_through={})) for name, state in states.items()}


async def counted_at_once(*bodies):
    """What windows hold when each file is there in full before we hear of it."""
    store = SqliteStore(":memory:")
    await store.open()
    world = collecting(store)
    await profiled(world)
    for number, body in enumerate(bodies):
        world.files.write(f"{FOLDER}/{number}.jsonl", body)
        await read_all(world, f"{FOLDER}/{number}.jsonl", Bounds())
    found = await counts(world)
    await store.close()
    return found


def lines(*some):
    return b"".join(line + b"\n" for line in some)


# Counting


async def test_the_lines_of_a_file_are_counted(world):
    await profiled(world)
    world.files.write(PATH, lines(*LINES))
    outcome = await read(world, bounds=Bounds())
    size = float(len(lines(*LINES)))
    assert outcome == Succeeded(data={"lines": 6.0, "bytes": size, "through": size})
    assert await counts(world) == await counted_at_once(lines(*LINES))


async def test_a_file_counts_as_much_as_the_same_messages_from_a_hub(world, tmp_path):
    await profiled(world)
    world.files.write(PATH, lines(*LINES, traffic(request(3))))
    await read_all(world)
    other = collecting(SqliteStore(str(tmp_path / "hub.db")))
    await other.store.open()
    await profiled(other)
    await other.aggregator.take("telemetry/0", list(enumerate([*LINES, traffic(request(3))])))
    assert await counts(world) == await counts(other)
    await other.store.close()


async def test_a_file_that_has_not_grown_counts_nothing_more(world):
    world.files.write(PATH, lines(*LINES))
    await read(world, bounds=Bounds())
    outcome = await read(world, bounds=Bounds())
    assert (outcome.data["lines"], outcome.data["through"]) == (0.0, float(len(lines(*LINES))))
    assert len(await world.store.deltas(10)) == 1


async def test_of_readers_at_the_same_moment_one_counts_each_line(world):
    world.files.write(PATH, lines(*LINES))
    outcomes = await asyncio.gather(*(read(each, bounds=Bounds()) for each in (world, world.another(), world)))
    assert sorted(outcome.data["lines"] for outcome in outcomes) == [0.0, 0.0, 6.0]
    assert len(await world.store.deltas(10)) == 1


async def test_a_file_that_has_grown_is_read_on_from_where_it_ended(world):
    world.files.write(PATH, lines(*LINES[:4]))
    await read(world, bounds=Bounds())
    world.files.grow(PATH, lines(*LINES[4:]))
    world.files.reads.clear()
    outcome = await read(world, bounds=Bounds())
    assert outcome.data["lines"] == 2.0
    assert world.files.reads == [(PATH, len(lines(*LINES[:4])) - 1)]


async def test_a_half_written_line_waits_for_the_next_event(world):
    whole, half = lines(*LINES[:2]), LINES[2][:40]
    world.files.write(PATH, whole + half)
    assert (await read(world, bounds=Bounds())).data == {"lines": 2.0, "bytes": len(whole), "through": len(whole)}
    world.files.grow(PATH, LINES[2][40:] + b"\n")
    assert (await read(world, bounds=Bounds())).data["lines"] == 1.0


@pytest.mark.parametrize("body", [b"", b"\n\n", LINES[0][:30]])
async def test_a_file_without_a_line_yet_is_no_failure(world, body):
    world.files.write(PATH, body)
    assert await read(world) == Succeeded(data={"lines": 0.0, "bytes": 0.0, "through": 0.0})
    assert await world.store.bookmarks("") == {}


async def test_files_are_counted_each_by_itself(world):
    await profiled(world)
    for path in (PATH, OTHER):
        world.files.write(path, lines(*LINES))
        await read_all(world, path)
    assert await counts(world) == await counted_at_once(lines(*LINES), lines(*LINES))


async def test_windows_remember_few_partitions_however_many_files_there_are(world):
    await profiled(world)
    for number in range(40):
        path = f"{FOLDER}/{number}.jsonl"
        world.files.write(path, lines(LINES[0]))
        await read(world, path)
    await counts(world)
    states = [decode_window(stored.value) for stored in (await world.store.windows("data/")).values()]
    assert max(len(state.folded_through) for state in states) <= 8
    assert sum(state.partial.rows for state in states) == 40 * len(states)


async def test_what_is_wrong_with_a_line_is_kept_and_its_neighbours_count(world):
    world.files.write(PATH, lines(LINES[0], b"{broken", b"\xff", LINES[1]))
    assert (await read_all(world)).data["lines"] > 0
    kept = await world.store.rejected(10)
    assert {row.body for row in kept} == {b"{broken", b"\xff"}
    assert {row.reason for row in kept} == {"malformed_json"}


SPLITS = st.lists(st.integers(0, 2000), max_size=5)
BODIES = st.lists(
    st.one_of(
        st.builds(
            lambda n, day: rows(1 + n % 3, day * 86_400.0, value=0.5 + n / 4), st.integers(0, 9), st.integers(0, 3)
        ),
        st.sampled_from([b"", b"{broken", traffic(request())]),
    ),
    max_size=7,
).map(lambda some: lines(*some))


@settings(steady, max_examples=25)
@given(BODIES, BODIES, SPLITS, st.randoms(use_true_random=False), st.integers(500, 1500))
def test_growth_repeats_and_any_order_end_in_what_one_read_of_the_whole_gives(one, two, sizes, random, piece):
    async def story():
        store = SqliteStore(":memory:")
        await store.open()
        worlds = [collecting(store)]
        worlds.append(worlds[0].another())
        await profiled(worlds[0])
        bounds = Bounds(piece_bytes=piece, pieces_max=2, line_bytes_max=1 << 20)
        bodies = {PATH: one, OTHER: two}
        for size in (*sorted(sizes), 1 << 20):
            for path, body in bodies.items():
                worlds[0].files.write(path, body[:size])
            told = [*bodies, *random.choices([PATH, OTHER], k=2)]
            random.shuffle(told)
            readers = [random.choice(worlds) for _ in told]
            await asyncio.gather(*(read_all(each, path, bounds) for each, path in zip(readers, told, strict=True)))
            if random.random() < 0.5:
                await worlds[0].aggregator.fold()
        found = await counts(worlds[0])
        await store.close()
        return found, await counted_at_once(one, two)

    found, expected = asyncio.run(story())
    assert found == expected


# Large files


async def test_a_large_file_is_read_in_steps_and_pieces(world):
    await profiled(world)
    body = lines(*LINES * 5)
    world.files.write(PATH, body)
    first = await read(world)
    assert isinstance(first, Started)
    assert first.look_again_at == NOON
    assert first.operation.startswith("byte ")
    assert len(world.files.reads) == SMALL.pieces_max
    outcome = await read_all(world)
    assert outcome.data["through"] == len(body)
    assert await counts(world) == await counted_at_once(body)


async def test_a_step_ends_when_it_is_late(world):
    world.files.write(PATH, lines(*LINES))
    assert isinstance(await reader(world).read(reading(), NOON), Started)
    assert world.files.reads == []


async def test_of_a_file_beyond_its_limit_the_beginning_counts_and_the_rest_is_told(world):
    world.files.write(PATH, lines(*LINES * 5))
    outcome = await read(world, bounds=dataclasses.replace(SMALL, pieces_max=99), bytes_max=1500)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "by file_mib_max only" in outcome.reason
    assert 0 < outcome.data["lines"] < 30


async def test_a_line_longer_than_a_piece_is_refused_and_the_next_one_counts(world):
    bounds = Bounds(piece_bytes=BODY_BYTES_MAX + 10, line_bytes_max=16 * BODY_BYTES_MAX)
    world.files.write(PATH, lines(LINES[0], b'{"x":"' + b"y" * (3 * BODY_BYTES_MAX) + b'"}', LINES[1]))
    assert (await read_all(world, bounds=bounds)).data["lines"] == 3.0
    (kept,) = await world.store.rejected(10)
    assert (kept.reason, len(kept.body)) == ("oversized", BODY_BYTES_MAX + 1)
    assert (await read_all(world, bounds=bounds)).data["lines"] == 0.0


async def test_a_long_line_that_is_half_written_waits(world):
    world.files.write(PATH, lines(LINES[0]) + b"y" * 2000)
    assert (await read_all(world)).data["through"] < 500
    assert await world.store.rejected(10) == []


async def test_what_has_no_line_feed_at_all_is_no_file_of_lines(world):
    world.files.write(PATH, b"y" * 9000)
    outcome = await read(world)
    assert isinstance(outcome, Failed)
    assert "nothing behind it is read" in outcome.reason


async def test_nothing_but_blank_lines_comes_to_an_end(world):
    world.files.write(PATH, lines(LINES[0]) + b"\n" * 5000 + lines(LINES[1]))
    assert (await read_all(world)).data["through"] == len(world.files.bodies[PATH])
    assert (await read_all(world)).data["lines"] == 0.0


# Files that are not what they were


async def test_a_file_that_became_shorter_is_told_and_counts_no_more(world):
    world.files.write(PATH, lines(*LINES))
    await read_all(world)
    world.files.write(PATH, lines(*LINES[:2]))
    outcome = await read(world)
    assert outcome == Failed(retryable=False, reason=outcome.reason)
    assert "were counted" in outcome.reason


async def test_a_file_that_goes_on_otherwise_is_told_and_counts_no_more(world):
    world.files.write(PATH, lines(*LINES[:2]))
    await read_all(world)
    world.files.write(PATH, LINES[0] + b"\n" + b" " * 20 + lines(*LINES))
    outcome = await read(world)
    assert isinstance(outcome, Failed)
    assert "written anew" in outcome.reason


async def test_another_file_in_its_place_is_counted_too_and_told_once(world):
    await profiled(world)
    world.files.write(PATH, lines(*LINES[:2]))
    await read_all(world)
    world.files.write(PATH, lines(*LINES[2:]))
    await read_all(world)
    await read_all(world)
    (told,) = await world.store.rejected(10)
    assert (told.channel, told.reason, told.times) == ("collected", "replaced", 1)
    assert await counts(world) == await counted_at_once(lines(*LINES[:2]), lines(*LINES[2:]))


async def test_a_file_that_changes_while_it_is_read_is_tried_again(world):
    world.files.write(PATH, lines(*LINES))
    version = world.files.version

    async def grows_just_then(place, beginning):
        found = await version(place, beginning)
        world.files.grow(PATH, lines(LINES[0]))
        return found

    world.files.version = grows_just_then
    outcome = await read(world)
    assert outcome == Failed(retryable=True, reason=f"{PATH} changed while it was read")
    world.files.version = version
    await read_all(world)
    assert sum([len(lines(*LINES)), len(lines(LINES[0]))]) == (await read_all(world)).data["through"]


async def test_what_the_storage_account_says_is_the_outcome(world):
    refusal = Failed(retryable=True, reason="HTTP 403: the app's identity needs the role Storage Blob Data Reader")
    world.files.failures.append(refusal)
    assert await read(world) == refusal


@pytest.mark.parametrize(
    "elsewhere",
    [{"path": "modelDataCollector/birds/i.jsonl"}, {"path": f"{FOLDER}/../i.jsonl"}, {"command_id": "gone"}],
)
async def test_a_file_that_is_not_ours_is_never_opened(world, elsewhere):
    if elsewhere.get("command_id"):
        world.policies.change("name: flight-delay", "name: renamed")
    else:
        world.files.write(elsewhere["path"], lines(*LINES))
    assert isinstance(await read(world, **elsewhere), Skipped)
    assert world.files.reads == []


async def test_with_the_store_down_nothing_is_counted_and_the_command_comes_again(tmp_path):
    store = SqliteStore(str(tmp_path / "outerloop.db"))
    world = collecting(store)
    world.files.write(PATH, lines(*LINES))
    with pytest.raises(StoreUnavailableError):
        await read(world)
    await store.open()
    assert (await read_all(world)).data["through"] == len(lines(*LINES))
    await store.close()


# The whole way


async def told(world, *signals):
    for signal in signals:
        await world.ingest.tell(signal)
    sent, world.queue.sent = world.queue.sent, []
    return [await world.executor.run(each.subject, each.command_id, "worker") for each in sent]


async def test_an_event_of_a_file_ends_in_counted_rows(world):
    await profiled(world)
    world.files.write(PATH, lines(*LINES))
    (outcome,) = await told(world, arrived())
    assert outcome.data["lines"] == 6.0
    assert await counts(world) == await counted_at_once(lines(*LINES))
    said = [reason.code for decision in (await world.ledger()).values() for reason in decision.reasons]
    assert sorted(said) == ["collected", "counted_lines"]


def blob_created(api, path=PATH):
    """An event of an account with a hierarchical namespace, as Event Grid delivers it."""
    event = {
        "topic": STORAGE.replace("resourcegroups", "resourceGroups"),
        "subject": f"/blobServices/default/containers/{CONTAINER}/blobs/{path}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-03-01T11:59:00Z",
        "id": f"event-{api}",
        "data": {
            "api": api,
            "contentLength": 0,
            "blobType": "BlockBlob",
            "url": f"https://mlops.dfs.core.windows.net/{CONTAINER}/{path}",
            "sequencer": "00000000000004420000000000028963",
        },
        "dataVersion": "2",
        "metadataVersion": "1",
    }
    return json.dumps([event]).encode()


async def test_with_a_hierarchical_namespace_a_file_is_read_when_its_write_has_ended_and_not_before(world):
    world.files.write(PATH, lines(*LINES))
    for api, orders in (("CreateFile", 0), ("FlushWithClose", 1)):
        body = blob_created(api)
        await world.ingest.take("event_grid", body, parse(body, "event_grid"))
        assert len(world.queue.sent) == orders
    assert [row.reason for row in await world.store.rejected(10)] == ["not_actionable"]
    (sent,) = world.queue.sent
    assert (await world.executor.run(sent.subject, sent.command_id, "worker")).data["lines"] == 6.0


async def test_an_event_that_is_delivered_twice_orders_once(world):
    world.files.write(PATH, lines(*LINES))
    assert len(await told(world, arrived(), arrived(), arrived(key="by another subscription"))) == 2
    assert len(await world.store.deltas(10)) == 1


async def test_a_paused_workload_is_still_heard(world):
    world.files.write(PATH, lines(*LINES))
    await world.order(facts=Facts(paused=True))
    (outcome,) = await told(world, arrived())
    assert outcome.data["lines"] == 6.0


async def test_a_file_that_cannot_be_read_is_tried_again_and_then_told(world):
    world.files.write(PATH, lines(*LINES))
    world.files.failures += [Failed(retryable=True, reason="HTTP 503")]
    (outcome,) = await told(world, arrived())
    assert outcome == Failed(retryable=True, reason="HTTP 503")
    world.clock.pass_seconds(60)
    (again,) = [await world.executor.run(each.subject, each.command_id, "worker") for each in world.queue.sent]
    assert again.data["lines"] == 6.0


async def test_a_file_that_could_not_be_read_is_read_after_all_when_a_person_says_so(world):
    world.files.write(PATH, lines(*LINES))
    world.files.failures.append(Failed(retryable=False, reason="the network is closed"))
    await told(world, arrived())
    (failed,) = await world.orders.failed()
    await world.orders.redrive(failed.row.command.id)
    assert (await world.executor.run(SUBJECT, failed.row.command.id, "worker")).data["lines"] == 6.0


async def test_what_is_out_of_scope_is_rejected_and_not_read(world):
    path = "modelDataCollector/birds/version-1/i.jsonl"
    world.files.write(path, lines(*LINES))
    assert await told(world, arrived(path)) == []
    assert [row.reason for row in await world.store.rejected(10)] == ["out_of_scope"]
