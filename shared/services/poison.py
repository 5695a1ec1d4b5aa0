"""Messages that the host gave up on: each becomes an outcome of its command, or a rejection when it names none.

Owns that nothing in the poison queue is forgotten. A message is dropped only after what it says is recorded, and to record
it twice does no harm. What an attempt that came to nothing means for its command is ``execute``'s.
"""

import logging

import msgspec

from shared.domain.ids import derive
from shared.domain.records import RejectedRow
from shared.ports import Clock, CommandQueue, PoisonMessage, Store
from shared.services.execute import Executor

log = logging.getLogger(__name__)

QUEUE_CHANNEL = "command_queue"
AT_ONCE_MAX = 32


class PoisonError(ValueError):
    """A message of the command queue that names no command; the text says why."""


class _Order(msgspec.Struct, frozen=True):
    subject: str
    command_id: str


def order_in(body: bytes) -> tuple[str, str]:
    """The subject and the id of the command that a queue message is about. Raises PoisonError."""
    try:
        order = msgspec.json.decode(body, type=_Order)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PoisonError(f"the message names no command: {error}") from error
    return order.subject, order.command_id


class PoisonKeeper:
    """Records what lies in the poison queue."""

    def __init__(self, store: Store, queue: CommandQueue, clock: Clock, executor: Executor) -> None:
        self._store, self._queue, self._clock, self._executor = store, queue, clock, executor

    async def record(self) -> int:
        """Record and drop what was set aside since the last look; how many. Raises StoreUnavailableError."""
        messages = await self._queue.poisoned(AT_ONCE_MAX)
        for message in messages:
            await self._record(message)
            await self._queue.drop_poisoned(message)
        return len(messages)

    async def _record(self, message: PoisonMessage) -> None:
        body = message.body.encode("utf-8", "surrogatepass")
        try:
            subject, command_id = order_in(body)
        except PoisonError as error:
            await self._reject(body, "malformed_json", str(error))
            return
        if await self._store.command(subject, command_id) is None:
            await self._reject(body, "out_of_scope", f"the message names a command that is not there: {command_id}")
            return
        log.error("the host gave up on a message about the command %s of %s", command_id, subject)
        await self._executor.poisoned(subject, command_id, f"poison/{message.id}")

    async def _reject(self, body: bytes, reason: str, detail: str) -> None:
        row = RejectedRow(
            id=derive("poison", body.hex()),
            channel=QUEUE_CHANNEL,
            reason=reason,
            detail=detail,
            received_at=self._clock.now(),
            body=body,
        )
        await self._store.add_rejected(row)
