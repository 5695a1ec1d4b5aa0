"""Commands in SQLite, from their order to their outcome.

Owns the states of a command row and who may change it when. Knows nothing of what commands do or of the queue.
One column answers "what is to be queued": ``sendable_at``, the moment from which a row is to be queued (again), which
is never for a finished one. Every change of a row says what that moment now is.
"""

import sqlite3
from datetime import datetime

import msgspec

from shared.adapters.moments import micros
from shared.adapters.sqlite_database import OnDatabase
from shared.adapters.sqlite_inbox import add_signal
from shared.domain.decisions import Decision
from shared.domain.effects import AnyCommand
from shared.domain.outcomes import Failed, Final, Outcome, Skipped, Started
from shared.domain.records import CommandRow, SignalRow
from shared.domain.values import encode, replace
from shared.ports import ConflictError

_AT_ONCE = 0
_NEVER = None


class SqliteOutbox(OnDatabase):
    """``ports.Outbox`` on one SQLite file."""

    async def command(self, subject: str, command_id: str) -> CommandRow | None:
        """One command."""
        return await self._database.read(lambda connection: _load(connection, subject, command_id))

    async def commands(self, decision_id: str, subject: str | None = None) -> list[CommandRow]:
        """The commands of a decision, in its order; none when it has another subject than the one that is named."""
        statement = """
            SELECT body FROM commands
            WHERE decision = :decision AND subject = coalesce(:subject, subject) ORDER BY position
        """
        parameters = {"decision": decision_id, "subject": subject}
        found = await self._database.read(lambda connection: connection.execute(statement, parameters).fetchall())
        return [msgspec.json.decode(body, type=CommandRow) for (body,) in found]

    async def claim(
        self, subject: str, command_id: str, owner: str, now: datetime, until: datetime
    ) -> CommandRow | None:
        """Claim a command that is pending or started, and due, or whose claim has expired; None when it is not to be had.

        Due means that ``not_before`` has come. A claim has expired from ``claimed_until`` on, for its owner too.
        The returned row is as before the claim but for owner, claimed_until and attempts.
        """

        def claim(connection: sqlite3.Connection) -> CommandRow | None:
            row = _load(connection, subject, command_id)
            if row is None or not _is_free(row, now):
                return None
            row = replace(row, owner=owner, claimed_until=until, attempts=row.attempts + 1)
            # Whatever queued it has now arrived: should this claim expire, the command is to be queued again.
            _save(connection, replace(row, state="claimed", sent=False), micros(until))
            return row

        return await self._database.write(claim)

    async def record_started(self, subject: str, command_id: str, owner: str, outcome: Started) -> None:
        """Keep a started operation and when to look again; the claim ends. Raises ConflictError when the claim is lost."""

        def record(connection: sqlite3.Connection) -> None:
            row = _unclaimed(_owned(connection, subject, command_id, owner))
            look_again_at = outcome.look_again_at
            row = replace(row, state="started", outcome=outcome, not_before=look_again_at)
            _save(connection, row, micros(look_again_at))

        await self._database.write(record)

    async def release(self, subject: str, command_id: str, owner: str, outcome: Outcome, not_before: datetime) -> None:
        """Give a command back to be tried again, unsent, with what happened. Raises ConflictError when the claim is lost.

        A command whose operation has started stays started and keeps that outcome, to be looked at again, unless the
        operation failed: then it begins anew. What was skipped was not tried, and does not count as an attempt.
        """

        def release(connection: sqlite3.Connection) -> None:
            row = _unclaimed(_owned(connection, subject, command_id, owner))
            kept = row.outcome if isinstance(row.outcome, Started) and not isinstance(outcome, Failed) else outcome
            kept = outcome if isinstance(outcome, Started) else kept
            state = "started" if isinstance(kept, Started) else "pending"
            row = replace(row, attempts=row.attempts - isinstance(outcome, Skipped))
            _save(connection, replace(row, state=state, outcome=kept, not_before=not_before), micros(not_before))

        await self._database.write(release)

    async def finish(self, subject: str, command_id: str, owner: str, outcome: Final, row: SignalRow) -> None:
        """Keep the outcome and accept the signal that tells it, in one transaction. Raises ConflictError if not owned.

        The command is finished at the moment at which the signal was received.
        """

        def finish(connection: sqlite3.Connection) -> None:
            command = _unclaimed(_owned(connection, subject, command_id, owner))
            finished_at = row.received_at
            command = replace(command, state="finished", outcome=outcome, not_before=None, finished_at=finished_at)
            _save(connection, command, _NEVER)
            add_signal(connection, row)

        await self._database.write(finish)

    async def sendable(self, now: datetime, limit: int) -> list[CommandRow]:
        """Commands to be queued now, oldest first: pending, started and due, or with an expired claim, if not queued."""
        statement = "SELECT body FROM commands WHERE sendable_at <= ? ORDER BY created_at, position LIMIT ?"
        parameters = (micros(now), limit)
        found = await self._database.read(lambda connection: connection.execute(statement, parameters).fetchall())
        return [msgspec.json.decode(body, type=CommandRow) for (body,) in found]

    async def unfinished(self, limit: int) -> list[CommandRow]:
        """Commands that have no end yet, oldest first."""
        statement = """
            SELECT body FROM commands WHERE sendable_at IS NOT NULL ORDER BY created_at, position LIMIT ?
        """
        found = await self._database.read(lambda connection: connection.execute(statement, (limit,)).fetchall())
        return [msgspec.json.decode(body, type=CommandRow) for (body,) in found]

    async def reopen(self, subject: str, command_id: str) -> CommandRow | None:
        """Make a command that ended as failed pending again, unsent and with no attempts; None when there is none such.

        What it failed of stays its outcome until there is another.
        """

        def reopen(connection: sqlite3.Connection) -> CommandRow | None:
            row = _load(connection, subject, command_id)
            if row is None or row.state != "finished" or not isinstance(row.outcome, Failed):
                return None
            row = replace(row, state="pending", attempts=0, finished_at=None)
            _save(connection, row, _AT_ONCE)
            return row

        return await self._database.write(reopen)

    async def mark_sent(self, subject: str, command_id: str, until: datetime) -> None:
        """The command is queued; it is sendable again only after ``until``, or once it was claimed and given back.

        Does nothing for a command that is finished or unknown.
        """

        def mark(connection: sqlite3.Connection) -> None:
            row = _load(connection, subject, command_id)
            if row is None or row.state == "finished":
                return
            due_at = row.claimed_until if row.state == "claimed" else row.not_before
            _save(connection, replace(row, sent=True), micros(until if due_at is None else max(due_at, until)))

        await self._database.write(mark)


def add_command(connection: sqlite3.Connection, decision: Decision, command: AnyCommand) -> None:
    """Add a command as pending and unsent, inside the caller's transaction, unless it is there already."""
    row = CommandRow(
        command=command,
        subject=decision.subject,
        decision=decision.id,
        state="pending",
        depth=decision.depth,
        created_at=decision.decided_at,
    )
    connection.execute(
        """INSERT INTO commands (subject, id, decision, created_at, sendable_at, body) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING""",
        (row.subject, command.id, row.decision, micros(row.created_at), _AT_ONCE, encode(row)),
    )


def _load(connection: sqlite3.Connection, subject: str, command_id: str) -> CommandRow | None:
    statement = "SELECT body FROM commands WHERE subject = ? AND id = ?"
    found = connection.execute(statement, (subject, command_id)).fetchone()
    return None if found is None else msgspec.json.decode(found[0], type=CommandRow)


def _save(connection: sqlite3.Connection, row: CommandRow, sendable_at: int | None) -> None:
    statement = "UPDATE commands SET sendable_at = ?, body = ? WHERE subject = ? AND id = ?"
    connection.execute(statement, (sendable_at, encode(row), row.subject, row.command.id))


def _is_free(row: CommandRow, now: datetime) -> bool:
    if row.state == "finished":
        return False
    due_at = row.claimed_until if row.state == "claimed" else row.not_before
    return due_at is None or due_at <= now


def _owned(connection: sqlite3.Connection, subject: str, command_id: str, owner: str) -> CommandRow:
    row = _load(connection, subject, command_id)
    if row is None or row.state != "claimed" or row.owner != owner:
        raise ConflictError(f"{owner} has no claim on the command {command_id} of {subject}")
    return row


def _unclaimed(row: CommandRow) -> CommandRow:
    return replace(row, owner="", claimed_until=None, sent=False)
