"""What no event brings about is done by the timer, once, on however many instances it runs."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.facts import Facts, Incident
from shared.domain.outcomes import Started
from shared.domain.records import SignalRow
from shared.domain.values import replace
from shared.ports import StoredDelta, StoreUnavailableError
from shared.services.aggregate import TRAFFIC_KEPT_FOR
from shared.services.execute import CLAIM_FOR
from shared.services.outbox import SENT_FOR
from shared.services.retention import LEFT_OVER_AFTER
from shared.services.sweep import Swept
from tests.unit.services.fakes import NOON, SUBJECT, World
from tests.unit.services.signals import hold, notify, registered, retrain
from tests.unit.services.telemetry_messages import traffic


async def test_with_nothing_to_do_it_does_nothing(world):
    assert await world.sweeper.run() == Swept()


# What a crash left


async def test_a_decision_that_was_not_sent_is_sent(world):
    await world.order(notify())
    assert (await world.sweeper.run()).sent == 1
    assert world.queue.ids == ["notify-1"]


async def test_what_is_queued_is_not_queued_again(world):
    await world.order(notify())
    await world.sweeper.run()
    assert (await world.sweeper.run()).sent == 0


async def test_what_the_queue_lost_is_queued_again_after_a_minute(world):
    await world.order(notify())
    await world.sweeper.run()
    world.clock.at += SENT_FOR
    assert (await world.sweeper.run()).sent == 1
    assert world.queue.ids == ["notify-1", "notify-1"]


async def test_an_accepted_signal_without_a_decision_is_decided(world):
    await world.store.insert_signal(SignalRow(signal=registered(), received_at=NOON))
    world.clock.pass_seconds(31)
    assert (await world.sweeper.run()).decided == 1
    assert (await world.ledger())["registered-7"].verdict == "act"
    assert len(world.queue.sent) == 2


async def test_a_handler_still_at_work_is_left_alone(world):
    await world.store.insert_signal(SignalRow(signal=registered(), received_at=NOON))
    world.clock.pass_seconds(30)
    assert (await world.sweeper.run()).decided == 0


async def test_a_signal_that_cannot_be_decided_does_not_stop_the_sweep(world):
    await world.order(notify())
    await world.damage_facts()
    for signal in (registered(), registered("8", model="other")):
        await world.store.insert_signal(SignalRow(signal=signal, received_at=NOON))
    world.clock.pass_seconds(31)
    swept = await world.sweeper.run()
    assert (swept.decided, swept.sent) == (1, 1)


async def test_an_expired_claim_is_queued_again(world):
    await world.order(notify())
    await world.store.claim(SUBJECT, "notify-1", "dead", NOON, NOON + CLAIM_FOR)
    assert (await world.sweeper.run()).sent == 0
    world.clock.at += CLAIM_FOR
    assert (await world.sweeper.run()).sent == 1


async def test_a_started_operation_whose_message_was_lost_is_looked_at(world):
    world.workspace.answers("Retrain", Started(operation="operations/1", look_again_at=NOON + timedelta(seconds=15)))
    await world.order(retrain())
    await world.run(retrain())
    world.clock.pass_seconds(15 + SENT_FOR.total_seconds())
    assert (await world.sweeper.run()).sent == 1
    await world.run(retrain())
    assert [verb for verb, _ in world.workspace.journal] == ["begin", "look operations/1"]


# What is due


async def test_a_hold_is_woken_when_it_is_due_and_not_before(world):
    await world.order(holds=[hold(seconds=60)])
    world.clock.pass_seconds(59)
    assert (await world.sweeper.run()).woken == 0
    world.clock.pass_seconds(1)
    assert (await world.sweeper.run()).woken == 1
    assert "elapsed-hold-1" in await world.ledger()


async def test_a_woken_hold_is_gone(world):
    await world.order(holds=[hold()])
    world.clock.pass_seconds(60)
    await world.sweeper.run()
    assert await world.store.holds(SUBJECT) == []
    assert (await world.sweeper.run()).woken == 0


async def test_a_hold_whose_signal_a_crash_left_is_woken_all_the_same(world):
    await world.order(holds=[hold()])
    await world.store.insert_signal(SignalRow(signal=hold().signal, received_at=NOON))
    world.clock.pass_seconds(60)
    await world.sweeper.run()
    assert "elapsed-hold-1" in await world.ledger()
    assert await world.store.holds(SUBJECT) == []


class Stale(SqliteStore):
    """The embedded store of an instance that read the due holds just before another one woke them."""

    remembered = ()

    async def due_holds(self, now, limit):  # noqa: ARG002
        return list(self.remembered)


async def test_two_sweepers_wake_a_hold_once(tmp_path):
    path = str(tmp_path / "outerloop.db")
    first = World(SqliteStore(path))
    second = first.another(Stale(path))
    for each in (first, second):
        await each.store.open()
    await first.order(holds=[hold()])
    first.clock.pass_seconds(60)
    second.store.remembered = tuple(await first.store.due_holds(first.clock.now(), 10))
    await first.sweeper.run()
    await second.sweeper.run()
    causes = [decision.cause for decision in await first.store.decisions(None, 10)]
    assert causes.count("elapsed-hold-1") == 1
    for each in (first, second):
        await each.store.close()


async def test_holds_are_woken_in_the_order_in_which_they_are_due(world):
    await world.order(holds=[hold("late", 50), hold("early", 10)])
    world.clock.pass_seconds(60)
    assert (await world.sweeper.run()).woken == 2
    causes = [decision.cause for decision in await world.store.decisions(None, 10)]
    assert causes[1:] == ["elapsed-early", "elapsed-late"]


async def test_a_hold_of_a_workload_that_has_gone_is_released(world):
    await world.order(holds=[hold()])
    world.policies.change("- name: flight-delay", "- name: renamed")
    world.clock.pass_seconds(60)
    await world.sweeper.run()
    assert await world.store.holds(SUBJECT) == []
    assert (await world.ledger())["elapsed-hold-1"].verdict == "no_match"


async def test_old_traffic_is_forgotten_by_the_way(world):
    await world.aggregator.take("telemetry/0", [(0, traffic())])
    await world.sweeper.run()
    world.clock.at += TRAFFIC_KEPT_FOR + timedelta(hours=1)
    await world.sweeper.run()
    assert not [name for name in await world.store.windows("traffic/") if "/1m/" in name]


async def test_a_damaged_row_of_telemetry_does_not_keep_holds_and_commands_waiting(world):
    await world.store.append_delta(StoredDelta("telemetry/0", 0, b"damaged"), "")
    await world.order(notify(), holds=[hold()])
    world.clock.pass_seconds(60)
    swept = await world.sweeper.run()
    assert (swept.folded, swept.woken, swept.sent) == (1, 1, 1)
    (row,) = await world.store.rejected(10)
    assert (row.reason, row.body) == ("unreadable_delta", b"damaged")


async def test_what_comes_after_a_damaged_row_of_telemetry_is_folded(world):
    await world.store.append_delta(StoredDelta("telemetry/0", 0, b"damaged"), "")
    await world.aggregator.take("telemetry/1", [(0, traffic())])
    await world.sweeper.run()
    assert [name for name in await world.store.windows("traffic/") if "/1m/" in name]
    assert await world.store.deltas(10) == []


async def test_with_the_store_down_the_sweep_says_so(world, store):
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await world.sweeper.run()


async def test_a_deadline_that_was_put_off_does_not_strike_when_the_old_one_is_told_late(world):
    old = hold("deadline", 60, purpose="verify_deadline", about="incident-1")
    await world.order(holds=[old])
    await world.store.insert_signal(SignalRow(signal=old.signal, received_at=NOON))
    mending = Incident(id="incident-1", kind="data_drift", state="verifying", opened_at=NOON)
    later = hold("deadline", 9000, purpose="verify_deadline", about="incident-1")
    later = replace(later, signal=replace(later.signal, dedup_key="elapsed-later"))
    await world.order(cause="put off", facts=Facts(incidents=(mending,)), holds=[later])
    world.clock.pass_seconds(60)
    await world.sweeper.run()
    assert (await world.facts()).incidents == (mending,)
    assert [waiting.due for waiting in await world.store.holds(SUBJECT)] == [later.due]
    assert (await world.ledger())["elapsed-deadline"].verdict == "no_match"


class Tidied(SqliteStore):
    """The embedded store, which notes when it was to be tidied."""

    def __init__(self):
        super().__init__(":memory:")
        self.asked = []

    async def tidy(self, older_than):
        self.asked.append(older_than)
        return await super().tidy(older_than)


async def test_leftovers_of_an_hour_ago_are_tidied_once_an_hour():
    world = World(Tidied())
    await world.store.open()
    start = world.clock.at
    for _ in range(3):
        await world.sweeper.run()
        world.clock.pass_seconds(1800)
    assert world.store.asked == [start - LEFT_OVER_AFTER, start + timedelta(hours=1) - LEFT_OVER_AFTER]
    await world.store.close()
