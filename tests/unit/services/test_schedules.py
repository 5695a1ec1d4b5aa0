"""Each tick of a schedule is heard once, on however many instances, and after an outage all missed ones as one."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.routing import subject_of
from shared.ports import ConflictError
from shared.services.schedules import PREFIX, Schedules
from tests.unit.services.fakes import NOON, SUBJECT, WORKLOAD, FakeClock, FixedPolicy, World

RULE = "      - {when: schedule, cron: 0 18 * * *, timezone: Europe/Berlin}\n"  # 17:00 UTC in winter
TICK = datetime(2026, 3, 1, 17, tzinfo=UTC)
HOUR = 3600


@pytest.fixture
def daily(world):
    with_schedule(world.policies)
    return world


def with_schedule(policies, rule=RULE):
    policies.change("    telemetry: {", f"{rule}    telemetry: {{")


async def heard(world):
    """What the ledger says about each tick."""
    return [
        (decision.verdict, decision.reasons[0].observed)
        for decision in await world.store.decisions(None, 100)
        if decision.cause_kind == "ScheduleElapsed"
    ]


async def test_a_policy_without_schedules_remembers_nothing(world):
    assert (await world.sweeper.run()).scheduled == 0
    assert await world.store.documents(PREFIX) == {}


async def test_a_schedule_that_is_new_is_due_only_from_now_on(daily):
    daily.clock.at = TICK + timedelta(seconds=1)
    assert (await daily.sweeper.run()).scheduled == 0
    daily.clock.at = TICK + timedelta(hours=24)
    assert (await daily.sweeper.run()).scheduled == 1


async def test_a_tick_becomes_one_signal_and_one_retraining(daily):
    await daily.sweeper.run()
    daily.clock.at = TICK - timedelta(seconds=1)
    assert (await daily.sweeper.run()).scheduled == 0
    daily.clock.at = TICK
    assert (await daily.sweeper.run()).scheduled == 1
    assert (await daily.sweeper.run()).scheduled == 0
    assert await heard(daily) == [("act", 0)]
    assert [known.kind for known in (await daily.facts()).incidents] == ["scheduled_retrain"]


async def test_the_signal_says_what_was_due(daily):
    schedules = Schedules(daily.store, daily.clock, daily.policies)
    await schedules.due()
    daily.clock.at = TICK + timedelta(minutes=3)
    (due,) = await schedules.due()
    signal = due.signal
    assert (signal.workload, signal.subject, signal.cron) == (WORKLOAD, subject_of(WORKLOAD), "0 18 * * *")
    assert (signal.due, signal.occurred_at, signal.missed) == (TICK, TICK, 0)


async def test_the_ticks_of_an_outage_are_one_signal_that_says_how_many_were_missed(daily):
    await daily.sweeper.run()
    daily.clock.at = TICK + timedelta(days=3, hours=2)
    assert (await daily.sweeper.run()).scheduled == 1
    assert await heard(daily) == [("act", 3)]


async def test_several_instances_make_one_signal(daily):
    others = [daily.another() for _ in range(3)]
    for instance in (daily, *others):
        await instance.sweeper.run()
    daily.clock.at = TICK
    for instance in (daily, *others):
        await instance.sweeper.run()
    assert await heard(daily) == [("act", 0)]


async def test_instances_that_looked_at_the_same_moment_make_one_signal(daily):
    await daily.sweeper.run()
    daily.clock.at = TICK
    first, second = (Schedules(daily.store, daily.clock, daily.policies) for _ in range(2))
    both = [*await first.due(), *await second.due()]
    assert len(both) == 2
    receipts = [await daily.ingest.tell(due.signal) for due in both]
    for due in both:
        await first.mark_heard(due)
    assert [receipt.repeated for receipt in receipts] == [0, 1]
    assert await heard(daily) == [("act", 0)]


async def test_a_crash_before_the_tick_is_remembered_repeats_it_under_the_same_key(daily):
    await daily.sweeper.run()
    daily.clock.at = TICK
    schedules = Schedules(daily.store, daily.clock, daily.policies)
    (lost,) = await schedules.due()
    daily.clock.pass_seconds(HOUR)
    (again,) = await schedules.due()
    assert again.signal.dedup_key == lost.signal.dedup_key
    assert (await daily.sweeper.run()).scheduled == 1
    assert (await daily.sweeper.run()).scheduled == 0


async def test_an_instance_that_is_behind_does_not_turn_back_what_was_heard(daily):
    schedules = Schedules(daily.store, daily.clock, daily.policies)
    await schedules.due()
    daily.clock.at = TICK
    (old,) = await schedules.due()
    daily.clock.at = TICK + timedelta(days=1)
    (new,) = await schedules.due()
    await schedules.mark_heard(new)
    await schedules.mark_heard(old)
    assert await schedules.due() == []


class Quicker(SqliteStore):
    """The embedded store as an instance sees it whose every write of a document comes too late."""

    async def save_document(self, name, body, etag):  # noqa: ARG002
        raise ConflictError(name)

    async def delete_document(self, name, etag):  # noqa: ARG002
        raise ConflictError(name)


async def test_losing_the_race_for_what_is_remembered_is_no_fault():
    store, policies = Quicker(":memory:"), FixedPolicy()
    await store.open()
    with_schedule(policies)
    schedules = Schedules(store, FakeClock(), policies)
    assert await schedules.due() == []
    await store.close()


async def test_a_schedule_that_was_dropped_and_comes_back_makes_up_for_nothing(daily):
    await daily.sweeper.run()
    dropped = FixedPolicy()
    daily.policies.loaded, kept = dropped.loaded, daily.policies.loaded
    await daily.sweeper.run()
    assert await daily.store.documents(PREFIX) == {}
    daily.policies.loaded = kept
    daily.clock.at = TICK + timedelta(days=30)
    assert (await daily.sweeper.run()).scheduled == 0


async def test_a_changed_schedule_is_a_new_one(daily):
    await daily.sweeper.run()
    with_schedule(daily.policies, RULE.replace("0 18", "30 18"))
    daily.clock.at = TICK + timedelta(hours=2)
    assert (await daily.sweeper.run()).scheduled == 0
    daily.clock.at = TICK + timedelta(days=1, hours=2)
    assert (await daily.sweeper.run()).scheduled == 1


async def test_what_is_remembered_survives_the_process(tmp_path):
    async def instance(at):
        store = SqliteStore(tmp_path / "store.db")
        await store.open()
        world = World(store)
        with_schedule(world.policies)
        world.clock.at = at
        swept = await world.sweeper.run()
        await store.close()
        return swept.scheduled

    assert [await instance(at) for at in (NOON, TICK, TICK + timedelta(seconds=9))] == [0, 1, 0]


async def test_a_tick_during_a_retraining_is_heard_and_starts_no_second_one(daily):
    await daily.sweeper.run()
    daily.clock.at = TICK
    await daily.sweeper.run()
    facts = await daily.facts()
    assert facts.retrained_at == (TICK,)
    daily.clock.at = TICK + timedelta(days=1)
    await daily.sweeper.run()
    assert [verdict for verdict, _ in await heard(daily)] == ["act", "suppress"]
    assert (await daily.store.facts(SUBJECT)).value.retrained_at == (TICK,)
