"""What is known of a command's earlier attempts, and what that means for the next one.

Owns these judgements on a row. Reads and writes nothing: ``execute`` does.
"""

from datetime import datetime, timedelta

from shared.domain.commands import RollBackTraffic, SetTraffic
from shared.domain.effects import Dispatch
from shared.domain.outcomes import Failed, Final, Outcome, Skipped, Started, Unknown
from shared.domain.records import CommandRow
from shared.domain.values import replace

WAIT_MAX = timedelta(hours=1)  # however long a target asks for
ROLLBACK_WAIT_MAX = timedelta(seconds=15)  # the same, while users are served by a version that fails
# A run that was started elsewhere shows in its lists by then. GitHub names no bound between its answer and its list: a training that
# begins half an hour late is better than one that runs twice. Only an order whose answer was lost waits for it.
FIND_AFTER = timedelta(minutes=30)


def may_begin(row: CommandRow, now: datetime) -> bool:
    """Whether a claim would begin (or repeat) the effect, and not look after one that is under way."""
    left = row.state == "claimed" and row.claimed_until is not None and row.claimed_until <= now
    return (row.state == "pending" or left) and not isinstance(row.outcome, Started)


def tried(row: CommandRow) -> bool:
    """Whether an earlier attempt may have had the effect. ``attempts`` counts the present one too."""
    return row.attempts > 1 or not isinstance(row.outcome, Skipped | None)


def under_way_since(row: CommandRow) -> datetime | None:
    """Since when its operation is under way, if one is; an earlier release wrote down only when it was ordered."""
    return (row.outcome.since or row.created_at) if isinstance(row.outcome, Started) else None


def again_at(row: CommandRow, outcome: Failed | Unknown, now: datetime, backoff: timedelta) -> datetime:
    """When a command is tried again: after its backoff, when its target takes it again, and when an effect can be found by its mark."""
    wait = backoff
    if isinstance(outcome, Failed) and outcome.until:
        wait = max(wait, min(outcome.until - now, WAIT_MAX))
    if isinstance(outcome, Unknown) and isinstance(row.command, Dispatch):
        wait = max(wait, FIND_AFTER)
    return _in_time(row, now + wait, now)


def look_again(row: CommandRow, outcome: Started, now: datetime) -> Started:
    """An operation under way, with the moment since when it is, and when it is looked at again."""
    at = _in_time(row, outcome.look_again_at, now)
    return replace(outcome, since=under_way_since(row) or now, look_again_at=at)


def _in_time(row: CommandRow, at: datetime, now: datetime) -> datetime:
    """A rollback asks more often than its target likes, and is told to a person at its deadline."""
    if not isinstance(row.command, RollBackTraffic):
        return at
    return min(at, now + ROLLBACK_WAIT_MAX, max(row.command.until, now))


def begun(row: CommandRow) -> bool:
    """Whether an earlier attempt may have had its effect, as far as nobody knows."""
    return row.state == "claimed" or isinstance(row.outcome, Unknown)


def depth_after(row: CommandRow, outcome: Final) -> int:
    """An order that a limit refused was no action of ours: what is ordered in its place lies no deeper than it did."""
    refused = isinstance(outcome, Skipped) and outcome.refusals
    return max(row.depth - 1, 0) if refused else row.depth + 1


def left(row: CommandRow, reason: str) -> Skipped | Failed:
    """The end of a command that is not wanted any more. Traffic that it may have set all the same is for the rules to mend."""
    if begun(row) and isinstance(row.command, SetTraffic):
        reason = f"{reason}; whether it was done before is unknown"
        return Failed(retryable=False, reason=reason, data={"traffic": "unknown"})
    return Skipped(reason=reason)


def kept(row: CommandRow, outcome: Outcome) -> Outcome:
    """What a command that is given back is remembered by: a wait must not hide an operation, or that it may be done."""
    if isinstance(row.outcome, Started) and not isinstance(outcome, Failed):
        return row.outcome
    if isinstance(outcome, Skipped) and row.state == "claimed":
        return Unknown(reason="a crash left it unknown whether this was done")
    if isinstance(outcome, Skipped) and isinstance(row.outcome, Unknown):
        return row.outcome
    if isinstance(outcome, Failed) and begun(row):  # that this try had no effect says nothing of the one before
        return Unknown(reason=f"an earlier try may have done it; then: {outcome.reason}")
    return outcome
