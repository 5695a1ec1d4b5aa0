"""An endpoint is idle when nothing was heard of any of its deployments for as long as the rule says."""

from datetime import timedelta

import pytest

from shared.domain.values import replace
from shared.services.hearing import Hearing
from shared.services.idleness import LISTENING_MIN, IdleWatch
from shared.services.rounds import Rounds
from tests.unit.services.fakes import NOON
from tests.unit.services.signals import serving
from tests.unit.services.telemetry_messages import request, traffic

DAY = timedelta(days=1)
EVERY = timedelta(minutes=15)


class Watch:
    def __init__(self, world):
        self.world, self.numbers = world, iter(range(1000))
        rounds, hearing = Rounds(world.store, world.clock, "idle", EVERY, "one"), Hearing(world.store, world.clock)
        self.idle = IdleWatch(world.store, world.clock, world.policies, hearing, world.ingest, rounds)

    async def later(self, after):
        self.world.clock.at += after
        return await self.idle.run()

    async def call(self, deployment="version-2"):
        await self.world.aggregator.take("0", [(next(self.numbers), traffic(request(deployment=deployment)))])
        await self.world.aggregator.fold()

    async def questions(self):
        return [(one.kind, one.state) for one in (await self.world.facts()).incidents]


@pytest.fixture
async def watch(world):
    """Version 2 serves from an endpoint whose rule allows fourteen idle days."""
    world.policies.monitor("{when: endpoint_idle, for: 14d}")
    await world.order(facts=serving("2"))
    watch = Watch(world)
    await watch.idle.run()
    return watch


async def test_an_endpoint_that_nobody_calls_is_asked_about_once(watch):
    await watch.call()
    assert await watch.later(14 * DAY - timedelta(seconds=1)) == 0
    assert await watch.later(EVERY) == 1
    assert [await watch.later(DAY) for _ in range(3)] == [0, 0, 0]
    assert await watch.questions() == [("endpoint_idle", "open")]


async def test_one_that_was_never_called_is_idle_since_it_serves(watch):
    assert await watch.later(14 * DAY) == 1
    cause = next(one for one in await watch.world.store.decisions(None, 10) if one.cause_kind == "EndpointFellIdle")
    assert (await watch.world.store.signal(cause.cause)).signal.idle_since == NOON


async def test_a_call_ends_it_and_the_next_idle_time_is_asked_about_again(watch):
    assert await watch.later(14 * DAY) == 1
    watch.world.clock.at += DAY
    await watch.call()
    assert await watch.later(EVERY) == 1
    assert await watch.questions() == [("endpoint_idle", "closed")]
    assert await watch.later(13 * DAY) == 0
    assert await watch.later(DAY) == 1


async def test_calls_of_a_standby_count_for_the_endpoint(watch):
    facts = serving("2")
    standby = replace(facts.versions["2"], version="1", state="standby", deployment="version-1")
    await watch.world.order(cause="standby", facts=replace(facts.with_version(standby), standby="1"))
    watch.world.clock.at += 10 * DAY
    await watch.call("version-1")
    assert await watch.later(5 * DAY) == 0


async def test_what_came_while_we_were_away_is_heard_first(watch):
    watch.world.clock.at += 20 * DAY
    restarted = Watch(watch.world)
    assert await restarted.idle.run() == 0
    assert await restarted.later(LISTENING_MIN) == 1


async def test_without_a_rule_nobody_is_asked(world):
    await world.order(facts=serving("2"))
    watch = Watch(world)
    await watch.idle.run()
    assert await watch.later(100 * DAY) == 0
