"""Windows that ended are found without looking at those that cannot have: nothing is missed, whoever folds and whenever."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.ports import ConflictError
from shared.services.closing import ASKED_ALONE_MAX, DATA, MOVED, WATERMARK
from tests.unit.services.fakes import NOON, World
from tests.unit.services.telemetry_messages import TAGS, ref, rows, traffic

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
    assert await looked_at(world) == [MOVED, WATERMARK, f"{DATA}{ref().key}/"]
    assert await looked_at(world) == [MOVED]


async def test_only_the_deployments_whose_watermark_moved_are_looked_at(world, heard):
    await profiled(world, "version-1", "version-2")
    await heard(0, deployment="version-1")
    await heard(0, deployment="version-2")
    await world.aggregator.closed_windows()
    await heard(60, deployment="version-1")
    assert await looked_at(world) == [MOVED, WATERMARK, f"{DATA}{ref('version-1').key}/"]


async def test_windows_of_many_deployments_are_read_at_once(world, heard):
    deployments = [f"version-{number}" for number in range(ASKED_ALONE_MAX + 1)]
    await profiled(world, *deployments)
    for deployment in deployments:
        await heard(0, LATER, deployment=deployment)
    world.store.prefixes.clear()
    assert len(await world.aggregator.closed_windows()) == len(deployments)
    assert world.store.prefixes == [MOVED, WATERMARK, DATA]


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
    world.store.conflicts = 1
    assert (await world.sweeper.run()).closed == 1
    assert (await world.sweeper.run()).closed == 1
    assert (await world.sweeper.run()).closed == 0
    assert await looked_at(world) == [MOVED]


async def test_a_window_whose_profile_is_away_is_closed_once_it_is_there(world, heard):
    await profiled(world)
    await heard(0, LATER)
    name = f"profiles/{ref().key}"
    kept = await world.store.document(name)
    await world.store.delete_document(name, kept.etag)
    assert await world.aggregator.closed_windows() == []
    await world.store.save_document(name, kept.value, "")
    assert len(await world.aggregator.closed_windows()) == 1


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
