"""A champion that says nothing any more is told of once, and once more when it speaks again."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.telemetry_signals import TelemetryFellSilent, TelemetryResumed
from shared.services.absence import LISTENING_MIN, SILENT
from tests.unit.services.fakes import NOON, SUBJECT, World
from tests.unit.services.signals import serving
from tests.unit.services.telemetry_messages import ref, request, traffic

RULE = "{when: telemetry_absent, for: 2h}"
HOUR = timedelta(hours=1)


@pytest.fixture
async def watched(world):
    """A champion, version 2, that a rule watches."""
    world.policies.monitor(RULE)
    await world.order(facts=serving("2"))
    return world


@pytest.fixture
def speak(world):
    numbers = iter(range(1000))

    async def say(deployment="version-2"):
        await world.aggregator.take("0", [(next(numbers), traffic(request(deployment=deployment)))])
        await world.aggregator.fold()

    return say


async def changes(world, after=timedelta()):
    """What is told once so much time has passed."""
    world.clock.at += after
    return [await _marked(world, change) for change in await world.aggregator.absence.changes()]


async def _marked(world, change):
    await world.aggregator.absence.mark_told(change)
    return change


async def test_a_silence_is_told_once(watched, speak):
    await speak()
    assert await changes(watched) == []
    assert await changes(watched, 2 * HOUR - timedelta(seconds=1)) == []
    (silent,) = await changes(watched, timedelta(seconds=1))
    assert isinstance(silent, TelemetryFellSilent)
    assert (silent.deployment, silent.last_heard_at, silent.subject) == ("version-2", NOON, ref().key)
    assert [await changes(watched, HOUR) for _ in range(5)] == [[]] * 5


async def test_speaking_again_is_told_once(watched, speak):
    await speak()
    await changes(watched)
    await changes(watched, 3 * HOUR)
    await speak()
    (resumed,) = await changes(watched)
    assert isinstance(resumed, TelemetryResumed)
    assert (resumed.silent_since, resumed.occurred_at) == (NOON, NOON + 3 * HOUR)
    assert await changes(watched) == []
    assert await watched.store.windows(SILENT) == {}


async def test_each_silence_is_told(watched, speak):
    told = []
    for _ in range(3):
        await speak()
        told += await changes(watched)
        told += await changes(watched, 3 * HOUR)
    kinds = [type(change) for change in told]
    assert kinds == [TelemetryFellSilent, TelemetryResumed, TelemetryFellSilent, TelemetryResumed, TelemetryFellSilent]
    assert len({change.dedup_key for change in told}) == len(told)


async def test_a_champion_that_never_spoke_is_silent_since_it_serves(watched):
    assert await changes(watched) == []
    (silent,) = await changes(watched, 2 * HOUR)
    assert silent.last_heard_at == NOON


async def test_what_another_version_says_does_not_count(watched, speak):
    await changes(watched)
    watched.clock.at += 2 * HOUR
    await speak("version-1")
    assert len(await changes(watched)) == 1


async def test_a_workload_without_a_champion_is_not_silent(world):
    world.policies.monitor(RULE)
    assert await changes(world) == []
    assert await changes(world, 5 * HOUR) == []


async def test_without_a_rule_nobody_is_silent(world):
    world.policies.monitor()
    await world.order(facts=serving("2"))
    assert await changes(world) == []
    assert await changes(world, 100 * HOUR) == []


async def test_after_an_absence_of_our_own_there_is_time_to_hear(watched, speak):
    await speak()
    watched.clock.at += 5 * HOUR
    again = watched.another()
    assert await changes(again) == []
    assert await changes(again, LISTENING_MIN - timedelta(seconds=1)) == []
    assert len(await changes(again, timedelta(seconds=1))) == 1


async def test_a_silence_that_was_not_marked_is_told_again_by_anyone(watched, speak):
    await speak()
    await watched.aggregator.absence.changes()
    watched.clock.at += 2 * HOUR
    told = await watched.aggregator.absence.changes()
    assert await watched.aggregator.absence.changes() == told
    assert await watched.another().aggregator.absence.changes() == told


async def test_a_sweep_tells_the_loop(watched, speak):
    await speak()
    for hours in (0, 3, 0):
        watched.clock.at += hours * HOUR
        await watched.sweeper.run()
    await speak()
    assert [(await watched.sweeper.run()).silences for _ in range(2)] == [1, 0]
    kinds = [decision.cause_kind for decision in await watched.store.decisions(SUBJECT, 20)]
    assert kinds.count("TelemetryFellSilent") == kinds.count("TelemetryResumed") == 1


class Watched(SqliteStore):
    """The embedded store, which counts how often facts are asked for."""

    asked = 0

    async def facts(self, subject):
        self.asked += 1
        return await super().facts(subject)


async def test_while_it_is_not_time_to_look_nothing_of_a_workload_is_read():
    store = Watched(":memory:")
    await store.open()
    world = World(store)
    world.policies.monitor(RULE)
    await changes(world)
    looks = store.asked
    await changes(world, HOUR)
    assert store.asked == looks == 1
    await changes(world, HOUR)
    assert store.asked == 2
    await store.close()


async def test_marking_what_is_gone_does_nothing(watched, speak):
    await speak()
    await changes(watched)
    (silent,) = await changes(watched, 2 * HOUR)
    await watched.store.delete_windows([f"{SILENT}{silent.subject}"])
    await watched.aggregator.absence.mark_told(silent)
    assert await watched.store.windows(SILENT) == {}
