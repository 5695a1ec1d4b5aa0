"""The runs of a batch workload, as commands: bounded by the policy's deadline, and held by no lease."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.commands import ScoreBatch
from shared.domain.outcomes import Started, Succeeded, Unknown
from tests.unit.services.fakes import NOON, World
from tests.unit.services.signals import AT_ENDPOINT, deploy

DEADLINE = timedelta(minutes=2)


@pytest.fixture
async def world():
    store = SqliteStore(":memory:")
    await store.open()
    yield World(store)
    await store.close()


def score():
    fields = {"deployment": "version-2", "data": "azureml:night:7", "until": NOON + DEADLINE, "endpoint_kind": "batch"}
    return ScoreBatch(**AT_ENDPOINT, id="score-1", **fields)


def under_way(world):
    return Started(operation="run-1", look_again_at=world.clock.now() + timedelta(seconds=60))


async def test_a_run_that_outlasts_its_deadline_is_given_up(world):
    await world.order(score())
    for _ in range(3):
        world.workspace.answers("ScoreBatch", under_way(world))
        await world.run(score())
        world.clock.pass_seconds(60)
    row = await world.row(score())
    assert row.state == "finished"
    assert "still under way" in row.outcome.reason


async def test_a_run_within_its_deadline_is_followed_to_its_end(world):
    world.workspace.answers("ScoreBatch", under_way(world), Succeeded(data={"output": "azureml://there"}))
    await world.order(score())
    await world.run(score())
    world.clock.pass_seconds(60)
    assert await world.run(score()) == Succeeded(data={"output": "azureml://there"})


async def test_a_run_of_which_nobody_knows_whether_it_began_is_looked_for_by_beginning_again(world):
    world.workspace.answers("ScoreBatch", Unknown(reason="timed out"), under_way(world))
    await world.order(score())
    await world.run(score())
    world.clock.pass_seconds(30)
    await world.run(score())
    assert [verb for verb, _ in world.workspace.journal] == ["begin", "begin"]
    assert (await world.row(score())).state == "started"


async def test_a_run_changes_no_endpoint_and_waits_for_no_lease(world):
    world.workspace.answers("DeployModel", under_way(world))
    await world.order(deploy(), score())
    await world.run(deploy())
    assert await world.run(score()) == Succeeded()
