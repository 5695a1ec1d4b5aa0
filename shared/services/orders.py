"""What is ordered and not done: every command without an end, those that failed, and how a person sends one again.

Owns which of them are overdue, and which ended ones may be reopened. Carries nothing out: that is ``execute``'s.
"""

from datetime import datetime, timedelta

from shared.domain.commands import ReadCollected, ReadReferenced, kind_of
from shared.domain.effects import Message
from shared.domain.outcomes import Failed
from shared.domain.records import CommandRow
from shared.domain.routing import workload_of
from shared.ports import Clock, CommandQueue, Store
from shared.rendering.shown import ShownCommand
from shared.services.outbox import send_row

OVERDUE_AFTER = timedelta(minutes=3)  # the sweep sends again after one; a command that nobody took by then is stuck
LOOKED_THROUGH_MAX = 1000  # commands without an end, and decisions that are searched for failed ones


class CannotRedriveError(Exception):
    """A command is not to be sent again; the text says why, and what to do."""


class Orders:
    """Looks at commands, and sends one again. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, queue: CommandQueue, clock: Clock) -> None:
        self._store, self._queue, self._clock = store, queue, clock

    async def unfinished(self, workload: str = "") -> list[ShownCommand]:
        """Commands that have no end yet, of one workload or of all, oldest first."""
        return self._shown(await self._store.unfinished(LOOKED_THROUGH_MAX), workload)

    async def failed(self, workload: str = "") -> list[ShownCommand]:
        """Commands of the newest decisions that ended as failed, oldest first."""
        decisions = await self._store.decisions(None, LOOKED_THROUGH_MAX)
        rows = [row for each in decisions if each.commands for row in await self._store.commands(each.id, each.subject)]
        failed = [row for row in rows if row.state == "finished" and isinstance(row.outcome, Failed)]
        return self._shown(failed, workload)

    async def redrive(self, command_id: str) -> ShownCommand:
        """Queue a command again, and what it then is; a message that failed, or a file that was not read, is reopened first.

        Its claim, its due time and everything that could hold it count as ever. Raises CannotRedriveError.
        """
        row = await self._found(command_id)
        if row.state == "finished":
            row = await self._reopened(row)
        await send_row(self._store, self._queue, row, self._clock.now())
        return self._shown([row], "")[0]

    async def _found(self, command_id: str) -> CommandRow:
        shown = [*await self.unfinished(), *await self.failed()]
        found = next((each.row for each in shown if each.row.command.id == command_id), None)
        if found is None:
            raise CannotRedriveError(
                f"no command without an end, and none that failed lately, has the id {command_id}: "
                "take one from outerloop outbox"
            )
        return found

    async def _reopened(self, row: CommandRow) -> CommandRow:
        if not isinstance(row.command, Message | ReadCollected | ReadReferenced):
            raise CannotRedriveError(
                f"{kind_of(row.command)} {row.command.id} ended as failed, and the rules have acted on that "
                f"(outerloop explain {row.command.id}): ask for what is to happen now, with outerloop ask"
            )
        reopened = await self._store.reopen(row.subject, row.command.id)
        if reopened is None:
            raise CannotRedriveError(f"somebody else has sent {row.command.id} again just now")
        return reopened

    def _shown(self, rows: list[CommandRow], workload: str) -> list[ShownCommand]:
        now = self._clock.now()
        return [_shown(row, now) for row in rows if workload in ("", workload_of(row.subject))]


def _shown(row: CommandRow, now: datetime) -> ShownCommand:
    if row.state == "finished":
        return ShownCommand(row, now - row.created_at, next_try=None, overdue=False)
    next_try = (row.claimed_until if row.state == "claimed" else row.not_before) or row.created_at
    return ShownCommand(row, now - row.created_at, next_try, now >= next_try + OVERDUE_AFTER)
