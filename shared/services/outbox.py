"""From a committed decision to the queue: what is written is sent, and what was not sent is found again.

Owns the sending of command ids. Knows nothing of what a command does.
"""

from datetime import datetime, timedelta

from shared.domain.decisions import Decision
from shared.domain.records import CommandRow
from shared.ports import CommandQueue, Store

SENT_FOR = timedelta(minutes=1)  # after this a queued command that nobody claimed counts as lost, and is sent again


async def send_all(store: Store, queue: CommandQueue, decision: Decision, now: datetime) -> None:
    """Queue every command of a decision that was just committed."""
    for command in decision.commands:
        await _send(store, queue, decision.subject, command.id, now, 0.0)


async def send_row(store: Store, queue: CommandQueue, row: CommandRow, now: datetime) -> None:
    """Queue one command, visible when it is due."""
    delay = (row.not_before - now).total_seconds() if row.not_before and row.not_before > now else 0.0
    await _send(store, queue, row.subject, row.command.id, now, delay)


async def _send(store: Store, queue: CommandQueue, subject: str, command_id: str, now: datetime, delay: float) -> None:
    # Marked first: marked afterwards, a fast executor's own "look again" would be overwritten. A crash between the two
    # costs the time that a lost message costs, and no more.
    await store.mark_sent(subject, command_id, now + timedelta(seconds=delay) + SENT_FOR)
    await queue.send(subject, command_id, delay)
