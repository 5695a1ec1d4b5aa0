"""The command queue on an Azure Storage queue.

Owns the sending of command ids as plain JSON (host.json: ``messageEncoding`` none). In Azure the platform receives;
the receiving side here serves the local host, with the rules of Azure's extension. Knows nothing of commands.
"""

import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from azure.core.exceptions import HttpResponseError
from azure.storage.queue import QueueMessage

from shared.adapters.azure_storage_account import POISON, AzureStorageAccount
from shared.domain.values import encode
from shared.ports import ConflictError, PoisonMessage

T = TypeVar("T")

DELAY_SECONDS_MAX = 6 * 24 * 3600  # a message lives for seven days; what is due later is sent again by the sweep
RECEIVED_MAX = 32  # of one request
POISON_HIDDEN_SECONDS = 30  # longer than it takes to record them all
_GONE = frozenset({400, 404})  # a pop receipt that is not the last one, a message that is not there


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as received. ``dequeue_count`` is 1 the first time; ``pop_receipt`` is good until the next receipt."""

    id: str
    body: str
    dequeue_count: int
    pop_receipt: str
    inserted_at: datetime


class AzureQueue:
    """``ports.CommandQueue``, and its receiving side, on the account of an open store.

    Any method may raise StoreUnavailableError.
    """

    def __init__(self, account: AzureStorageAccount) -> None:
        self._account = account
        self._received: dict[str, str] = {}  # what was received and is not settled, by id

    async def send(self, subject: str, command_id: str, delay_seconds: float = 0.0) -> None:
        """Queue one command, visible after a delay in whole seconds, rounded up: what comes early is not due."""
        body = encode({"subject": subject, "command_id": command_id}).decode()
        hidden = min(math.ceil(max(delay_seconds, 0)), DELAY_SECONDS_MAX)

        async def send(_attempt: int) -> None:
            await self._account.queue().send_message(body, visibility_timeout=hidden)

        await self._account.patiently(send)

    async def receive(self, limit: int, visibility_seconds: float) -> list[ReceivedMessage]:
        """The messages that are visible; each is hidden for a while, in whole seconds, and counts one more."""
        hidden = max(math.ceil(visibility_seconds), 1)

        async def receive(_attempt: int) -> list[ReceivedMessage]:
            most = min(limit, RECEIVED_MAX)
            queue = self._account.queue()
            pages = queue.receive_messages(messages_per_page=most, max_messages=most, visibility_timeout=hidden)
            return [_received(found) async for found in pages]

        messages = await self._account.patiently(receive)
        self._received.update((message.id, message.body) for message in messages)
        return messages

    async def delete(self, message_id: str, pop_receipt: str) -> None:
        """Remove a message that is done. Raises ConflictError when it is gone or was received again."""
        await self._settle(message_id, lambda: self._account.queue().delete_message(message_id, pop_receipt))
        self._received.pop(message_id, None)

    async def move_to_poison(self, message_id: str, pop_receipt: str) -> None:
        """Set a message aside for a person. Raises ConflictError when it is gone or was received again.

        It is in the poison queue before it leaves this one: after a crash between the two it is in both.
        """
        body, queue = self._received.get(message_id), self._account.queue()
        if body is None:
            raise ConflictError(f"the message {message_id} was not received here")
        # Only its last receiver may set it aside: keeping it hidden proves that this is who asks.
        update = partial(queue.update_message, message_id, pop_receipt, content=body, visibility_timeout=30)
        kept = await self._settle(message_id, update)
        await self._account.patiently(lambda _attempt: self._account.queue(POISON).send_message(body))
        await self.delete(message_id, str(kept.pop_receipt))

    async def poisoned(self, limit: int) -> list[PoisonMessage]:
        """The oldest messages that were set aside, here or by the platform; each is hidden from other looks for a while."""
        most = min(limit, RECEIVED_MAX)

        async def receive(_attempt: int) -> list[PoisonMessage]:
            queue = self._account.queue(POISON)
            pages = queue.receive_messages(
                messages_per_page=most, max_messages=most, visibility_timeout=POISON_HIDDEN_SECONDS
            )
            async for page in pages.by_page():
                return [_set_aside(found) async for found in page]  # to ask for a next page is to receive more
            return []

        return await self._account.patiently(receive)

    async def drop_poisoned(self, message: PoisonMessage) -> None:
        """Remove a message that was set aside. Does nothing when it is gone or another look has it."""
        with contextlib.suppress(ConflictError):
            await self._settle(
                message.id, lambda: self._account.queue(POISON).delete_message(message.id, message.receipt)
            )

    async def _settle(self, message_id: str, call: Callable[[], Awaitable[T]]) -> T:
        async def attempt(_attempt: int) -> T:
            try:
                return await call()
            except HttpResponseError as error:
                if error.status_code not in _GONE:
                    raise
                raise ConflictError(f"the message {message_id} is gone or was received again") from error

        return await self._account.patiently(attempt)


def _set_aside(found: QueueMessage) -> PoisonMessage:
    assert found.inserted_on  # noqa: S101  # a message that was received has all of these
    return PoisonMessage(found.id, str(found.content), str(found.pop_receipt), found.inserted_on)


def _received(found: QueueMessage) -> ReceivedMessage:
    assert found.inserted_on  # noqa: S101  # a message that was received has all of these
    receipt = str(found.pop_receipt)
    return ReceivedMessage(found.id, found.content, found.dequeue_count or 1, receipt, found.inserted_on)
