"""Queue triggers: takes messages from a queue, calls the function for each, and settles them.

Owns the promises of Azure's extension: some messages at once; a success deletes; a failure leaves the message to its
visibility timeout; after the last try it is set aside as poison. The queue itself is whatever has the three methods
of ``MessageSource``.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from local.host.bindings import Function
from local.host.conversion import decode, document, text
from local.host.host_json import HostJson
from local.host.invocation import Invoker
from shared.ports import ConflictError, StoreUnavailableError

POLL_SECONDS_MIN = 0.05
_LIFETIME = timedelta(days=7)

logger = logging.getLogger(__name__)


class Message(Protocol):
    """A message as received; ``dequeue_count`` is 1 the first time."""

    @property
    def id(self) -> str:
        """Stays the same from receipt to receipt."""
        ...

    @property
    def body(self) -> str:
        """The text that was sent."""
        ...

    @property
    def dequeue_count(self) -> int:
        """How often it was received, this time included."""
        ...

    @property
    def pop_receipt(self) -> str:
        """Proof of this receipt."""
        ...

    @property
    def inserted_at(self) -> datetime:
        """When it was sent, in UTC."""
        ...


class MessageSource(Protocol):
    """The receiving side of a queue. Any method may raise StoreUnavailableError."""

    async def receive(self, limit: int, visibility_seconds: float) -> Sequence[Message]:
        """Messages that are now hidden from everybody else for this time."""
        ...

    async def delete(self, message_id: str, pop_receipt: str) -> None:
        """Remove it; ConflictError when it was received again meanwhile."""
        ...

    async def move_to_poison(self, message_id: str, pop_receipt: str) -> None:
        """Set it aside; ConflictError when it was received again meanwhile."""
        ...


class QueueListener:
    """Serves one function from one queue."""

    def __init__(
        self, function: Function, source: MessageSource, invoker: Invoker, host_json: HostJson, twice_every: int = 0
    ) -> None:
        self._function = function
        self._twice_every = twice_every
        self._delivered = 0
        self._source = source
        self._invoker = invoker
        self._host_json = host_json
        self._running: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take messages until cancelled; those being worked on are left to the invoker's ``drain``.

        An idle queue is asked less and less often, up to ``message_poll_seconds_max``.

        Raises:
            StoreUnavailableError: the queue cannot be read.
        """
        pause_seconds = POLL_SECONDS_MIN
        while True:
            room = self._host_json.messages_at_once - len(self._running)
            if room == 0:
                await self._one_done(None)
            elif await self._take(room):
                pause_seconds = POLL_SECONDS_MIN
            elif await self._one_done(pause_seconds):
                pause_seconds = POLL_SECONDS_MIN  # what has just ended may have sent more
            else:
                pause_seconds = min(pause_seconds * 2, self._host_json.message_poll_seconds_max)

    async def _take(self, room: int) -> bool:
        messages = await self._source.receive(room, self._host_json.message_lock_seconds)
        for message in messages:
            task = self._invoker.begin(self._process(message))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return bool(messages)

    async def _one_done(self, seconds_max: float | None) -> bool:
        """Wait until a message is settled, at most for this time; whether one was."""
        if not self._running:
            await asyncio.sleep(seconds_max or 0)
            return False
        done, _ = await asyncio.wait(self._running, timeout=seconds_max, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def _process(self, message: Message) -> None:
        try:
            await self._settle(message)
        except ConflictError as error:
            logger.warning("%s ran longer than the message was hidden: %s", self._function.name, error)
        except StoreUnavailableError:
            logger.exception("message %s is not settled and will come again", message.id)

    async def _settle(self, message: Message) -> None:
        tries_max = self._host_json.message_tries_max
        # Above the maximum: a try that ended with the whole host did not get to count itself as failed.
        if message.dequeue_count <= tries_max and await self._succeeds(message):
            await self._source.delete(message.id, message.pop_receipt)
        elif message.dequeue_count >= tries_max:
            logger.error("message %s is poison after %d tries", message.id, message.dequeue_count)
            await self._source.move_to_poison(message.id, message.pop_receipt)

    async def _succeeds(self, message: Message) -> bool:
        """Whether the function took the message; every so many are delivered twice at once, as queues may do."""
        self._delivered += 1
        twice = self._twice_every > 0 and self._delivered % self._twice_every == 0
        return all(await asyncio.gather(*(self._invoke(message) for _ in range(1 + twice))))

    async def _invoke(self, message: Message) -> bool:
        hidden_until = datetime.now(UTC) + timedelta(seconds=self._host_json.message_lock_seconds)
        return await self._invoker.succeeds(self._function, queue_argument(message, hidden_until))


def queue_argument(message: Message, hidden_until: datetime) -> Any:
    """A ``func.QueueMessage`` with the metadata that Azure's extension gives."""
    metadata = {
        "Id": text(message.id),
        "PopReceipt": text(message.pop_receipt),
        "DequeueCount": document(message.dequeue_count),
        "InsertionTime": document(message.inserted_at.isoformat()),
        "NextVisibleTime": document(hidden_until.isoformat()),
        "ExpirationTime": document((message.inserted_at + _LIFETIME).isoformat()),
    }
    return decode("queueTrigger", text(message.body), metadata)
