"""Whoever says anything is heard, rows apart from requests, and the time of it never goes back."""

from datetime import timedelta

import pytest

from shared.services.hearing import APART, HEARD, ROWS, TOGETHER_MAX, WATERMARK, Heard
from shared.telemetry.partials import Delta
from tests.unit.services.fakes import NOON
from tests.unit.services.telemetry_messages import TAGS, ref, request, rows, traffic

LATER = NOON + timedelta(hours=1)


async def heard(world, *deployments):
    return await world.aggregator.hearing.heard(ref(name).key for name in deployments)


async def heard_at(world, *deployments):
    return {key: found.at for key, found in (await heard(world, *deployments)).items()}


async def reaches(world):
    hearing = world.aggregator.hearing
    return await hearing.reaches(await hearing.watermarks())


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
    assert await reaches(world) == {}


@pytest.mark.parametrize("profiles", [{}, TAGS], ids=["rows that wait for a profile", "rows that are counted"])
async def test_rows_are_heard_apart_from_requests(world, profiles):
    if profiles:
        await world.aggregator.save_profile(world.policies.environments.production, "version-2", profiles)
    await take(world, 0, traffic())
    assert await heard(world, "version-2") == {ref().key: Heard(NOON, None)}
    await take(world, 1, rows(1))
    world.clock.at = LATER
    await take(world, 2, traffic())
    assert await heard(world, "version-2") == {ref().key: Heard(LATER, NOON)}
    assert await world.aggregator.hearing.rows_heard_at(ref()) == NOON
    await take(world, 3, rows(1))
    assert await heard(world, "version-2") == {ref().key: Heard(LATER, LATER)}


async def test_how_far_rows_have_come_has_nothing_to_do_with_requests(world):
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    await take(world, 0, rows(1))
    world.clock.at = LATER
    await take(world, 1, traffic())
    ((reach, _),) = (await reaches(world)).values()
    assert (reach.watermark, reach.heard_at) == (NOON, NOON)


async def test_of_many_the_rows_are_heard_too(world):
    names = [f"version-{number}" for number in range(TOGETHER_MAX + 5)]
    for number, name in enumerate(names):
        await take(world, number, rows(1, deployment=name))
    world.clock.at = LATER
    await take(world, 100, traffic(*(request(deployment=name) for name in names)))
    assert set((await heard(world, *names)).values()) == {Heard(LATER, NOON)}


async def test_both_are_found_by_one_query(world):
    await take(world, 0, rows(1))
    assert sorted(await world.store.windows(f"{HEARD}{ref().key}")) == [
        f"{HEARD}{ref().key}",
        f"{HEARD}{ref().key}{ROWS}",
    ]


async def test_rows_that_an_earlier_release_heard_count_from_when_this_one_began(world):
    await take(world, 0, rows(1))
    await world.store.delete_windows([f"{HEARD}{ref().key}{ROWS}"])
    world.clock.at = LATER
    assert await world.aggregator.hearing.rows_heard_at(ref()) == LATER
    world.clock.at += timedelta(hours=1)
    for each in (world, world.another()):
        assert await each.aggregator.hearing.rows_heard_at(ref()) == LATER
    assert [*await world.store.windows(APART)] == [APART]
