"""The runs of a batch workload, as commands: bounded by the policy's deadline, and held by no lease."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.commands import OVERDUE, ScoreBatch
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.domain.values import replace
from shared.services.execute import CANCEL_FOR
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
    fields = {"deployment": "version-2", "data": "azureml:night:7", "deadline": DEADLINE, "endpoint_kind": "batch"}
    return ScoreBatch(**AT_ENDPOINT, id="score-1", **fields)


def under_way(world):
    return Started(operation="run-1", look_again_at=world.clock.now() + timedelta(seconds=60))


async def looked_at_for(world, minutes):
    """Begun, and under way at every look for so long."""
    await world.order(score())
    for _ in range(minutes + 1):
        world.workspace.answers("ScoreBatch", under_way(world))
        await world.run(score())
        world.clock.pass_seconds(60)
    return await world.row(score())


async def test_a_run_that_outlasts_its_deadline_is_looked_at_until_it_is_cancelled(world):
    assert (await looked_at_for(world, 10)).state == "started"
    overdue = Failed(retryable=False, reason="it was cancelled", data={"status": OVERDUE})
    world.workspace.answers("ScoreBatch", overdue)
    assert await world.run(score()) == overdue
    assert (await world.row(score())).state == "finished"


async def test_a_run_that_cannot_be_cancelled_either_is_given_up(world):
    row = await looked_at_for(world, (DEADLINE + CANCEL_FOR) // timedelta(minutes=1))
    assert row.state == "finished"
    assert "still under way" in row.outcome.reason


async def test_a_run_may_take_longer_than_a_day_when_its_deadline_says_so(world):
    long = replace(score(), deadline=timedelta(days=2))
    await world.order(long)
    world.workspace.answers("ScoreBatch", *[Started(operation="run-1", look_again_at=NOON)] * 3)
    for hours in (1, 24, 1):
        await world.run(long)
        world.clock.pass_seconds(hours * 3600)
    assert (await world.row(long)).state == "started"


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


async def test_an_order_that_waited_longer_than_its_deadline_still_begins_and_has_all_of_it(world):
    await world.order(score())
    world.clock.pass_seconds(3600)  # as in a pause, in which nothing is begun
    world.workspace.answers("ScoreBatch", Failed(retryable=True, reason="throttled"), under_way(world))
    await world.run(score())
    world.clock.pass_seconds(60)
    await world.run(score())
    world.clock.pass_seconds(DEADLINE.seconds)
    world.workspace.answers("ScoreBatch", Succeeded(data={"output": "azureml://there"}))
    assert await world.run(score()) == Succeeded(data={"output": "azureml://there"})
