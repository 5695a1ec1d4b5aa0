"""Throttling by Azure Resource Manager is said when it begins, counted while it lasts, and said when it is over."""

from datetime import timedelta

import pytest

from shared.services.rounds import Rounds
from shared.services.throttling import OVER_AFTER, ThrottleWatch

EVERY = timedelta(minutes=15)
OURS = "11111111-1111-1111-1111-111111111111"


class Watch:
    def __init__(self, world, holder="one"):
        self.world, self.counted = world, {}
        rounds = Rounds(world.store, world.clock, "throttling", EVERY, holder)
        self.watch = ThrottleWatch(world.store, world.clock, world.policies, self, world.ingest, rounds)

    def take(self):
        counted, self.counted = self.counted, {}
        return counted

    async def later(self, after=EVERY, **counted):
        self.counted = {OURS: counted["ours"]} if counted.get("ours") else counted.get("others", {})
        self.world.clock.at += after
        return await self.watch.run()

    async def incidents(self):
        found = (await self.world.facts()).incidents
        return [(one.alert, one.closed_as or one.state, one.repeats) for one in found]


@pytest.fixture
async def watch(world):
    world.policies.monitor('{when: infrastructure_alert, rules: "throttling", then: notify}')
    watch = Watch(world)
    await watch.watch.run()
    return watch


async def test_where_nothing_is_throttled_nothing_is_said(watch):
    assert [await watch.later() for _ in range(5)] == [0] * 5
    assert await watch.incidents() == []


async def test_it_is_one_incident_however_long_it_lasts(watch):
    assert [await watch.later(ours=number) for number in (3, 4, 5)] == [1, 1, 1]
    assert await watch.incidents() == [(f"throttling {OURS}", "open", 2)]
    decisions = await watch.world.store.decisions(None, 10)
    assert [type(order).__name__ for one in decisions for order in one.commands] == ["Notify"]


async def test_an_hour_without_any_ends_it(watch):
    await watch.later(ours=3)
    assert await watch.later(OVER_AFTER - EVERY) == 0
    assert await watch.later() == 1
    assert await watch.incidents() == [(f"throttling {OURS}", "resolved", 0)]
    assert await watch.later(OVER_AFTER) == 0


async def test_it_is_told_how_often_and_since_when(watch):
    await watch.later(ours=3)
    await watch.later(ours=4)
    causes = [
        one.cause for one in await watch.world.store.decisions(None, 10) if one.cause_kind == "PlatformHealthChanged"
    ]
    titles = [(await watch.world.store.signal(key)).signal.title for key in causes]
    assert [title.rpartition(": ")[2].split(" since")[0] for title in titles] == ["3", "7"]


async def test_a_subscription_of_nobody_in_the_policy_is_not_told(watch):
    assert await watch.later(others={"somebody-elses": 9}) == 0


async def test_what_begins_again_is_a_new_incident(watch):
    await watch.later(ours=1)
    await watch.later(2 * OVER_AFTER)
    await watch.later(ours=1)
    assert [state for _, state, _ in await watch.incidents()] == ["resolved", "open"]


async def test_another_instance_goes_on_counting_where_one_was(watch):
    await watch.later(ours=3)
    other = Watch(watch.world, "two")
    assert await other.later(2 * EVERY, ours=2) == 1
    assert await watch.incidents() == [(f"throttling {OURS}", "open", 1)]
