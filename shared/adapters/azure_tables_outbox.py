"""Commands in Azure Tables, from their order to their outcome.

Owns the states of a command row and who may change it when. Knows nothing of what commands do or of the queue.
Beside each command that is not finished lies a row that lists it as open, with the moment from which it is to be queued
(again). A finished command takes that row away and leaves another: the signal that tells its outcome, until it is in
the inbox.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from shared.adapters.azure_tables_inbox import TOLD, AzureInbox
from shared.adapters.azure_tables_keys import at, beginning, bucket, hashed, key, rising
from shared.adapters.azure_tables_part import in_every_bucket, tries
from shared.adapters.azure_tables_rows import Row, Search, Write, due_by, row_of, tag_of
from shared.adapters.moments import micros
from shared.domain.decisions import Decision
from shared.domain.effects import AnyCommand
from shared.domain.outcomes import Failed, Final, Outcome, Skipped, Started
from shared.domain.records import CommandRow, SignalRow
from shared.domain.values import encode, replace
from shared.ports import ConflictError

OPEN = "open"
_AT_ONCE = rising(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Next:
    """A command row as it is to be, and from when it is to be queued (again); None for a finished one."""

    row: CommandRow
    due_at: datetime | None


class AzureOutbox(AzureInbox):
    """``ports.Outbox`` on Azure Tables."""

    async def command(self, subject: str, command_id: str) -> CommandRow | None:
        """One command."""
        found = await self._ledger.get(bucket(subject), key("command", subject, command_id))
        return None if found is None else await self._command_in(found)

    async def commands(self, decision_id: str, subject: str | None = None) -> list[CommandRow]:
        """The commands of a decision, in its order; none when it has another subject than the one that is named."""

        async def look(partition: str) -> list[Row]:
            found = await self._ledger.get(partition, key("decision", decision_id))
            return [] if found is None else [found]

        rows = await (in_every_bucket(look) if subject is None else look(bucket(subject)))
        decisions = [msgspec.json.decode(body, type=Decision) for body in await self._bodies_of(rows)]
        wanted = [(each.subject, command.id) for each in decisions for command in each.commands]
        found = await asyncio.gather(*(self.command(*names) for names in wanted if subject in (None, names[0])))
        return [row for row in found if row is not None and row.decision == decision_id]

    async def claim(
        self, subject: str, command_id: str, owner: str, now: datetime, until: datetime
    ) -> CommandRow | None:
        """Claim a command that is pending or started, and due, or whose claim has expired; None when it is not to be had.

        Due means that ``not_before`` has come. A claim has expired from ``claimed_until`` on, for its owner too.
        The returned row is as before the claim but for owner, claimed_until and attempts.
        """
        claimed: list[CommandRow] = []

        def claim(row: CommandRow) -> _Next | None:
            if not _is_free(row, now):
                return None
            row = replace(row, owner=owner, claimed_until=until, attempts=row.attempts + 1)
            claimed[:] = [row]
            # Whatever queued it has now arrived: should this claim expire, the command is to be queued again.
            return _Next(replace(row, state="claimed", sent=False), until)

        return claimed[0] if await self._change(subject, command_id, claim) else None

    async def record_started(self, subject: str, command_id: str, owner: str, outcome: Started) -> None:
        """Keep a started operation and when to look again; the claim ends. Raises ConflictError when the claim is lost."""

        def record(row: CommandRow) -> _Next:
            look_again_at = outcome.look_again_at
            row = replace(_unclaimed(row, owner), state="started", outcome=outcome, not_before=look_again_at)
            return _Next(row, look_again_at)

        await self._change_owned(subject, command_id, owner, record)

    async def release(self, subject: str, command_id: str, owner: str, outcome: Outcome, not_before: datetime) -> None:
        """Give a command back to be tried again, unsent, with what happened. Raises ConflictError when the claim is lost.

        A command whose operation has started stays started and keeps that outcome, to be looked at again, unless the
        operation failed: then it begins anew. What was skipped was not tried, and does not count as an attempt.
        """

        def release(row: CommandRow) -> _Next:
            row = _unclaimed(row, owner)
            kept = row.outcome if isinstance(row.outcome, Started) and not isinstance(outcome, Failed) else outcome
            kept = outcome if isinstance(outcome, Started) else kept
            state = "started" if isinstance(kept, Started) else "pending"
            row = replace(row, attempts=row.attempts - isinstance(outcome, Skipped))
            return _Next(replace(row, state=state, outcome=kept, not_before=not_before), not_before)

        await self._change_owned(subject, command_id, owner, release)

    async def finish(self, subject: str, command_id: str, owner: str, outcome: Final, row: SignalRow) -> None:
        """Keep the outcome and accept the signal that tells it, in one transaction. Raises ConflictError if not owned.

        The command is finished at the moment at which the signal was received. The signal is brought to the inbox after
        the transaction; should that fail (StoreUnavailableError), ``undecided`` brings it there.
        """

        def finish(command: CommandRow) -> _Next:
            command = replace(_unclaimed(command, owner), state="finished", outcome=outcome, not_before=None)
            return _Next(replace(command, finished_at=row.received_at), None)

        partition, row_key = bucket(subject), key(TOLD, hashed(row.signal.dedup_key))
        told = row_of(partition, row_key, **await self._bodies.put("ledger", partition, row_key, encode(row)))
        await self._change_owned(subject, command_id, owner, finish, Write("upsert", told))
        await self._bring(told)

    async def sendable(self, now: datetime, limit: int) -> list[CommandRow]:
        """Commands to be queued now, oldest first: pending, started and due, or with an expired claim, if not queued."""
        return await self._open(Search(due_by(now)), limit)

    async def _open(self, search: Search, limit: int) -> list[CommandRow]:
        low = beginning(OPEN)
        rows = await in_every_bucket(lambda partition: self._ledger.beginning(partition, low, search))
        oldest = sorted(rows, key=lambda row: row["Order"])[:limit]
        found = await asyncio.gather(*(self._ledger.get(row["PartitionKey"], row["Command"]) for row in oldest))
        return list(await asyncio.gather(*(self._command_in(row) for row in found if row is not None)))

    async def unfinished(self, limit: int) -> list[CommandRow]:
        """Commands that have no end yet, oldest first."""
        return await self._open(Search(), limit)

    async def reopen(self, subject: str, command_id: str) -> CommandRow | None:
        """Make a command that ended as failed pending again, unsent and with no attempts; None when there is none such.

        What it failed of stays its outcome until there is another.
        """
        reopened: list[CommandRow] = []

        def reopen(row: CommandRow) -> _Next | None:
            if row.state != "finished" or not isinstance(row.outcome, Failed):
                return None
            row = replace(row, state="pending", attempts=0, finished_at=None)
            reopened[:] = [row]
            return _Next(row, _EPOCH)

        return reopened[0] if await self._change(subject, command_id, reopen) else None

    async def mark_sent(self, subject: str, command_id: str, until: datetime) -> None:
        """The command is queued; it is sendable again only after ``until``, or once it was claimed and given back.

        Does nothing for a command that is finished or unknown.
        """

        def mark(row: CommandRow) -> _Next | None:
            if row.state == "finished":
                return None
            due_at = row.claimed_until if row.state == "claimed" else row.not_before
            return _Next(replace(row, sent=True), until if due_at is None else max(due_at, until))

        await self._change(subject, command_id, mark)

    async def _change_owned(
        self, subject: str, command_id: str, owner: str, change: Callable[[CommandRow], _Next], *more: Write
    ) -> None:
        if not await self._change(subject, command_id, change, *more):
            raise ConflictError(f"{owner} has no claim on the command {command_id} of {subject}")

    async def _change(
        self, subject: str, command_id: str, change: Callable[[CommandRow], _Next | None], *more: Write
    ) -> bool:
        """Change a command, and its listing with it; whether it exists and was to be changed."""
        async for _ in tries(f"the command {command_id}"):
            found = await self._ledger.get(bucket(subject), key("command", subject, command_id))
            to_be = None if found is None else change(await self._command_in(found))
            if found is None or to_be is None:
                return False
            try:
                await self._ledger.write([*await self._rows_of_change(found, to_be), *more])
            except ConflictError:
                continue
            return True
        raise AssertionError("the tries end by raising")

    async def _rows_of_change(self, found: Row, to_be: _Next) -> list[Write]:
        partition, row_key = found["PartitionKey"], found["RowKey"]
        body = await self._bodies.put("ledger", partition, row_key, encode(to_be.row))
        changed = Write("update", row_of(partition, row_key, Order=found["Order"], **body), tag_of(found))
        subject, command_id = to_be.row.subject, to_be.row.command.id
        if to_be.due_at is None:
            return [changed, Write("delete", row_of(partition, key(OPEN, subject, command_id)))]
        return [changed, Write("upsert", _open_row(subject, command_id, at(to_be.due_at), found["Order"]))]

    async def _command_in(self, row: Row) -> CommandRow:
        return msgspec.json.decode(await self._bodies.get(row), type=CommandRow)


def new_command(decision: Decision, command: AnyCommand, commits: int, position: int) -> tuple[Row, Row, bytes]:
    """A command as pending and unsent: its row without its body, the row that lists it as open, and its body."""
    subject = decision.subject
    row = CommandRow(
        command=command,
        subject=subject,
        decision=decision.id,
        state="pending",
        depth=decision.depth,
        created_at=decision.decided_at,
    )
    order = key(rising(micros(row.created_at)), rising(commits), rising(position))
    ordered = row_of(bucket(subject), key("command", subject, command.id), Order=order)
    return ordered, _open_row(subject, command.id, _AT_ONCE, order), encode(row)


def _open_row(subject: str, command_id: str, due_at: str, order: str) -> Row:
    listed_as, command = key(OPEN, subject, command_id), key("command", subject, command_id)
    return row_of(bucket(subject), listed_as, DueAt=due_at, Order=order, Command=command)


def _is_free(row: CommandRow, now: datetime) -> bool:
    if row.state == "finished":
        return False
    due_at = row.claimed_until if row.state == "claimed" else row.not_before
    return due_at is None or due_at <= now


def _unclaimed(row: CommandRow, owner: str) -> CommandRow:
    if row.state != "claimed" or row.owner != owner:
        raise ConflictError(f"{owner} has no claim on the command {row.command.id} of {row.subject}")
    return replace(row, owner="", claimed_until=None, sent=False)
