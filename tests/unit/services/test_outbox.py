"""What is committed is queued; what a crash left unqueued is found again, and nothing is queued over and over."""

import pytest

from shared.ports import StoreUnavailableError
from shared.services.outbox import SENT_FOR, send_all, send_row
from tests.unit.services.fakes import SUBJECT, Sent, decided
from tests.unit.services.signals import notify, set_traffic


async def ordered(world, *commands):
    await world.order(*commands)
    return decided("cause", *commands).decision


async def test_every_command_is_queued_in_the_order_of_the_decision(world):
    decision = await ordered(world, notify("a"), set_traffic("b"))
    await send_all(world.store, world.queue, decision, world.clock.now())
    assert world.queue.sent == [Sent(SUBJECT, "a", 0.0), Sent(SUBJECT, "b", 0.0)]


async def test_what_was_never_sent_is_sendable_at_once(world):
    await ordered(world, notify())
    assert [row.command.id for row in await world.store.sendable(world.clock.now(), 10)] == ["notify-1"]


async def test_what_is_queued_is_not_sendable_for_a_minute(world):
    decision = await ordered(world, notify())
    await send_all(world.store, world.queue, decision, world.clock.now())
    assert await world.store.sendable(world.clock.now() + SENT_FOR * 0.99, 10) == []
    assert len(await world.store.sendable(world.clock.now() + SENT_FOR, 10)) == 1


async def test_a_command_that_is_due_later_is_queued_with_that_delay(world):
    await ordered(world, notify())
    row = await world.row(notify())
    later = world.clock.now().replace(minute=5)
    await send_row(world.store, world.queue, type(row)(**{**_fields(row), "not_before": later}), world.clock.now())
    assert world.queue.sent == [Sent(SUBJECT, "notify-1", 300.0)]


async def test_a_command_that_was_due_before_is_queued_without_delay(world):
    await ordered(world, notify())
    row = await world.row(notify())
    before = world.clock.now().replace(hour=1)
    await send_row(world.store, world.queue, type(row)(**{**_fields(row), "not_before": before}), world.clock.now())
    assert world.queue.sent == [Sent(SUBJECT, "notify-1", 0.0)]


async def test_what_the_queue_refused_is_sendable_again_a_minute_later(world):
    decision = await ordered(world, notify())
    world.queue.down = True
    with pytest.raises(StoreUnavailableError):
        await send_all(world.store, world.queue, decision, world.clock.now())
    assert await world.store.sendable(world.clock.now(), 10) == []
    assert len(await world.store.sendable(world.clock.now() + SENT_FOR, 10)) == 1


def _fields(row):
    return {name: getattr(row, name) for name in row.__struct_fields__}
