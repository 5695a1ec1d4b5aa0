"""The embedded queue behaves as an Azure Storage queue does: hidden while received, counted, set aside."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from shared.adapters.sqlite_queue import QueuedMessage, SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.ports import CommandQueue, ConflictError, StoreUnavailableError
from tests.contracts.queue_contract import QueueContract
from tests.contracts.store_samples import START, SUBJECT


class SetClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.present = START

    def now(self) -> datetime:
        return self.present

    def pass_seconds(self, seconds: float) -> None:
        self.present += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(str(tmp_path / "outerloop.db"))
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def queue(store: SqliteStore, clock: SetClock) -> SqliteQueue:
    return SqliteQueue(store.database, clock)


def command_ids(messages: list[QueuedMessage]) -> list[str]:
    return [json.loads(message.body)["command_id"] for message in messages]


async def received(queue: SqliteQueue) -> QueuedMessage:
    (message,) = await queue.receive(1, 30)
    return message


class TestSqliteQueue(QueueContract):
    @pytest.fixture
    def wait(self, clock: SetClock):
        async def wait(seconds: float) -> None:
            clock.pass_seconds(seconds)

        return wait


async def test_it_is_a_command_queue(queue: SqliteQueue) -> None:
    sender: CommandQueue = queue
    await sender.send(SUBJECT, "c")
    assert command_ids(await queue.receive(1, 30)) == ["c"]


async def test_a_message_carries_json_that_any_queue_can_carry(queue: SqliteQueue) -> None:
    await queue.send(SUBJECT, "c")
    message = await received(queue)
    assert json.loads(message.body) == {"subject": SUBJECT, "command_id": "c"}
    assert (message.dequeue_count, message.inserted_at) == (1, START)


async def test_an_empty_queue_gives_nothing(queue: SqliteQueue) -> None:
    assert await queue.receive(10, 30) == []
    assert await queue.poisoned(10) == []


async def test_messages_come_in_the_order_of_their_visibility(queue: SqliteQueue, clock: SetClock) -> None:
    await queue.send(SUBJECT, "slow", delay_seconds=5)
    await queue.send(SUBJECT, "first")
    await queue.send(SUBJECT, "second")
    clock.pass_seconds(5)
    assert command_ids(await queue.receive(10, 30)) == ["first", "second", "slow"]


async def test_no_more_messages_are_received_than_asked_for(queue: SqliteQueue) -> None:
    for name in "abc":
        await queue.send(SUBJECT, name)
    assert command_ids(await queue.receive(2, 30)) == ["a", "b"]
    assert command_ids(await queue.receive(2, 30)) == ["c"]


async def test_a_delayed_message_is_visible_after_its_delay(queue: SqliteQueue, clock: SetClock) -> None:
    await queue.send(SUBJECT, "c", delay_seconds=1.5)
    clock.pass_seconds(1.4)
    assert await queue.receive(1, 30) == []
    clock.pass_seconds(0.1)
    assert command_ids(await queue.receive(1, 30)) == ["c"]


async def test_a_received_message_is_hidden_and_comes_back_counted(queue: SqliteQueue, clock: SetClock) -> None:
    await queue.send(SUBJECT, "c")
    first = await received(queue)
    clock.pass_seconds(29.9)
    assert await queue.receive(1, 30) == []
    clock.pass_seconds(0.1)
    again = await received(queue)
    assert (again.id, again.dequeue_count) == (first.id, 2)
    assert again.pop_receipt != first.pop_receipt


async def test_a_deleted_message_never_comes_back(queue: SqliteQueue, clock: SetClock) -> None:
    await queue.send(SUBJECT, "c")
    message = await received(queue)
    await queue.delete(message.id, message.pop_receipt)
    clock.pass_seconds(10_000)
    assert await queue.receive(1, 30) == []


async def test_an_old_pop_receipt_deletes_nothing(queue: SqliteQueue, clock: SetClock) -> None:
    await queue.send(SUBJECT, "c")
    first = await received(queue)
    clock.pass_seconds(30)
    second = await received(queue)
    with pytest.raises(ConflictError):
        await queue.delete(first.id, first.pop_receipt)
    await queue.delete(second.id, second.pop_receipt)


@pytest.mark.parametrize(("message_id", "pop_receipt"), [("1", "0"), ("1", ""), ("99", "1"), ("x", "y")])
async def test_nobody_deletes_what_they_did_not_receive(queue: SqliteQueue, message_id: str, pop_receipt: str) -> None:
    await queue.send(SUBJECT, "c")
    with pytest.raises(ConflictError):
        await queue.delete(message_id, pop_receipt)
    assert command_ids(await queue.receive(1, 30)) == ["c"]


async def test_a_late_delete_by_the_last_receiver_still_counts(queue: SqliteQueue, clock: SetClock) -> None:
    await queue.send(SUBJECT, "c")
    message = await received(queue)
    clock.pass_seconds(60)
    await queue.delete(message.id, message.pop_receipt)
    assert await queue.receive(1, 30) == []


async def test_a_poisoned_message_is_set_aside_with_its_count(queue: SqliteQueue, clock: SetClock) -> None:
    await queue.send(SUBJECT, "bad")
    await queue.send(SUBJECT, "good")
    for _ in range(2):
        await queue.receive(1, 30)
    clock.pass_seconds(30)
    bad, _ = await queue.receive(2, 30)
    await queue.move_to_poison(bad.id, bad.pop_receipt)
    assert [message.id for message in await queue.poisoned(10)] == [bad.id]
    assert bad.dequeue_count == 2
    clock.pass_seconds(30)
    assert command_ids(await queue.receive(10, 30)) == ["good"]


async def test_a_message_is_poisoned_once_and_only_by_its_receiver(queue: SqliteQueue) -> None:
    await queue.send(SUBJECT, "c")
    message = await received(queue)
    with pytest.raises(ConflictError):
        await queue.move_to_poison(message.id, "77")
    await queue.move_to_poison(message.id, message.pop_receipt)
    with pytest.raises(ConflictError):
        await queue.move_to_poison(message.id, message.pop_receipt)
    with pytest.raises(ConflictError):
        await queue.delete(message.id, message.pop_receipt)
    assert [each.id for each in await queue.poisoned(10)] == [message.id]


async def test_the_same_command_may_be_queued_twice(queue: SqliteQueue) -> None:
    await queue.send(SUBJECT, "c")
    await queue.send(SUBJECT, "c")
    assert command_ids(await queue.receive(10, 30)) == ["c", "c"]


async def test_two_receivers_on_one_file_share_the_messages(
    tmp_path: Path, queue: SqliteQueue, clock: SetClock
) -> None:
    other = SqliteStore(str(tmp_path / "outerloop.db"))
    await other.open()
    other_queue = SqliteQueue(other.database, clock)
    names = [f"c-{n}" for n in range(20)]
    for name in names:
        await queue.send(SUBJECT, name)
    batches = await asyncio.gather(*(one.receive(3, 30) for one in (queue, other_queue) * 5))
    assert sorted(command_ids([message for batch in batches for message in batch])) == sorted(names)
    await other.close()


async def test_a_queue_on_a_closed_store_is_unavailable(store: SqliteStore, queue: SqliteQueue) -> None:
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await queue.send(SUBJECT, "c")


async def test_what_was_set_aside_a_month_ago_goes_when_the_next_message_is(
    queue: SqliteQueue, clock: SetClock
) -> None:
    for command_id, days in (("first", 0), ("second", 30), ("third", 1)):
        clock.pass_seconds(timedelta(days=days).total_seconds())
        await queue.send(SUBJECT, command_id)
        message = await received(queue)
        await queue.move_to_poison(message.id, message.pop_receipt)
        if command_id == "second":
            assert command_ids(await queue.poisoned(10)) == ["first", "second"]
    assert command_ids(await queue.poisoned(10)) == ["second", "third"]
