"""Whoever says anything is heard, and the time of it never goes back."""

from datetime import timedelta

from shared.services.hearing import HEARD, TOGETHER_MAX, WATERMARK
from shared.telemetry.partials import Delta
from tests.unit.services.fakes import NOON
from tests.unit.services.telemetry_messages import TAGS, ref, request, rows, traffic

LATER = NOON + timedelta(hours=1)


async def heard_at(world, *deployments):
    return await world.aggregator.hearing.heard_at(ref(name).key for name in deployments)


async def take(world, number, message):
    await world.aggregator.take("0", [(number, message)])
    await world.aggregator.fold()


async def test_requests_rows_and_rows_without_a_profile_are_all_heard(world):
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    await take(world, 0, traffic(request(deployment="version-1")))
    await take(world, 1, rows(1, deployment="version-2"))
    await take(world, 2, rows(1, deployment="version-3"))
    found = await heard_at(world, "version-1", "version-2", "version-3", "version-4")
    assert found == {ref(f"version-{number}").key: NOON for number in (1, 2, 3)}


async def test_it_is_the_time_of_hearing_and_not_of_what_is_told(world):
    world.clock.at = LATER
    await take(world, 0, traffic(request(-86_400)))
    assert await heard_at(world, "version-2") == {ref().key: LATER}


async def test_the_time_never_goes_back(world):
    world.clock.at = LATER
    await take(world, 0, traffic())
    world.clock.at = NOON
    await take(world, 1, traffic())
    assert await heard_at(world, "version-2") == {ref().key: LATER}


async def test_a_deployment_whose_name_begins_alike_is_another(world):
    await take(world, 0, traffic(request(deployment="version-21")))
    assert await heard_at(world, "version-2") == {}


async def test_many_are_read_at_once(world):
    names = [f"version-{number}" for number in range(TOGETHER_MAX + 5)]
    await take(world, 0, traffic(*(request(deployment=name) for name in names)))
    assert len(await heard_at(world, *names)) == len(names)


async def test_a_fold_that_heard_nobody_writes_nothing(world):
    assert await world.aggregator.hearing.rows([Delta(refused={"malformed_json": 1})]) == {}


async def test_a_watermark_is_of_rows_alone(world):
    await take(world, 0, traffic())
    assert await world.store.windows(WATERMARK) == {}
    assert len(await world.store.windows(HEARD)) == 1
    assert await world.aggregator.hearing.reaches() == {}
