"""Bodies become one delta: counted when the profile is known, left for later when it is not, however many models there are."""

import asyncio

import pytest

from benchmarks.telemetry import ours
from shared.adapters.sqlite_store import SqliteStore
from shared.services.intake import Intake
from shared.telemetry.encoding import decode_delta, encode_delta
from shared.telemetry.partials import DataPartial
from shared.telemetry.profiles import encode_profile, profile_from_tags
from tests.unit.services.fakes import World
from tests.unit.services.telemetry_messages import TAGS, ref, rows, traffic

NAMES = [f"version-{number}" for number in range(5)]


@pytest.fixture
async def profiled(world):
    for name in NAMES:
        await world.aggregator.save_profile(world.policies.environments.production, name, TAGS)
    return world


def intake(world, models_max=100):
    return Intake(world.store, world.clock, world.policies, models_max)


async def delta(reader, *bodies, kept=None):
    return await reader.delta(list(enumerate(bodies)), set() if kept is None else kept)


def rows_by_deployment(body):
    return {
        partial.deployment.deployment: partial.rows
        for partial in decode_delta(body).partials
        if isinstance(partial, DataPartial)
    }


async def test_a_batch_counts_the_same_before_and_after_its_models_are_known(profiled):
    reader, batch = intake(profiled), [rows(3, deployment=name) for name in NAMES] + [traffic()]
    first = await delta(reader, *batch)
    assert rows_by_deployment(first) == dict.fromkeys(NAMES, 3)
    assert await delta(reader, *batch) == first == await delta(intake(profiled), *batch)


async def test_more_models_than_are_kept_ready_are_counted_all_the_same(profiled):
    reader = intake(profiled, models_max=2)
    for _ in range(2):
        counted = await delta(reader, *[rows(1, deployment=name) for name in (*NAMES, *NAMES)])
        assert rows_by_deployment(counted) == dict.fromkeys(NAMES, 2)
        assert decode_delta(counted).kept == {}


class Slow(SqliteStore):
    """A store whose answers about profiles come only when somebody else has had a turn."""

    async def document(self, name):
        await asyncio.sleep(0.01)
        return await super().document(name)


async def test_batches_that_learn_the_same_models_at_once_count_all_their_rows():
    store = Slow(":memory:")
    await store.open()
    world = World(store)
    for name in NAMES:
        await world.aggregator.save_profile(world.policies.environments.production, name, TAGS)
    reader, batch = intake(world), [rows(2, deployment=name) for name in NAMES * 3]
    deltas = await asyncio.gather(*[delta(reader, *batch) for _ in range(4)])
    assert [rows_by_deployment(each) for each in deltas] == [dict.fromkeys(NAMES, 6)] * 4
    await store.close()


async def test_a_profile_that_is_replaced_is_counted_by_soon(profiled):
    reader, other = (
        intake(profiled),
        TAGS | {"outerloop.reference.distance": TAGS["outerloop.reference.distance"].replace("1.0", "1.1")},
    )
    before = decode_delta(await delta(reader, rows())).partials[0].digest
    await profiled.aggregator.save_profile(profiled.policies.environments.production, "version-2", other)
    profiled.clock.pass_seconds(301)
    during, after = [decode_delta(await delta(reader, rows())).partials[0].digest for _ in range(2)]
    assert during == before  # a batch keeps the profile under which its first row was read
    assert after != before


async def test_rows_that_no_window_takes_are_told_by_reason_once(profiled):
    reader, ahead, kept = intake(profiled), rows(3, seconds=7_300), set()
    for _ in range(2):
        counted = decode_delta(await delta(reader, ahead, rows(1, deployment="version-2"), kept=kept))
    assert counted.refused == {"from_the_future": 3}
    (row,) = await profiled.store.rejected(10)
    assert (row.reason, row.times, row.body) == ("from_the_future", 3, b"")
    assert "clock" in row.detail


async def test_rows_without_a_profile_wait_and_their_neighbours_count(profiled):
    counted = await delta(intake(profiled), rows(2, deployment="version-9"), rows(1, deployment="version-1"))
    assert rows_by_deployment(counted) == {"version-1": 1}
    assert list(decode_delta(counted).kept) == [ref("version-9").key]
    assert decode_delta(counted).aside == {ref("version-9").key: 2}


async def test_a_refused_message_is_kept_once_however_often_the_batch_is_read(world):
    reader, kept = intake(world), set()
    for _ in range(3):
        await delta(reader, b"{broken", traffic(), kept=kept)
    refused = await world.store.rejected(10)
    assert [(row.body, row.times) for row in refused] == [(b"{broken", 1)]
    assert kept == {0, 1}


async def test_the_benchmark_measures_what_the_intake_does(profiled):
    reader, bodies = intake(profiled), [*(rows(3, deployment=name) for name in NAMES), traffic()]
    known = ours.Known({ref(name): encode_profile(profile_from_tags(TAGS)) for name in NAMES})
    for _ in range(2):  # unknown, and known
        measured = decode_delta(encode_delta(ours.state_of(bodies, known)))
        taken = decode_delta(await delta(reader, *bodies))
        assert [content(partial) for partial in measured.partials] == [content(partial) for partial in taken.partials]
        assert (measured.refused, measured.aside) == (taken.refused, taken.aside) == ({}, {})


def content(partial):
    counts = partial.counts if isinstance(partial, DataPartial) else partial.latency_counts
    return partial.deployment, counts.tolist()
