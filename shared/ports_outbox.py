"""What the services need of the store about commands, from their order to their outcome, as a Protocol.

Owns the promises. ``ports.Store`` has them among its own.
"""

from datetime import datetime
from typing import Protocol

from shared.domain.outcomes import Final, Outcome, Started
from shared.domain.records import CommandRow, SignalRow


class Outbox(Protocol):
    """Commands from their order to their outcome."""

    async def command(self, subject: str, command_id: str) -> CommandRow | None:
        """One command."""
        ...

    async def commands(self, decision_id: str, subject: str | None = None) -> list[CommandRow]:
        """The commands of a decision. Who knows its subject says so."""
        ...

    async def claim(
        self, subject: str, command_id: str, owner: str, now: datetime, until: datetime
    ) -> CommandRow | None:
        """Claim a command that is pending, started and due, or whose claim has expired; None when it is not to be had.

        The returned row is as before the claim but for owner, claimed_until and attempts: its ``state`` tells whether
        it is begun (pending), looked at (started) or was left by a crash in mid-effect (claimed).
        """
        ...

    async def record_started(self, subject: str, command_id: str, owner: str, outcome: Started) -> None:
        """Keep a started operation and when to look again; the claim ends. Raises ConflictError when the claim is lost."""
        ...

    async def release(self, subject: str, command_id: str, owner: str, outcome: Outcome, not_before: datetime) -> None:
        """Give a command back to be tried again, unsent, with what happened. Raises ConflictError when the claim is lost.

        A started one stays started unless the outcome is ``Failed``: then it begins anew. ``Skipped`` is no attempt.
        """
        ...

    async def finish(self, subject: str, command_id: str, owner: str, outcome: Final, row: SignalRow) -> None:
        """Keep the outcome and accept the signal that tells it, in one transaction. Raises ConflictError if not owned."""
        ...

    async def sendable(self, now: datetime, limit: int) -> list[CommandRow]:
        """Commands to be queued now: pending and unsent, started and due, or with an expired claim."""
        ...

    async def unfinished(self, limit: int) -> list[CommandRow]:
        """Commands that have no end yet, oldest first."""
        ...

    async def reopen(self, subject: str, command_id: str) -> CommandRow | None:
        """Make a command that ended as failed pending again, unsent and with no attempts; None when there is none such."""
        ...

    async def mark_sent(self, subject: str, command_id: str, until: datetime) -> None:
        """The command is queued; it is sendable again only after ``until`` (should the queue lose it)."""
        ...
