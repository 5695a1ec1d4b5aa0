"""Windows that ended are found without looking at those that cannot have: nothing is missed, whoever folds and whenever."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.ports import ConflictError
from shared.services.closing import DATA, LATE_ROWS
from shared.services.hearing import HEARD, MOVED, ROWS, TOGETHER_MAX, WATERMARK
from tests.unit.services.fakes import NOON, World
from tests.unit.services.telemetry_messages import TAGS, ref, request, rows, traffic

LATER = 34 * 24 * 3600  # seconds, from NOON into the next month and beyond the lateness


class Watched(SqliteStore):
    """The embedded store, which writes down which windows are asked for."""

    def __init__(self, path):
        super().__init__(path)
        self.prefixes, self.conflicts = [], 0

    async def windows(self, prefix):
        self.prefixes.append(prefix)
        return await super().windows(prefix)

    async def save_fold(self, windows, folded):
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError("rows came meanwhile")
        await super().save_fold(windows, folded)


@pytest.fixture
async def world():
    store = Watched(":memory:")
    await store.open()
    yield World(store)
    await store.close()


@pytest.fixture
def heard(world):
    """Rows of a deployment at a second, taken from the hub and folded by an instance."""
    sequence = iter(range(1000))

    async def hear(*seconds, deployment="version-2", by=None):
        world.clock.at = NOON + timedelta(seconds=LATER)
        by = by or world
        for second in seconds:
            await by.aggregator.take("0", [(next(sequence), rows(5, second, deployment))])
        await by.aggregator.fold()

    return hear


async def profiled(world, *deployments):
    for deployment in deployments or ("version-2",):
        await world.aggregator.save_profile(world.policies.environments.production, deployment, TAGS)


async def looked_at(world):
    """Which windows one look asks for."""
    world.store.prefixes.clear()
    await world.aggregator.closed_windows()
    return world.store.prefixes


async def test_while_no_watermark_moves_one_row_is_all_that_is_read(world, heard):
    await profiled(world)
    await heard(0)
    assert await looked_at(world) == [MOVED, WATERMARK, f"{HEARD}{ref().key}", f"{DATA}{ref().key}/"]
    assert await looked_at(world) == [MOVED]


async def test_only_the_deployments_whose_watermark_moved_are_looked_at(world, heard):
    await profiled(world, "version-1", "version-2")
    await heard(0, deployment="version-1")
    await heard(0, deployment="version-2")
    await world.aggregator.closed_windows()
    await heard(60, deployment="version-1")
    moved = ref("version-1").key
    assert await looked_at(world) == [MOVED, WATERMARK, f"{HEARD}{moved}", f"{DATA}{moved}/"]


async def test_windows_of_many_deployments_are_read_at_once(world, heard):
    deployments = [f"version-{number}" for number in range(TOGETHER_MAX + 1)]
    await profiled(world, *deployments)
    for deployment in deployments:
        await heard(0, LATER, deployment=deployment)
    world.store.prefixes.clear()
    assert len(await world.aggregator.closed_windows()) == len(deployments)
    assert world.store.prefixes[:4] == [MOVED, WATERMARK, HEARD, DATA]
    assert not [prefix for prefix in world.store.prefixes[4:] if prefix.startswith(DATA)]


async def test_what_another_instance_folded_is_closed_here(world, heard):
    await profiled(world)
    await heard(0)
    assert await world.aggregator.closed_windows() == []
    await heard(LATER, by=world.another())
    assert len(await world.aggregator.closed_windows()) == 1


async def test_a_new_process_looks_at_what_was_folded_before_it_began(world, heard):
    await profiled(world)
    await heard(0, LATER)
    assert len(await world.another().aggregator.closed_windows()) == 1


async def test_an_ended_window_is_told_until_it_is_marked(world, heard):
    await profiled(world)
    await heard(0, LATER)
    first = await world.aggregator.closed_windows()
    assert await world.aggregator.closed_windows() == first
    assert (await world.sweeper.run()).closed == 1
    assert (await world.sweeper.run()).closed == 0
    assert await looked_at(world) == [MOVED]


async def test_a_window_that_cannot_be_sealed_is_tried_again(world, heard):
    await profiled(world)
    await heard(0, LATER)
    world.store.conflicts = 1
    assert [(await world.sweeper.run()).closed for _ in range(3)] == [0, 1, 0]


async def test_what_is_told_again_is_the_same_whatever_came_meanwhile(world, heard):
    await profiled(world)
    await heard(0, LATER)
    told = await world.aggregator.closed_windows()
    await heard(60)
    assert await world.aggregator.closed_windows() == told
    assert await world.another().aggregator.closed_windows() == told


async def test_a_window_whose_profile_is_gone_says_so(world, heard):
    await profiled(world)
    await heard(0, LATER)
    name = f"profiles/{ref().key}"
    await world.store.delete_document(name, (await world.store.document(name)).etag)
    ((signal, _),) = await world.aggregator.closed_windows()
    assert "is gone" in signal.fault
    assert (signal.rows, signal.scores) == (5, ())


async def test_a_window_that_was_counted_under_another_profile_says_so(world, heard):
    await profiled(world)
    await heard(0, LATER)
    other = TAGS | {"outerloop.reference.distance": '{"kind": "numeric", "edges": [5.0], "counts": [1, 1]}'}
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", other)
    ((signal, _),) = await world.aggregator.closed_windows()
    assert "another reference profile" in signal.fault


async def test_a_profile_that_cannot_be_read_is_a_fault_too(world, heard):
    await profiled(world)
    await heard(0, LATER)
    name = f"profiles/{ref().key}"
    await world.store.save_document(name, b"{broken", (await world.store.document(name)).etag)
    ((signal, _),) = await world.aggregator.closed_windows()
    assert "cannot be read" in signal.fault


# Silence


async def test_the_last_window_of_a_deployment_that_fell_silent_closes_by_the_present(world, heard):
    await profiled(world)
    await heard(0)
    assert await world.aggregator.closed_windows() == []
    world.clock.at += timedelta(hours=23, minutes=59)
    assert await world.aggregator.closed_windows() == []
    world.clock.at += timedelta(minutes=1)
    ((signal, _),) = await world.aggregator.closed_windows()
    assert (signal.rows, signal.fault) == (5, "")


async def test_a_silent_window_that_has_not_ended_stays_open(world):
    await profiled(world)
    await world.aggregator.take("0", [(0, rows(5))])
    await world.aggregator.fold()
    world.clock.at = NOON.replace(day=31)
    assert await world.aggregator.closed_windows() == []
    world.clock.at = NOON.replace(month=4, day=2, hour=0)  # the end of March, and the lateness
    assert len(await world.aggregator.closed_windows()) == 1


async def test_until_a_silence_is_long_enough_one_row_is_all_that_is_read(world, heard):
    await profiled(world)
    await heard(0)
    await world.aggregator.closed_windows()
    world.clock.at += timedelta(hours=23)
    assert await looked_at(world) == [MOVED]


async def test_hearing_of_it_again_begins_the_silence_anew(world, heard):
    await profiled(world)
    await heard(0)
    await world.aggregator.closed_windows()
    world.clock.at += timedelta(hours=23)
    await world.aggregator.take("0", [(500, rows(1, 1))])
    await world.aggregator.fold()
    world.clock.at += timedelta(hours=2)
    assert await world.aggregator.closed_windows() == []


async def test_a_deployment_that_an_earlier_release_heard_counts_as_heard_now(world, heard):
    await profiled(world)
    await heard(0)
    await world.store.delete_windows([f"{HEARD}{ref().key}", f"{HEARD}{ref().key}{ROWS}"])
    assert await world.aggregator.closed_windows() == []
    world.clock.at += timedelta(days=1)
    assert len(await world.another().aggregator.closed_windows()) == 1


async def requested(world, number):
    """One request is logged, and folded."""
    await world.aggregator.take("1", [(number, traffic(request(LATER)))])
    await world.aggregator.fold()


async def test_rows_that_an_earlier_release_did_not_tell_from_requests_count_as_heard_now(world, heard):
    await profiled(world)
    await heard(0)
    await world.store.delete_windows([f"{HEARD}{ref().key}{ROWS}"])
    world.clock.at += timedelta(days=10)
    assert await world.aggregator.closed_windows() == []
    world.clock.at += timedelta(days=1)
    await requested(world, 1)
    assert len(await world.another().aggregator.closed_windows()) == 1


async def test_the_last_window_of_rows_closes_though_requests_go_on(world, heard):
    await profiled(world)
    await heard(0)
    for hour in range(24):
        assert await world.aggregator.closed_windows() == []
        world.clock.at += timedelta(hours=1)
        await requested(world, hour)
    ((signal, _),) = await world.aggregator.closed_windows()
    assert (signal.rows, signal.fault) == (5, "")


# Late rows


async def told(world):
    """What one sweep tells of windows."""
    signals = [signal for signal, _ in await world.aggregator.closed_windows()]
    await world.sweeper.run()
    return signals


async def test_late_rows_are_told_once_with_the_next_window(world, heard):
    await profiled(world)
    await heard(0, LATER)
    assert [signal.late_rows for signal in await told(world)] == [0]
    await heard(1, 2)
    assert await told(world) == []
    for month in (2, 3):
        world.clock.at += timedelta(seconds=LATER)
        await world.aggregator.take("0", [(500 + month, rows(1, month * LATER))])
        await world.aggregator.fold()
        assert [signal.late_rows for signal in await told(world)] == [10 if month == 2 else 0]


async def test_rows_between_the_seal_and_its_mark_are_late(world, heard):
    await profiled(world)
    await heard(0, LATER)
    await world.aggregator.closed_windows()
    await heard(60)
    assert [signal.rows for signal in await told(world)] == [5]
    world.clock.at += timedelta(seconds=LATER)
    await world.aggregator.take("0", [(500, rows(1, 2 * LATER))])
    await world.aggregator.fold()
    assert [signal.late_rows for signal in await told(world)] == [5]


async def test_late_rows_that_no_window_can_report_are_kept_as_rejected(world, heard):
    await profiled(world)
    await heard(0)
    world.clock.at += timedelta(days=1)
    assert len(await told(world)) == 1
    await heard(60, 120)
    world.clock.at += timedelta(days=2)
    assert await told(world) == []
    (row,) = await world.store.rejected(10)
    assert (row.reason, row.times, row.body) == (LATE_ROWS, 10, b"")
    assert ref().key in row.detail
    world.clock.at += timedelta(days=2)
    await world.sweeper.run()
    assert [row.times for row in await world.store.rejected(10)] == [10]


# Requests


async def test_a_window_tells_of_the_requests_over_the_same_time(world, heard):
    await profiled(world)
    await world.aggregator.take("1", [(0, traffic(request(0, duration_ms=100), request(90, status=503)))])
    await heard(0, LATER)
    ((signal, _),) = await world.aggregator.closed_windows()
    assert (signal.traffic.requests, round(signal.traffic.latency_p99_ms / 10)) == (2, 10)


async def test_a_window_without_requests_says_nothing_of_them(world, heard):
    await profiled(world)
    await heard(0, LATER)
    ((signal, _),) = await world.aggregator.closed_windows()
    assert signal.traffic is None


async def test_another_policy_may_close_what_the_one_before_kept_open(world, heard):
    await profiled(world)
    world.policies.change("lateness: 1d", "lateness: 7d")
    await heard(0, LATER)
    assert [await world.aggregator.closed_windows() for _ in range(2)] == [[], []]
    world.policies.change("lateness: 1d", "lateness: 36h")
    assert len(await world.aggregator.closed_windows()) == 1


async def test_a_fold_of_requests_alone_moves_nothing(world):
    await world.aggregator.take("0", [(0, traffic())])
    await world.aggregator.fold()
    assert await world.store.windows(MOVED) == {}
