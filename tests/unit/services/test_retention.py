"""What is old leaves, a batch at a time, and what somebody still needs stays however old it is."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.facts import Facts, HeldSignal
from shared.domain.outcomes import Succeeded
from shared.domain.records import RejectedRow, SignalRow
from shared.services.retention import BATCH_MAX, BOOKMARKS_KEPT_FOR, EVERY, SIGNALS_KEPT_FOR, Kept, Retention
from tests.unit.services.fakes import NOON, SUBJECT, World
from tests.unit.services.signals import asked, hold, notify, registered, rolling_out
from tests.unit.services.telemetry_messages import TAGS, rows, traffic

OLD = SIGNALS_KEPT_FOR + timedelta(hours=1)
KEPT = Kept(ledger=timedelta(days=100), rejected=timedelta(days=10))


async def decided(world, signal, at=NOON):
    row = SignalRow(signal=signal, received_at=at, subjects=(SUBJECT,), decided=True)
    await world.store.insert_signal(row)


async def rejected(world, row_id="r-1"):
    row = RejectedRow(
        id=row_id, channel="http", reason="malformed_json", detail="no JSON", received_at=world.clock.at, body=b"{"
    )
    await world.store.add_rejected(row)


async def forget(world, kept=KEPT):
    """One round of every chore, as a process that has just begun would do it."""
    return sum([await chore() for chore in Retention(world.store, world.clock, world.aggregator, kept).due()])


# Signals


async def test_a_signal_is_kept_for_longer_than_any_source_sends_again():
    assert timedelta(hours=48) < SIGNALS_KEPT_FOR < Kept().ledger


@pytest.mark.parametrize(("age", "left"), [(SIGNALS_KEPT_FOR, True), (OLD, False)])
async def test_an_old_signal_is_forgotten_and_not_before(world, age, left):
    await decided(world, asked())
    world.clock.at += age
    await forget(world)
    assert (await world.store.signal("asked-pause") is not None) is left


async def test_a_signal_that_is_still_held_stays_however_old_it_is(world):
    await decided(world, registered())
    await decided(world, asked())
    await world.order(facts=Facts(held={"hold-1": HeldSignal(dedup_key="registered-7", about="version 7")}))
    world.clock.at += 10 * OLD
    await forget(world)
    assert await world.store.signal("registered-7") is not None
    assert await world.store.signal("asked-pause") is None


async def test_it_leaves_once_nothing_holds_it(world):
    await decided(world, registered())
    await world.order(facts=Facts(held={"hold-1": HeldSignal(dedup_key="registered-7", about="version 7")}))
    world.clock.at += OLD
    await forget(world)
    await world.order(cause="later", facts=Facts())
    await forget(world)
    assert await world.store.signal("registered-7") is None


async def test_the_last_end_of_a_wait_that_goes_on_stays_because_its_decision_says_why(world):
    await decided(world, hold("hold-1").signal)
    await world.order(facts=Facts(held={"hold-1": HeldSignal(dedup_key="registered-7", about="version 7")}))
    world.clock.at += OLD
    await forget(world)
    assert await world.store.signal("elapsed-hold-1") is not None


async def test_many_held_signals_do_not_keep_later_ones_from_leaving(world):
    held = {}
    for n in range(BATCH_MAX + 5):
        await decided(world, registered(key=f"held-{n}"), NOON + timedelta(seconds=n))
        held[f"hold-{n}"] = HeldSignal(dedup_key=f"held-{n}", about=f"version {n}")
    await decided(world, asked(), NOON + timedelta(hours=1))
    await world.order(facts=Facts(held=held))
    world.clock.at += OLD + timedelta(hours=1)
    assert await forget(world) == 1
    assert await world.store.signal("asked-pause") is None


async def test_a_signal_that_nobody_could_decide_stays(world):
    await world.store.insert_signal(SignalRow(signal=registered(), received_at=NOON))
    world.clock.at += 100 * OLD
    await forget(world)
    assert await world.store.signal("registered-7") is not None


async def test_a_duplicate_after_that_time_is_a_new_signal_whose_decision_is_already_there(world):
    await world.ingest.tell(registered())
    (first,) = (await world.ledger()).values()
    world.clock.at += OLD
    await forget(world)
    await world.ingest.tell(registered())
    assert list((await world.ledger()).values()) == [first]


# The ledger, rejections, windows


async def test_decisions_and_their_finished_commands_leave_when_the_ledger_has_had_its_time(world):
    await world.order(notify())
    world.messenger.answers("Notify", Succeeded())
    await world.run(notify())
    world.clock.at += KEPT.ledger + timedelta(hours=1)
    await forget(world)
    assert await world.ledger() == {}
    assert await world.row(notify()) is None


async def test_a_decision_whose_command_waits_stays(world):
    await world.order(notify())
    world.clock.at += 10 * KEPT.ledger
    await forget(world)
    assert (await world.row(notify())).state == "pending"


async def test_the_default_keeps_decisions_for_more_than_a_year(world):
    await world.order()
    world.clock.at += timedelta(days=366)
    await forget(world, Kept())
    assert len(await world.ledger()) == 1


async def test_rejections_leave_when_they_have_had_their_time(world):
    await rejected(world)
    world.clock.at += KEPT.rejected
    await rejected(world, "r-2")
    world.clock.at += timedelta(hours=1)
    await forget(world)
    assert [row.id for row in await world.store.rejected(10)] == ["r-2"]


async def closed_window(world):
    """A window of March that was reported, in April; its deployment goes on."""
    world.clock.at += timedelta(days=60)
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    late = timedelta(days=50).total_seconds()
    await world.aggregator.take("0", [(0, rows()), (1, rows(seconds=late))])
    await world.aggregator.fold()
    ((_, name),) = await world.aggregator.closed_windows()
    await world.aggregator.mark_told(name)
    return name


async def test_a_closed_window_leaves_by_the_time_since_it_was_closed_and_an_open_one_stays(world):
    name = await closed_window(world)
    world.clock.at += KEPT.ledger
    await forget(world)
    assert name in await world.store.windows("data/")
    world.clock.at += timedelta(hours=1)
    await forget(world)
    (left,) = await world.store.windows("data/")
    assert left != name


async def test_old_traffic_leaves_after_a_week(world):
    await world.aggregator.take("0", [(0, traffic())])
    await world.aggregator.fold()
    world.clock.at += timedelta(days=8)
    assert await forget(world) == 1
    assert await lengths_of_requests(world) == ["1mo"]  # of a rule's window


async def lengths_of_requests(world):
    return [name.split("/")[-2] for name in await world.store.windows("traffic/")]


async def test_requests_over_the_window_of_a_rule_leave_with_the_ledger(world):
    await world.aggregator.take("0", [(0, traffic())])
    await world.aggregator.fold()
    world.clock.at += KEPT.ledger + timedelta(days=1)
    await forget(world)
    assert await lengths_of_requests(world) == []


# How it goes about it


async def test_each_kind_is_looked_at_once_an_hour(world):
    await world.sweeper.run()
    await rejected(world, "old")
    world.clock.at += Kept().rejected + EVERY
    assert [(await world.sweeper.run()).forgotten for _ in range(2)] == [1, 0]
    await rejected(world, "old")
    world.clock.pass_seconds(60)
    assert (await world.sweeper.run()).forgotten == 0


async def test_what_one_batch_leaves_the_next_sweep_takes(world):
    for n in range(BATCH_MAX + 1):
        await rejected(world, f"r-{n}")
    world.clock.at += Kept().rejected + EVERY
    forgotten = []
    for _ in range(3):
        forgotten.append((await world.sweeper.run()).forgotten)
        world.clock.pass_seconds(10)
    assert forgotten == [BATCH_MAX, 1, 0]


async def test_a_damaged_signal_does_not_keep_rejections_from_leaving(world):
    await decided(world, asked())
    statement = "UPDATE signals SET body = 'damaged'"
    await world.store.database.write(lambda connection: connection.execute(statement))
    await rejected(world)
    world.clock.at += OLD
    assert (await world.sweeper.run()).forgotten == 1


async def test_two_instances_forget_each_row_once(tmp_path):
    path = str(tmp_path / "outerloop.db")
    first = World(SqliteStore(path))
    second = first.another(SqliteStore(path))
    for each in (first, second):
        await each.store.open()
    await rejected(first)
    first.clock.at += OLD
    assert [await forget(each) for each in (first, second)] == [1, 0]
    for each in (first, second):
        await each.store.close()


async def test_a_rollout_outlives_the_ledger_that_it_came_from(world):
    await world.order(facts=rolling_out("traffic-1"))
    before = await world.facts()
    world.clock.at += 10 * KEPT.ledger
    await forget(world)
    assert await world.facts() == before


# Bookmarks


@pytest.mark.parametrize(("age", "left"), [(BOOKMARKS_KEPT_FOR, 1), (OLD, 0)])
async def test_where_a_file_was_read_to_is_kept_as_long_as_its_signals(world, age, left):
    await world.aggregator.take_lines("collected/file/head", [(100, traffic())])
    world.clock.at += age
    await forget(world)
    assert len(await world.store.bookmarks("")) == left


async def test_a_file_that_still_grows_is_never_forgotten(world):
    for number in range(5):
        await world.aggregator.take_lines("collected/file/head", [(100 * number, traffic())])
        world.clock.at += BOOKMARKS_KEPT_FOR - timedelta(days=1)
        await forget(world)
    assert [known.through for known in (await world.store.bookmarks("")).values()] == [400]
