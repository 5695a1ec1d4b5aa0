"""A compute instance is idle when every look for as long as the rule says found it running, without a job."""

from datetime import timedelta

import pytest

from shared.domain.compute_seen import ComputeSeen
from shared.domain.outcomes import Failed
from shared.services.computes import SINCE, ComputeWatch
from shared.services.rounds import Rounds

EVERY = timedelta(minutes=15)
HOUR = timedelta(hours=1)
RULE = '{when: compute_idle, computes: "ci-*", for: 8h, then: stop}'


def instance(name="ci-anna", state="Running", kind="ComputeInstance", **fields):
    return ComputeSeen(name=name, kind=kind, state=state, **fields)


class Watch:
    def __init__(self, world):
        self.world, self.seen, self.asked = world, (instance(),), []
        rounds = Rounds(world.store, world.clock, "computes", EVERY, "one")
        self.watch = ComputeWatch(world.store, world.clock, world.policies, self, world.ingest, rounds)

    async def computes(self, workspace):
        self.asked.append(workspace)
        return self.seen

    async def later(self, after=EVERY):
        self.world.clock.at += after
        return await self.watch.run()

    async def told(self):
        decisions = await self.world.store.decisions(None, 50)
        keys = [one.cause for one in decisions if one.cause_kind == "ComputeObserved"]
        return [(await self.world.store.signal(key)).signal for key in keys]


@pytest.fixture
async def watch(world):
    world.policies.monitor(RULE)
    watch = Watch(world)
    await watch.watch.run()
    return watch


async def test_an_instance_that_runs_idle_for_so_long_is_told_once(watch):
    begun = watch.world.clock.at
    assert await watch.later(8 * HOUR - timedelta(minutes=1)) == 0
    assert await watch.later() == 1
    assert [await watch.later(HOUR) for _ in range(3)] == [0, 0, 0]
    (signal,) = await watch.told()
    assert (signal.compute, signal.idle_since, signal.workload) == ("ci-anna", begun, "flight-delay")


async def test_a_job_in_between_begins_the_time_anew(watch):
    await watch.later(7 * HOUR)
    watch.seen = (instance(state="JobRunning"),)
    await watch.later()
    watch.seen = (instance(),)
    await watch.later()
    assert await watch.later(7 * HOUR) == 0
    assert await watch.later(HOUR) == 1


async def test_a_start_that_no_look_has_seen_begins_the_time_anew(watch):
    watch.seen = (instance(changed_at=watch.world.clock.at + 6 * HOUR),)
    assert await watch.later(9 * HOUR) == 0
    assert await watch.later(5 * HOUR) == 1


@pytest.mark.parametrize(
    "seen",
    [
        instance(state="Stopped"),
        instance(state="JobRunning"),
        instance(kind="AmlCompute", state=""),
        instance(stops_itself=True),
        instance("gpu-anna"),
    ],
    ids=["stopped", "busy", "a cluster", "stops by itself", "another name"],
)
async def test_what_is_not_idle_or_not_named_is_never_told(watch, seen):
    watch.seen = (seen,)
    await watch.later()
    assert await watch.later(30 * HOUR) == 0
    assert await watch.told() == []


async def test_one_that_is_in_use_again_is_told_while_its_incident_is_open(watch):
    await watch.later(8 * HOUR)
    watch.seen = (instance(state="JobRunning"),)
    assert await watch.later() == 1
    assert [one.idle_since is None for one in await watch.told()] == [False, True]
    assert await watch.later() == 0


@pytest.mark.parametrize("gone", [True, False])
async def test_an_incident_ends_when_its_compute_is_deleted_or_no_rule_watches_it_any_more(watch, gone):
    await watch.later(8 * HOUR)
    watch.seen = Failed(retryable=False, reason="403")
    assert await watch.later() == 0  # who knows whether it is gone
    watch.seen = () if gone else (instance(),)
    if not gone:
        watch.world.policies.monitor(RULE.replace("ci-*", "gpu-*"))
    assert [await watch.later() for _ in range(2)] == [1, 0]
    assert [(one.compute, one.idle_since is None) for one in await watch.told()] == [
        ("ci-anna", False),
        ("ci-anna", True),
    ]


async def test_the_last_rule_that_goes_ends_what_it_opened_and_then_nobody_is_asked_any_more(watch):
    await watch.later(8 * HOUR)
    watch.world.policies.monitor("{when: endpoint_idle, for: 14d}")
    assert [await watch.later() for _ in range(2)] == [1, 0]
    assert [one.idle_since is None for one in await watch.told()] == [False, True]
    asked = len(watch.asked)
    await watch.later()
    assert len(watch.asked) == asked
    assert await watch.world.store.documents(SINCE) == {}


async def test_a_look_that_fails_forgets_nothing_and_says_nothing(watch):
    watch.seen = Failed(retryable=False, reason="403")
    assert await watch.later(7 * HOUR) == 0
    watch.seen = (instance(),)
    assert await watch.later(HOUR) == 1


async def test_throttling_pauses_the_round_and_what_was_throttled_is_seen_in_the_next(watch):
    watch.seen = Failed(retryable=True, reason="throttled", data={"retry_after_seconds": 120.0})
    await watch.later()
    looks = len(watch.asked)
    await watch.later(timedelta(seconds=90))
    await watch.later(timedelta(seconds=60))
    assert len(watch.asked) == looks
    await watch.later()
    assert len(watch.asked) == looks + 1


async def test_without_a_rule_nobody_is_asked(world):
    watch = Watch(world)
    assert await watch.later() == 0
    assert watch.asked == []
