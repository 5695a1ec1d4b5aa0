"""A champion that says nothing any more is told of once, and once more when it speaks again."""

from datetime import timedelta

import msgspec
import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.telemetry_signals import TelemetryFellSilent, TelemetryResumed
from shared.ports import Stored
from shared.services.absence import LISTENING_MIN, SILENT
from tests.unit.services.fakes import NOON, SUBJECT, World
from tests.unit.services.signals import serving
from tests.unit.services.telemetry_messages import ref, request, rows, traffic

RULE = "{when: telemetry_absent, for: 2h}"
ON_ROWS = "{when: data_quality, window: 1d, nulls_above: 0.5, then: notify}"
ON_LABELS = "{when: model_performance, metric: auc, below: 0.6, then: notify}"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


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


@pytest.fixture
def collect(world):
    """One row comes of the data collector."""
    numbers = iter(range(1000))

    async def come(deployment="version-2"):
        await world.aggregator.take("1", [(next(numbers), rows(1, deployment=deployment))])
        await world.aggregator.fold()

    return come


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


# Rows that are missing while requests are logged


async def meanwhile(world, speak, minutes, every=10):
    """Requests are logged every so many minutes; what is told in all that time, with when."""
    told = []
    for _ in range(minutes // every):
        world.clock.at += every * MINUTE
        await speak()
        told += [(change, world.clock.at - NOON) for change in await changes(world)]
    return told


async def test_rows_that_stop_while_requests_go_on_are_told_once(watched, speak, collect):
    await collect()
    await changes(watched)
    ((silent, after),) = await meanwhile(watched, speak, 600)
    assert isinstance(silent, TelemetryFellSilent)
    assert (silent.silent, silent.last_heard_at, after) == ("rows", NOON, 2 * HOUR)


async def test_rows_that_come_again_are_told_once(watched, speak, collect):
    await collect()
    await changes(watched)
    await meanwhile(watched, speak, 180)
    await collect()
    (resumed,) = await changes(watched)
    assert isinstance(resumed, TelemetryResumed)
    assert (resumed.silent, resumed.silent_since, resumed.occurred_at) == ("rows", NOON, NOON + 3 * HOUR)
    assert await changes(watched) == []
    assert await watched.store.windows(SILENT) == {}
    ((again, after),) = await meanwhile(watched, speak, 300)
    assert (again.silent, after) == ("rows", 5 * HOUR)


async def test_a_deployment_with_traffic_logs_alone_owes_no_rows(watched, speak):
    watched.policies.monitor_only(RULE)
    await changes(watched)
    assert await meanwhile(watched, speak, 600) == []


async def test_whoever_sent_rows_once_is_missed_also_where_no_rule_needs_them(watched, speak, collect):
    watched.policies.monitor_only(RULE)
    await collect()
    await changes(watched)
    ((silent, after),) = await meanwhile(watched, speak, 600)
    assert (silent.silent, after) == ("rows", 2 * HOUR)


@pytest.mark.parametrize("rule", [ON_ROWS, ON_LABELS])
async def test_where_rules_need_rows_a_collector_that_never_worked_is_told(watched, speak, rule):
    watched.policies.monitor_only(RULE, rule)
    await changes(watched)
    ((silent, after),) = await meanwhile(watched, speak, 600)
    assert (silent.silent, silent.last_heard_at, after) == ("rows", NOON, 2 * HOUR)


async def test_rows_without_a_profile_are_rows(watched, speak, collect):
    watched.policies.monitor(RULE, ON_ROWS)
    await changes(watched)
    told = []
    for _ in range(6):
        await collect()
        told += await meanwhile(watched, speak, 60)
    assert told == []


async def test_without_requests_there_are_no_rows_and_that_is_one_silence(watched, speak, collect):
    await speak()
    await collect()
    await changes(watched)
    told = [change for _ in range(12) for change in await changes(watched, HOUR)]
    assert [change.silent for change in told] == ["everything"]


async def test_after_a_night_without_requests_rows_have_as_long_to_come_as_ever(watched, speak, collect):
    await speak()
    await collect()
    await changes(watched)
    await changes(watched, 8 * HOUR)
    await speak()
    assert [change.silent for change in await changes(watched)] == ["everything"]
    assert await meanwhile(watched, speak, 110) == []
    await collect()
    assert await meanwhile(watched, speak, 110) == []


async def test_a_collector_that_does_not_come_back_after_a_night_is_told(watched, speak, collect):
    await collect()
    await changes(watched)
    await changes(watched, 8 * HOUR)
    ((ended, _), (silent, after)) = await meanwhile(watched, speak, 300)
    assert (type(ended), ended.silent, ended.occurred_at) == (
        TelemetryResumed,
        "everything",
        NOON + 8 * HOUR + 10 * MINUTE,
    )
    assert (silent.silent, silent.last_heard_at, after) == ("rows", ended.occurred_at, 10 * HOUR + 10 * MINUTE)


async def test_an_end_of_silence_that_is_not_marked_yet_makes_no_silence_of_rows(watched, speak, collect):
    await collect()
    await changes(watched)
    await changes(watched, 2 * HOUR)
    watched.clock.at += 2 * HOUR  # when it is looked at again
    await speak()
    for _ in range(3):
        (ended,) = await watched.aggregator.absence.changes()
        assert (type(ended), ended.silent) == (TelemetryResumed, "everything")


async def test_when_requests_stop_too_everything_is_silent_and_each_ends_by_itself(watched, speak, collect):
    await collect()
    await changes(watched)
    await meanwhile(watched, speak, 180)
    (silent,) = await changes(watched, 2 * HOUR)
    assert silent.silent == "everything"
    await speak()
    (requests,) = await changes(watched)
    assert (type(requests), requests.silent) == (TelemetryResumed, "everything")
    await collect()
    (came,) = await changes(watched)
    assert (type(came), came.silent) == (TelemetryResumed, "rows")
    assert await watched.store.windows(SILENT) == {}


async def test_requests_that_were_not_logged_for_long_enough_say_nothing_of_rows(watched, speak, collect):
    await collect()
    await changes(watched)
    await changes(watched, HOUR)
    await speak()
    assert await changes(watched, HOUR) == []
    (silent,) = await changes(watched, HOUR)
    assert silent.silent == "everything"


async def test_another_process_tells_of_missing_rows_all_the_same(watched, speak, collect):
    await collect()
    await changes(watched)
    await meanwhile(watched, speak, 110)
    again = watched.another()
    await changes(again)
    ((silent, after),) = await meanwhile(again, speak, 60)
    assert (silent.silent, after) == ("rows", 2 * HOUR)


async def test_a_silence_that_an_earlier_release_wrote_is_one_of_everything(watched, speak):
    place = [ref().workspace, ref().endpoint, ref().deployment]
    written = Stored(msgspec.msgpack.encode([place, NOON, True]))
    await watched.store.save_fold({f"{SILENT}{ref().key}": written}, [])
    watched.clock.at += HOUR
    await speak()
    (ended,) = await changes(watched)
    assert (ended.silent, ended.silent_since) == ("everything", NOON)


async def test_rows_that_an_earlier_release_heard_are_not_missed_at_once(watched, speak):
    watched.policies.monitor(RULE, ON_ROWS)
    watched.clock.at += 50 * HOUR
    await speak()
    ((silent, after),) = await meanwhile(watched, speak, 300)
    assert (silent.silent, after) == ("rows", 52 * HOUR + 10 * MINUTE)


async def test_a_sweep_tells_the_loop_of_both(watched, speak, collect):
    await collect()
    await watched.sweeper.run()
    for _ in range(13):
        watched.clock.at += 10 * MINUTE
        await speak()
        await watched.sweeper.run()
    titles = [row.command.title for row in await notices(watched)]
    assert titles == ["flight-delay: no rows from version-2"]
    watched.clock.at += 2 * HOUR
    await watched.sweeper.run()
    assert sorted(row.command.title for row in await notices(watched)) == [
        "flight-delay: no rows from version-2",
        "flight-delay: no telemetry from version-2",
    ]


async def notices(world):
    decisions = await world.store.decisions(SUBJECT, 20)
    return [row for decision in decisions for row in await world.store.commands(decision.id)]
