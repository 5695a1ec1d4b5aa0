"""What was done about a workload, at its place in event time: versions that began to serve, retrainings, rollbacks.

Owns which commands count as that, and where they lie beside windows whose rows may be much older than the decisions about them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.commands import DispatchTraining, Retrain, RollBackTraffic, SetTraffic
from shared.domain.decisions import Decision
from shared.domain.outcomes import Failed, Skipped, Succeeded
from shared.domain.records import CommandRow
from shared.rendering.history import Mark, MarkKind, ShownWindow

MARKS_SHOWN_MAX = 40  # the newest


@dataclass(frozen=True, slots=True)
class Done:
    """A command, and the decision that ordered it."""

    decision: Decision
    row: CommandRow


def kind_of_mark(row: CommandRow) -> MarkKind | None:
    """What a command did to the workload, as far as a history shows it; None as long as it did not."""
    match row.command, row.outcome:
        case SetTraffic(traffic=traffic), Succeeded() if 100 in traffic.values():
            return "serves"
        case RollBackTraffic(), Succeeded():
            return "rollback"
        case ((Retrain() | DispatchTraining()), outcome) if row.state != "pending" and not isinstance(
            outcome, Skipped | Failed
        ):
            return "retraining"
    return None


def marks(
    done: Sequence[Done], known: Mapping[str, datetime], windows: Sequence[ShownWindow], versions: Mapping[str, str]
) -> tuple[Mark, ...]:
    """The marks of a history, by time; none beside no windows. ``known``: by decision, where the newest window ended then."""
    if not windows:
        return ()
    first, longest = min(window.start for window in windows), max(window.end - window.start for window in windows)
    found = _found(done, known, first, longest, versions)
    return tuple(sorted(found, key=lambda mark: mark.at)[-MARKS_SHOWN_MAX:])  # of one moment in the ledger's order


def _found(
    done: Sequence[Done],
    known: Mapping[str, datetime],
    first: datetime,
    longest: timedelta,
    versions: Mapping[str, str],
) -> Iterator[Mark]:
    for each in done:
        kind = kind_of_mark(each.row)
        if kind:
            ended = each.row.finished_at if kind != "retraining" else None
            newest = known.get(each.decision.id, first)
            yield Mark(
                placed(ended or each.decision.decided_at, newest, first, longest), kind, _version(each.row, versions)
            )


def placed(moment: datetime, newest: datetime, first: datetime, longest: timedelta) -> datetime:
    """Where something lies in event time: at its moment; in a replay, long after the rows, at the end of the newest window
    that was known then. Never before the first window.
    """
    return max(moment if moment <= newest + 2 * longest else newest, first)


def _version(row: CommandRow, versions: Mapping[str, str]) -> str:
    """The version that has all of the traffic afterwards; of a retraining there is none yet."""
    if not isinstance(row.command, SetTraffic | RollBackTraffic):
        return ""
    traffic = row.command.traffic
    deployment = max(traffic, key=lambda name: (traffic[name], name), default="")
    return versions.get(deployment, deployment.removeprefix("version-"))
