"""What every command queue promises, and its receiving side, which the local host reads.

An adapter's test module subclasses ``QueueContract`` and gives the fixtures ``queue`` (open and empty) and ``wait``,
which lets seconds pass for it.
"""

import json

import pytest

from shared.ports import ConflictError
from tests.contracts.store_samples import SUBJECT

HIDDEN_SECONDS = 1


def command_ids(messages) -> list[str]:
    return sorted(json.loads(message.body)["command_id"] for message in messages)


async def received(queue):
    (message,) = await queue.receive(1, HIDDEN_SECONDS)
    return message


class QueueContract:
    async def test_a_message_is_the_json_that_the_handler_reads(self, queue):
        await queue.send(SUBJECT, "c")
        message = await received(queue)
        assert json.loads(message.body) == {"subject": SUBJECT, "command_id": "c"}
        assert message.dequeue_count == 1
        assert message.inserted_at.tzinfo is not None

    async def test_an_empty_queue_gives_nothing(self, queue):
        assert list(await queue.receive(10, HIDDEN_SECONDS)) == []

    async def test_no_more_messages_are_received_than_asked_for(self, queue):
        for name in "abc":
            await queue.send(SUBJECT, name)
        first = await queue.receive(2, 30)
        assert len(first) == 2
        assert command_ids([*first, *await queue.receive(2, 30)]) == ["a", "b", "c"]

    async def test_a_delayed_message_is_visible_after_its_delay(self, queue, wait):
        await queue.send(SUBJECT, "c", delay_seconds=1.5)
        assert list(await queue.receive(1, HIDDEN_SECONDS)) == []
        await wait(2.2)
        assert command_ids(await queue.receive(1, HIDDEN_SECONDS)) == ["c"]

    async def test_a_message_that_is_not_deleted_comes_back_counted(self, queue, wait):
        await queue.send(SUBJECT, "c")
        first = await received(queue)
        assert list(await queue.receive(1, HIDDEN_SECONDS)) == []
        await wait(HIDDEN_SECONDS + 0.2)
        again = await received(queue)
        assert (again.id, again.dequeue_count) == (first.id, 2)
        with pytest.raises(ConflictError):
            await queue.delete(first.id, first.pop_receipt)
        await queue.delete(again.id, again.pop_receipt)

    async def test_a_deleted_message_never_comes_back(self, queue, wait):
        await queue.send(SUBJECT, "c")
        message = await received(queue)
        await queue.delete(message.id, message.pop_receipt)
        await wait(HIDDEN_SECONDS + 0.2)
        assert list(await queue.receive(1, HIDDEN_SECONDS)) == []
        with pytest.raises(ConflictError):
            await queue.delete(message.id, message.pop_receipt)

    async def test_a_poisoned_message_is_set_aside_and_leaves_the_queue(self, queue, wait):
        await queue.send(SUBJECT, "bad")
        message = await received(queue)
        await queue.move_to_poison(message.id, message.pop_receipt)
        await wait(HIDDEN_SECONDS + 0.2)
        assert list(await queue.receive(1, HIDDEN_SECONDS)) == []
        (aside,) = await queue.poisoned(10)
        assert json.loads(aside.body) == {"subject": SUBJECT, "command_id": "bad"}
        assert aside.inserted_at.tzinfo is not None
        with pytest.raises(ConflictError):
            await queue.move_to_poison(message.id, message.pop_receipt)

    async def test_who_lost_a_message_cannot_poison_it(self, queue, wait):
        await queue.send(SUBJECT, "c")
        first = await received(queue)
        await wait(HIDDEN_SECONDS + 0.2)
        await received(queue)
        with pytest.raises(ConflictError):
            await queue.move_to_poison(first.id, first.pop_receipt)
        assert await queue.poisoned(10) == []

    async def test_what_was_set_aside_stays_until_it_is_dropped(self, queue):
        for name in "ab":
            await queue.send(SUBJECT, name)
        for message in await queue.receive(2, 30):
            await queue.move_to_poison(message.id, message.pop_receipt)
        (first,) = await queue.poisoned(1)
        await queue.drop_poisoned(first)
        await queue.drop_poisoned(first)
        (second,) = await queue.poisoned(10)
        assert command_ids([first, second]) == ["a", "b"]

    async def test_the_same_command_may_be_queued_twice(self, queue):
        await queue.send(SUBJECT, "c")
        await queue.send(SUBJECT, "c")
        assert command_ids(await queue.receive(10, HIDDEN_SECONDS)) == ["c", "c"]
