"""What is ordered and not done can be seen, and sent again by a person without anything being done twice."""

from datetime import timedelta

import pytest

from shared.domain.outcomes import Failed, Started, Succeeded
from shared.services.orders import OVERDUE_AFTER, CannotRedriveError
from tests.unit.services.fakes import NOON, SUBJECT, decided
from tests.unit.services.signals import notify, retrain

REFUSED = Failed(retryable=False, reason="teams refused")


async def failing(world, command, outcome=REFUSED):
    await world.order(command)
    world.messenger.answers("Notify", outcome)
    world.workspace.answers("Retrain", outcome)
    await world.run(command)
    world.clock.pass_seconds(60)


async def ids(found):
    return [shown.row.command.id for shown in await found]


async def test_what_waits_is_shown_with_its_age_and_its_next_try(world):
    await world.order(notify())
    world.clock.pass_seconds(90)
    (shown,) = await world.orders.unfinished()
    assert (shown.row.state, shown.age, shown.next_try) == ("pending", timedelta(seconds=90), NOON)
    assert not shown.overdue


async def test_what_nobody_took_in_time_is_overdue(world):
    await world.order(notify())
    world.clock.at += OVERDUE_AFTER
    (shown,) = await world.orders.unfinished()
    assert shown.overdue


async def test_a_claim_is_overdue_some_time_after_its_end_and_not_before(world):
    await world.order(notify())
    await world.store.claim(SUBJECT, notify().id, "crashed", NOON, NOON + timedelta(minutes=5))
    world.clock.at += timedelta(minutes=5)
    (shown,) = await world.orders.unfinished()
    assert (shown.next_try, shown.overdue) == (NOON + timedelta(minutes=5), False)
    world.clock.at += OVERDUE_AFTER
    assert (await world.orders.unfinished())[0].overdue


async def test_an_operation_that_is_looked_at_later_is_not_overdue(world):
    await world.order(retrain())
    later = NOON + timedelta(hours=2)
    world.workspace.answers("Retrain", Started(operation="o", look_again_at=later))
    await world.run(retrain())
    world.clock.at += timedelta(hours=1)
    (shown,) = await world.orders.unfinished()
    assert (shown.row.state, shown.next_try, shown.overdue) == ("started", later, False)


async def test_only_those_of_a_workload_are_shown(world):
    await world.order(notify())
    other = decided("other", notify("n-other"), subject="workload/other")
    await world.store.commit(other, "")
    assert await ids(world.orders.unfinished("other")) == ["n-other"]
    assert len(await world.orders.unfinished()) == 2


async def test_what_failed_is_listed_apart(world):
    await failing(world, notify())
    assert await world.orders.unfinished() == []
    (shown,) = await world.orders.failed()
    assert (shown.row.outcome, shown.next_try, shown.overdue) == (REFUSED, None, False)
    assert await world.orders.failed("another") == []


async def test_a_stuck_command_is_queued_again_and_no_attempt_is_counted_for_it(world):
    await world.order(notify())
    shown = await world.orders.redrive(notify().id)
    assert (shown.row.state, world.queue.ids) == ("pending", [notify().id])
    assert (await world.row(notify())).sent
    assert await world.run(notify()) == Succeeded()


async def test_a_command_that_waits_for_its_moment_is_queued_for_that_moment(world):
    await world.order(notify())
    await world.store.claim(SUBJECT, notify().id, "w", NOON, NOON + timedelta(minutes=5))
    busy = Failed(retryable=True, reason="429")
    await world.store.release(SUBJECT, notify().id, "w", busy, NOON + timedelta(seconds=40))
    await world.orders.redrive(notify().id)
    assert [sent.delay_seconds for sent in world.queue.sent] == [40.0]


async def test_a_message_that_failed_is_reopened_and_delivered_and_the_rules_hear_of_it_once(world):
    await failing(world, notify())
    decisions = await world.store.decisions(SUBJECT, 10)
    shown = await world.orders.redrive(notify().id)
    assert (shown.row.state, shown.row.attempts, world.queue.ids[-1]) == ("pending", 0, notify().id)
    assert await world.run(notify()) == Succeeded()
    assert (await world.row(notify())).outcome == Succeeded()
    assert await world.store.decisions(SUBJECT, 10) == decisions
    assert await world.orders.failed() == []


async def test_any_other_command_that_failed_is_over(world):
    await failing(world, retrain())
    before = await world.row(retrain())
    with pytest.raises(CannotRedriveError, match="the rules have acted on that"):
        await world.orders.redrive(retrain().id)
    assert await world.row(retrain()) == before


@pytest.mark.parametrize("done", [False, True])
async def test_a_command_that_is_not_there_or_well_done_is_not_sent(world, done):
    if done:
        await world.order(notify())
        await world.run(notify())
    with pytest.raises(CannotRedriveError, match="outerloop outbox"):
        await world.orders.redrive(notify().id)
    assert world.queue.ids == []
