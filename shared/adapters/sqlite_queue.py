"""The embedded command queue: messages in a table of the store's file, with the promises of an Azure Storage queue.

Owns visibility, dequeue counts, pop receipts and what is set aside as poison. Knows nothing of commands but their ids.
A message is delivered at least once: it is hidden when received, and comes back unless it is deleted in time.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.adapters.moments import micros, moment
from shared.adapters.sqlite_database import OnDatabase, SqliteDatabase
from shared.domain.values import encode
from shared.ports import Clock, ConflictError, PoisonMessage

MICROSECONDS = 1_000_000
POISON_KEPT_FOR = timedelta(days=30)

_COLUMNS = "id, body, dequeue_count, inserted_at"


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message as received. ``dequeue_count`` is 1 the first time; ``pop_receipt`` is good until the next receipt."""

    id: str
    body: str
    dequeue_count: int
    pop_receipt: str
    inserted_at: datetime


class SqliteQueue(OnDatabase):
    """``ports.CommandQueue``, and its receiving side, in the file of an open store.

    Any method may raise StoreUnavailableError.
    """

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock

    async def send(self, subject: str, command_id: str, delay_seconds: float = 0.0) -> None:
        """Queue one command, visible after a delay. The body is JSON, as an Azure Storage queue would carry it."""
        body = encode({"subject": subject, "command_id": command_id}).decode()
        now = micros(self._clock.now())
        visible_at = now + round(delay_seconds * MICROSECONDS)

        def insert(connection: sqlite3.Connection) -> None:
            statement = "INSERT INTO messages (visible_at, inserted_at, body) VALUES (?, ?, ?)"
            connection.execute(statement, (visible_at, now, body))

        await self._database.write(insert)

    async def receive(self, limit: int, visibility_seconds: float) -> list[QueuedMessage]:
        """The messages that are visible, longest visible first; each is hidden for a while and counts one more."""
        now = micros(self._clock.now())
        if not await self._database.read(lambda connection: _visible(connection, now, 1)):
            return []  # asking an idle queue takes no lock
        hidden_until = now + round(visibility_seconds * MICROSECONDS)

        def hide(connection: sqlite3.Connection) -> list[QueuedMessage]:
            ids = _visible(connection, now, limit)
            return [_hide(connection, message_id, hidden_until) for message_id in ids]

        return await self._database.write(hide)

    async def delete(self, message_id: str, pop_receipt: str) -> None:
        """Remove a message that is done. Raises ConflictError when it is gone or was received again."""
        await self._settle("DELETE FROM messages", message_id, pop_receipt)

    async def move_to_poison(self, message_id: str, pop_receipt: str) -> None:
        """Set a message aside for a person. Raises ConflictError when it is gone or was received again.

        Those that were queued ``POISON_KEPT_FOR`` ago go: nobody looks any more, and the command has its own outcome.
        """
        await self._settle("UPDATE messages SET poisoned = 1", message_id, pop_receipt)
        statement = "DELETE FROM messages WHERE poisoned = 1 AND inserted_at < ?"
        before = (micros(self._clock.now() - POISON_KEPT_FOR),)
        await self._database.write(lambda connection: connection.execute(statement, before))

    async def poisoned(self, limit: int) -> list[PoisonMessage]:
        """The messages that were set aside, oldest first. To look at them hides none."""
        statement = "SELECT id, body, inserted_at FROM messages WHERE poisoned = 1 ORDER BY id LIMIT ?"
        found = await self._database.read(lambda connection: connection.execute(statement, (limit,)).fetchall())
        return [PoisonMessage(str(name), body, "", moment(inserted_at)) for name, body, inserted_at in found]

    async def drop_poisoned(self, message: PoisonMessage) -> None:
        """Remove a message that was set aside. Does nothing when it is gone."""
        statement = "DELETE FROM messages WHERE id = ? AND poisoned = 1"
        await self._database.write(lambda connection: connection.execute(statement, (message.id,)))

    async def _settle(self, change: str, message_id: str, pop_receipt: str) -> None:
        # The receipt is the dequeue count: the next receipt of the message has another one.
        statement = f"{change} WHERE id = ? AND dequeue_count = ? AND dequeue_count > 0 AND poisoned = 0"
        parameters = (message_id, pop_receipt)
        settled = await self._database.write(lambda connection: connection.execute(statement, parameters).rowcount)
        if settled != 1:
            raise ConflictError(f"the message {message_id} is gone or was received again")


def _visible(connection: sqlite3.Connection, now: int, limit: int) -> list[int]:
    statement = "SELECT id FROM messages WHERE poisoned = 0 AND visible_at <= ? ORDER BY visible_at, id LIMIT ?"
    return [message_id for (message_id,) in connection.execute(statement, (now, limit))]


def _hide(connection: sqlite3.Connection, message_id: int, hidden_until: int) -> QueuedMessage:
    statement = "UPDATE messages SET visible_at = ?, dequeue_count = dequeue_count + 1 WHERE id = ?"
    connection.execute(statement, (hidden_until, message_id))
    statement = f"SELECT {_COLUMNS} FROM messages WHERE id = ?"  # noqa: S608 - a constant
    return _message(*connection.execute(statement, (message_id,)).fetchone())


def _message(message_id: int, body: str, dequeue_count: int, inserted_at: int) -> QueuedMessage:
    return QueuedMessage(str(message_id), body, dequeue_count, str(dequeue_count), moment(inserted_at))
