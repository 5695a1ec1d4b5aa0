"""What is said is owed from the commit on and published beside the decisions; a target that fails bothers nobody else."""

import asyncio
from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.outcomes import ASKED_SECONDS, Failed, Succeeded, Unknown
from shared.domain.records import SignalRow
from shared.ports import StoreUnavailableError
from shared.rendering.shown import ShownTarget
from shared.services import announce
from shared.services.announce import BACKLOG_MAX, BATCH_MAX, Announcer
from tests.contracts.announcements_contract import announcing
from tests.contracts.store_samples import commit
from tests.unit.services.fakes import NOON, FakeClock, FakePublisher, World
from tests.unit.services.signals import asked, registered

DOWN = Failed(retryable=True, reason="the topic answered HTTP 503")
TOO_LARGE = Failed(retryable=False, reason="too large")


class Stuck:
    """A target that never answers."""

    def __init__(self):
        self.asked = 0

    async def publish(self, _):
        self.asked += 1
        await asyncio.Event().wait()


def speaking(store, **targets):
    return World(store, targets=targets)


async def settle(world):
    """Wait for what was begun beside the decisions."""
    await world.announcer.publish()


async def owed(world, target="topic"):
    return [one.id for one in await world.store.announcements(target, 1000)]


async def owe(world, count, first=0, to=("topic",)):
    for number in range(first, first + count):
        await commit(world.store, announcing(f"d-{number}", f"a-{number:05}", minute=number, to=to))


def standing(view, name="topic"):
    return next(shown for shown in view if shown.name == name)


# At once


async def test_what_is_decided_is_heard_by_every_target(store):
    world = speaking(store, topic=FakePublisher(), hub=FakePublisher())
    await world.ingest.take("event_grid", b"{}", [registered()])
    await settle(world)
    for target in world.targets.values():
        assert target.types == ["DecisionMade", "PromotionStarted"]
    assert await owed(world) == await owed(world, "hub") == []


async def test_without_targets_nothing_is_written_and_nothing_is_under_way(world):
    await world.ingest.take("event_grid", b"{}", [registered()])
    assert await world.announcer.publish() == 0
    assert await world.announcer.standings() == ()
    assert await owed(world) == []


async def test_a_decision_does_not_wait_for_a_target_that_never_answers(store):
    world = speaking(store, topic=Stuck(), hub=FakePublisher())
    async with asyncio.timeout(5):
        await world.ingest.take("event_grid", b"{}", [registered(), asked("pause")])
        await world.announcer._under_way["hub"]
    assert world.targets["hub"].types == ["DecisionMade", "PromotionStarted", "DecisionMade", "Paused"]
    assert len(world.queue.sent) == 2
    assert (await world.facts()).paused
    assert world.targets["topic"].asked == 1
    await world.announcer.stop()
    assert len(await owed(world)) == 4


async def test_a_sweep_waits_for_a_slow_target_only_so_long(store, monkeypatch):
    monkeypatch.setattr(announce, "SWEEP_PATIENCE_SECONDS", 0.05)
    world = speaking(store, topic=Stuck(), hub=FakePublisher())
    await owe(world, 1, to=("topic", "hub"))
    async with asyncio.timeout(5):
        assert (await world.sweeper.run()).announced == 1
    await world.announcer.stop()


async def test_a_mistake_in_what_is_said_does_not_undo_the_decision(store, caplog):
    world = speaking(store, topic=FakePublisher())
    broken = registered()
    evaluation = (await world.decider.preview(await world.policies.current(), broken))[0]
    with caplog.at_level("ERROR"):
        kept = world.announcer.addressed(evaluation, broken, None)  # facts that are none
    assert kept == evaluation
    assert "nothing is said of decision" in caplog.text


# At least once


async def test_what_a_crash_left_between_commit_and_publish_is_said_by_the_next_sweep(store):
    world = speaking(store, topic=Stuck())
    await world.ingest.take("event_grid", b"{}", [registered()])
    await world.announcer.stop()
    assert len(await owed(world)) == 2
    heir = speaking(store, topic=FakePublisher())
    assert (await heir.sweeper.run()).announced == 2
    assert heir.targets["topic"].types == ["DecisionMade", "PromotionStarted"]
    assert await owed(heir) == []


async def test_what_a_crash_left_before_it_was_forgotten_is_said_again_under_the_same_id(store):
    first, second = FakePublisher(), FakePublisher()
    await commit(store, announcing("d", "a", to=("topic",)))
    await first.publish(await store.announcements("topic", 10))  # said, and the process ends
    assert await Announcer(store, FakeClock(), {"topic": second}).publish() == 1
    assert [one.id for one in first.batches[0]] == [one.id for one in second.batches[0]] == ["a"]


async def test_a_signal_that_is_decided_again_says_nothing_twice(store):
    world = speaking(store, topic=FakePublisher())
    row = SignalRow(signal=registered(), received_at=NOON)
    await store.insert_signal(row)
    for _ in range(3):
        await world.decider.decide(row)
    await settle(world)
    assert world.targets["topic"].types == ["DecisionMade", "PromotionStarted"]


async def test_what_is_owed_is_said_in_batches_and_in_order(store):
    world = speaking(store, topic=FakePublisher())
    await owe(world, BATCH_MAX + 7)
    assert await world.announcer.publish() == BATCH_MAX + 7
    batches = world.targets["topic"].batches
    assert [len(batch) for batch in batches] == [BATCH_MAX, 7]
    heard = [one.id for batch in batches for one in batch]
    assert heard == sorted(heard)


async def test_two_instances_may_both_say_it_and_none_is_lost(tmp_path):
    path = str(tmp_path / "outerloop.db")
    stores = [SqliteStore(path), SqliteStore(path)]
    for one in stores:
        await one.open()
    first = speaking(stores[0], topic=FakePublisher())
    await owe(first, 20)
    second = first.another(stores[1])
    await asyncio.gather(first.announcer.publish(), second.announcer.publish())
    heard = {one.id for batch in first.targets["topic"].batches for one in batch}
    assert len(heard) == 20
    assert await owed(first) == []
    for one in stores:
        await one.close()


# Failing


async def test_a_target_that_fails_holds_up_neither_decisions_nor_the_other_target(store):
    world = speaking(store, topic=FakePublisher(DOWN), hub=FakePublisher())
    await world.ingest.take("event_grid", b"{}", [registered()])
    await settle(world)
    assert world.targets["hub"].types == ["DecisionMade", "PromotionStarted"]
    assert len(await owed(world)) == 2
    assert len(world.queue.sent) == 2


async def test_a_target_that_asks_for_time_is_left_alone_for_as_long(store):
    throttled = Failed(retryable=True, reason="throttled", data={ASKED_SECONDS: 900.0})
    world = speaking(store, topic=FakePublisher(throttled))
    await owe(world, 1)
    await world.announcer.publish()
    assert (standing(await world.announcer.standings()).retry_at - world.clock.at).total_seconds() == 900


async def test_a_target_that_fails_is_left_alone_for_longer_each_time_and_at_most_five_minutes(store):
    world = speaking(store, topic=FakePublisher(*[DOWN] * 12))
    await owe(world, 1)
    pauses = []
    for _ in range(12):
        await world.announcer.publish()
        retry_at = standing(await world.announcer.standings()).retry_at
        pauses.append((retry_at - world.clock.at).total_seconds())
        asked_so_far = len(world.targets["topic"].batches)
        await world.announcer.publish()
        assert len(world.targets["topic"].batches) == asked_so_far
        world.clock.at = retry_at
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == 300
    assert await world.announcer.publish() == 1
    assert standing(await world.announcer.standings()) == ShownTarget("topic", 0, None, None, "", 0)


async def test_how_a_target_fares_is_there_to_be_seen(store):
    world = speaking(store, topic=FakePublisher(DOWN), hub=FakePublisher())
    await owe(world, 3, to=("topic", "hub"))
    await world.announcer.publish()
    seen = await world.announcer.standings()
    again = NOON + timedelta(seconds=5)
    assert standing(seen) == ShownTarget("topic", 3, NOON, again, "the topic answered HTTP 503", 0)
    assert standing(seen, "hub") == ShownTarget("hub", 0, None, None, "", 0)


@pytest.mark.parametrize("outcome", [Unknown(reason="no answer"), RuntimeError("a mistake of ours")])
def test_what_may_or_may_not_have_arrived_is_said_again(outcome, caplog):
    async def story():
        store = SqliteStore(":memory:")
        await store.open()
        world = speaking(store, topic=FakePublisher(outcome))
        await owe(world, 1)
        assert await world.announcer.publish() == 0
        world.clock.pass_seconds(5)
        assert await world.announcer.publish() == 1
        await store.close()

    with caplog.at_level("CRITICAL"):
        asyncio.run(story())


async def test_one_announcement_that_no_target_takes_is_given_up_and_the_others_are_said(store):
    def picky(batch):
        return TOO_LARGE if any(one.id == "a-00002" for one in batch) else Succeeded()

    world = speaking(store, topic=FakePublisher(*[picky] * 20))
    await owe(world, 5)
    assert await world.announcer.publish() == 4
    assert await owed(world) == []
    assert standing(await world.announcer.standings()).given_up == 1
    taken = [batch[0].id for batch in world.targets["topic"].batches if len(batch) == 1]
    assert "a-00002" in taken


async def test_beyond_its_limit_the_backlog_loses_its_oldest_and_says_how_many(store, monkeypatch):
    monkeypatch.setattr(announce, "BACKLOG_MAX", 10)
    world = speaking(store, topic=FakePublisher(DOWN, DOWN))
    await owe(world, 14)
    await world.announcer.publish()
    assert await owed(world) == [f"a-{number:05}" for number in range(4, 14)]
    await owe(world, 1, first=14)
    world.clock.pass_seconds(5)
    await world.announcer.publish()
    assert standing(await world.announcer.standings()).given_up == 5
    assert (await owed(world))[0] == "a-00005"


def test_the_limit_is_one_that_a_store_can_hold():
    assert BACKLOG_MAX == 10_000


async def test_a_store_that_is_away_ends_a_round_quietly_and_not_the_process(store):
    class Away(SqliteStore):
        async def announcements(self, target, limit):  # noqa: ARG002
            raise StoreUnavailableError("the disk is full")

    away = Away(":memory:")
    await away.open()
    assert await Announcer(away, FakeClock(), {"topic": FakePublisher()}).publish() == 0
    await away.close()


async def test_after_it_was_stopped_nothing_runs_and_everything_unsaid_is_still_owed(store):
    world = speaking(store, topic=Stuck())
    await owe(world, 2)
    world.announcer.begin()
    await asyncio.sleep(0)
    await world.announcer.stop()
    assert len(await owed(world)) == 2
    await world.announcer.stop()


async def test_guards_that_hold_reach_the_subscribers(store):
    world = speaking(store, topic=FakePublisher())
    await world.ingest.take("cli", b"", [asked("pause")])
    await world.ingest.take("event_grid", b"{}", [registered()])
    await settle(world)
    held = next(one for batch in world.targets["topic"].batches for one in batch if one.type.endswith("PromotionHeld"))
    assert [reason.code for reason in held.data.reasons] == ["paused"]
    assert held.subject == "workload/flight-delay"
