"""Rows that come before their deployment's reference profile are kept, within bounds, and count once when it comes."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.observations import RowsCollected
from shared.ports import ConflictError
from shared.services.aside import BATCHES_MAX, DEPLOYMENTS_MAX, KEPT_FOR, PREFIX
from shared.telemetry.aside import decode_rows, encode_rows, set_aside
from shared.telemetry.encoding import UnreadableState, decode_delta
from shared.telemetry.fold import decode_window
from tests.unit.services.fakes import NOON, ProcessDied, World
from tests.unit.services.telemetry_messages import TAGS, ref, rows, traffic

HUB = "telemetry/0"


async def profiled(world, *deployments):
    for deployment in deployments or ("version-2",):
        await world.aggregator.save_profile(world.policies.environments.production, deployment, TAGS)


async def swept(world, times=2):
    for _ in range(times):
        await world.sweeper.run()


async def counted(world, deployment="version-2"):
    """How many rows the windows of a deployment hold, and how many came too late for them."""
    windows = await world.store.windows(f"data/{ref(deployment).key}")
    states = [decode_window(stored.value) for stored in windows.values()]
    return sum(state.partial.rows for state in states), sum(state.late_rows for state in states)


async def waiting(world):
    """Rows that wait and rows that were lost, by the deployment's name."""
    return {each.deployment.rpartition("/")[2]: (each.rows, each.lost) for each in await world.aggregator.aside.shown()}


async def test_rows_wait_and_are_seen_to_wait(world):
    await world.aggregator.take(HUB, [(0, rows(7)), (1, traffic())])
    await swept(world)
    (shown,) = await world.aggregator.aside.shown()
    assert (shown.deployment, shown.rows, shown.since, shown.lost) == (ref().key, 7, NOON, 0)
    assert await counted(world) == (0, 0)
    assert await world.store.deltas(10) == []


async def test_they_count_when_the_profile_comes_and_wait_no_more(world):
    await world.aggregator.take(HUB, [(0, rows(7)), (1, rows(2, 60))])
    await swept(world)
    await profiled(world)
    await swept(world)
    assert await counted(world) == (9, 0)
    assert await waiting(world) == {}


async def test_they_count_beside_rows_that_came_after_the_profile(world):
    await world.aggregator.take(HUB, [(0, rows(7))])
    await profiled(world)
    await world.aggregator.take(HUB, [(1, rows(5, 60))])
    await swept(world, 3)
    assert await counted(world) == (12, 0)


async def test_what_is_delivered_again_counts_once_at_every_stage(world):
    batch = [(0, rows(7)), (1, rows(2, 60))]
    for _ in range(2):
        await world.aggregator.take(HUB, batch)
    await swept(world)
    await world.aggregator.take(HUB, batch)
    await swept(world)
    assert await waiting(world) == {"version-2": (9, 0)}
    await profiled(world)
    await world.aggregator.take(HUB, batch)
    await swept(world, 3)
    await world.aggregator.take(HUB, batch)
    await swept(world)
    assert await counted(world) == (9, 0)


async def test_only_rows_that_a_rule_asks_for_are_kept(world):
    world.policies.change("endpoint: flight-delay\n", "endpoint: another\n")
    await world.aggregator.take(HUB, [(0, rows(7))])
    await swept(world)
    assert await waiting(world) == {}


async def test_each_deployment_waits_for_its_own_profile(world):
    await world.aggregator.take(HUB, [(0, rows(7)), (1, rows(3, deployment="version-1"))])
    await swept(world)
    await profiled(world, "version-1")
    await swept(world)
    assert await counted(world, "version-1") == (3, 0)
    assert await waiting(world) == {"version-2": (7, 0)}


async def test_rows_for_a_window_that_was_told_meanwhile_are_late_and_not_lost(world):
    await world.aggregator.take(HUB, [(0, rows(7))])
    await swept(world)
    await profiled(world)
    world.clock.at = NOON + timedelta(days=35)
    other = world.another(KeepsAside(world.store))
    await other.aggregator.take("telemetry/1", [(0, rows(5)), (1, rows(1, 35 * 86_400.0))])
    await swept(other)
    await swept(world)
    assert await counted(world) == (6, 7)


class KeepsAside:
    """A store in which nothing seems to wait, as for an instance that looks just before."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def windows(self, prefix):
        return {} if prefix == PREFIX else await self._store.windows(prefix)


@seed(1)
@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations([(partition, number) for partition in "ab" for number in range(3)]),
    profile_at=st.integers(0, 6),
    sweeps=st.sets(st.integers(0, 6)),
    again=st.lists(st.integers(0, 5), max_size=3),
)
async def test_whatever_the_order_and_the_moment_of_the_profile_each_row_counts_once(order, profile_at, sweeps, again):
    store = SqliteStore(":memory:")
    await store.open()
    world = World(store)
    sent = {"a": [], "b": []}
    for step, (partition, _) in enumerate(order):
        if step == profile_at:
            await profiled(world)
        number = len(sent[partition])
        sent[partition].append((number, rows(10**number, number)))
        await world.aggregator.take(partition, sent[partition][-1:])
        if step in again:
            await world.aggregator.take(partition, sent[partition])
        if step in sweeps:
            await world.sweeper.run()
    await profiled(world)
    await swept(world, 3)
    assert await counted(world) == (222, 0)
    assert await waiting(world) == {}
    await store.close()


# Crashes and rivals


class DiesAt(SqliteStore):
    """The embedded store of a process that dies in a call, before or after it is done."""

    method, after = "", False

    async def _die(self, method, call):
        if method == self.method and not self.after:
            raise ProcessDied
        done = await call
        if method == self.method:
            raise ProcessDied
        return done

    async def append_delta(self, delta, cursor_etag):
        await self._die("append_delta", super().append_delta(delta, cursor_etag))

    async def save_fold(self, windows, folded):
        await self._die("save_fold", super().save_fold(windows, folded))

    async def delete_windows(self, keys):
        await self._die("delete_windows", super().delete_windows(keys))


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["append_delta", "save_fold", "delete_windows"])
async def test_a_crash_at_any_write_loses_nothing_and_counts_nothing_twice(tmp_path, method, after):
    path = str(tmp_path / "outerloop.db")
    store = DiesAt(path)
    await store.open()
    world = World(store)
    await world.aggregator.take(HUB, [(0, rows(7)), (1, rows(2, 60))])
    await world.sweeper.run()
    await profiled(world)
    store.method, store.after = method, after
    with pytest.raises(ProcessDied):
        await swept(world)
    await store.close()
    heir = SqliteStore(path)
    await heir.open()
    healthy = world.another(heir)
    await swept(healthy, 3)
    assert await counted(healthy) == (9, 0)
    assert await waiting(healthy) == {}
    await heir.close()


async def test_a_fold_that_was_cut_short_keeps_and_counts_its_rows_once(world):
    await world.aggregator.take(HUB, [(0, rows(7))])
    (delta,) = await world.store.deltas(10)
    written = await world.aggregator.aside.keep([(delta, decode_delta(delta.body))])
    await world.store.save_fold(written, [])  # on Azure a large fold takes several transactions, the deltas' last
    await swept(world)
    assert await waiting(world) == {"version-2": (7, 0)}


async def test_of_two_that_count_the_same_rows_in_one_does(world):
    class Second(SqliteStore):
        async def append_delta(self, delta, cursor_etag):
            if delta.partition.startswith(PREFIX):
                raise ConflictError("the other was here")
            await super().append_delta(delta, cursor_etag)

    store = Second(":memory:")
    await store.open()
    second = World(store)
    await second.aggregator.take(HUB, [(0, rows(7))])
    await swept(second)
    await profiled(second)
    await swept(second)
    assert await waiting(second) == {"version-2": (7, 0)}
    await store.close()


# Bounds


async def test_beyond_so_many_batches_rows_are_lost_and_counted(world):
    for number in range(BATCHES_MAX + 3):
        await world.aggregator.take(HUB, [(number, rows(1))])
    await swept(world, 4)
    assert await waiting(world) == {"version-2": (BATCHES_MAX, 3)}


async def test_beyond_so_many_deployments_rows_are_lost_and_counted(world):
    for number in range(DEPLOYMENTS_MAX + 2):
        await world.aggregator.take(HUB, [(number, rows(2, deployment=f"v{number}"))])
    await swept(world)
    shown = await waiting(world)
    assert sum(kept for kept, _ in shown.values()) == 2 * DEPLOYMENTS_MAX
    assert [lost for _, lost in shown.values() if lost] == [2, 2]


async def test_a_deployment_keeps_two_mebibytes_and_no_more(world):
    values = [{"distance": number * 0.123456789} for number in range(20_000)]
    body = json.loads(rows(1))
    big = json.dumps(body | {"data": values}).encode()
    for number in range(30):
        await world.aggregator.take(HUB, [(number, big)])
    await swept(world)
    kept, lost = (await waiting(world))["version-2"]
    assert kept + lost == 30 * 20_000
    assert lost > 0
    stored = await world.store.windows(PREFIX)
    assert 0 < sum(len(window.value) for window in stored.values()) <= 2 * 1024 * 1024


async def test_what_waited_for_a_week_is_given_up_and_counted(world):
    await world.aggregator.take(HUB, [(0, rows(7)), (1, rows(2))])
    await swept(world)
    world.clock.at += KEPT_FOR
    assert await world.aggregator.aside.forget_old() == 0
    world.clock.pass_seconds(1)
    assert await world.aggregator.aside.forget_old() == 1
    assert await waiting(world) == {"version-2": (0, 9)}
    assert await world.aggregator.aside.forget_old() == 0


@pytest.mark.parametrize("value", [10**30, "\ud800", [[[1]]], None, {"a": float("inf")}])
async def test_whatever_rows_hold_their_batch_is_taken(world, value):
    held = RowsCollected(ref(), NOON, "model_inputs", "c", [{"distance": value}])
    from shared.domain.observations import Telemetry  # noqa: PLC0415

    aside = set_aside([Telemetry(rows=(held,))], (), (ref().key,))
    assert len(aside.kept) + len(aside.lost) == 1


def test_rows_are_read_back_as_they_were_written():
    events = [RowsCollected(ref(), NOON, "model_inputs", "c", [{"distance": 1.5, "carrier": None}, {"x": "y"}])]
    assert decode_rows(encode_rows(ref(), events)) == tuple(events)
    with pytest.raises(UnreadableState):
        decode_rows(b"something else")
