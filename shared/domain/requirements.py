"""What has to be there before anything is retrained: enough new labelled rows, enough new files.

Owns the counting since the last retraining, and which signals make it worth while to ask how many labelled rows there are.
Reads nothing itself: rows are gathered beforehand (``services.decide``), files are counted as they arrive (``arrivals``).
"""

from datetime import timedelta

from shared.domain.arrivals import Arrivals
from shared.domain.decisions import Reason
from shared.domain.facts import Facts, Ordered
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.platform_signals import DataArrived
from shared.domain.policy_retraining import Retraining
from shared.domain.policy_triggers import Requirements
from shared.domain.routing import collects, data_rules
from shared.domain.signals import CommandFinished, HoldElapsed, MonitorBreached, OperatorAsked, ScheduleElapsed, Signal
from shared.domain.situation import Situation, because
from shared.domain.telemetry_signals import PerformanceMeasured, WindowClosed
from shared.domain.values import replace

NEXT_LOOK = timedelta(hours=1)  # labels bring no event with them: somebody has to look


def unmet(situation: Situation) -> tuple[Reason, ...]:
    """Each requirement that new data do not meet yet, with what has to arrive."""
    retraining = situation.workload.retrain
    requires = retraining.requires if retraining else None
    if retraining is None or requires is None:
        return ()
    found = (_too_few_rows(situation, retraining, requires), _too_few_files(situation, requires))
    return tuple(reason for reason in found if reason)


def _too_few_rows(situation: Situation, retraining: Retraining, requires: Requirements) -> Reason | None:
    wanted, data = requires.new_labelled_rows_min, retraining.trainer.data
    if wanted is None:
        return None
    until = situation.now + NEXT_LOOK
    if situation.labelled_rows is None:
        why = situation.rows_unknown or f"{data} has no tag rows that is a whole number"
        release = f"let whoever publishes {data} tag each version with rows=N, how many labelled rows it holds in all"
        return because(
            "labelled_rows_unknown", f"how many labelled rows there are is unknown: {why}", until=until, release=release
        )
    before = situation.facts.labelled_rows or 0
    new = situation.labelled_rows - before
    if new >= wanted:
        return None
    text = f"{data} holds {new:,} new labelled rows ({situation.labelled_rows:,}, and {before:,} at the last retraining); {wanted:,} are needed"
    release = f"when a version of {data} is published with at least {before + wanted:,} rows"
    return because("new_labelled_rows", text, observed=new, limit=wanted, until=until, release=release)


def _too_few_files(situation: Situation, requires: Requirements) -> Reason | None:
    wanted, there = requires.new_files_min, situation.facts.arrivals
    if wanted is None or there.count >= wanted:
        return None
    text = f"{described(there)} since the last retraining; {wanted} are needed"
    release = f"when {wanted - there.count} more arrive"
    until = situation.now + NEXT_LOOK
    return because("new_files", text, observed=there.count, limit=wanted, until=until, release=release)


def described(arrivals: Arrivals) -> str:
    """How much arrived, in words."""
    newest = f", the newest at {arrivals.newest:%Y-%m-%d %H:%M} UTC" if arrivals.newest and arrivals.count else ""
    files = "file" if arrivals.count == 1 else "files"
    return f"{arrivals.count} new {files} ({arrivals.size_bytes:,} bytes{newest})"


def used(situation: Situation, facts: Facts) -> Facts:
    """The facts once a retraining is ordered: what is there now is no longer new."""
    rows = facts.labelled_rows if situation.labelled_rows is None else situation.labelled_rows
    return replace(facts, arrivals=Arrivals(), labelled_rows=rows)


def using(situation: Situation, facts: Facts) -> Ordered:
    """What an order of this moment uses up."""
    return Ordered(at=situation.now, arrivals=replace(facts.arrivals, files=()), labelled_rows=facts.labelled_rows)


def using_too(situation: Situation, order: Ordered) -> Ordered:
    """What an order uses up that goes on at this moment, with what arrived since it was given."""
    arrivals = given_back(situation.facts, order).arrivals
    return replace(order, arrivals=replace(arrivals, files=()))


def given_back(facts: Facts, order: Ordered) -> Facts:
    """The facts once an order was refused: it was no retraining, and what it used up is as new as it was.

    A file of before that is written again meanwhile counts again.
    """
    newest = max((at for at in (facts.arrivals.newest, order.arrivals.newest) if at), default=None)
    count = facts.arrivals.count + order.arrivals.count
    size_bytes = facts.arrivals.size_bytes + order.arrivals.size_bytes
    arrivals = replace(facts.arrivals, count=count, size_bytes=size_bytes, newest=newest)
    past = tuple(at for at in facts.retrained_at if at != order.at)
    return replace(facts, arrivals=arrivals, labelled_rows=order.labelled_rows, retrained_at=past)


def asks_for_rows(situation: Situation) -> bool:
    """Whether the policy wants labelled rows counted, and the signal may bring about a retraining."""
    retraining = situation.workload.retrain
    if retraining is None or retraining.requires is None or retraining.requires.new_labelled_rows_min is None:
        return False
    if isinstance(situation.heard, DataArrived) and not isinstance(situation.signal, HoldElapsed):
        return _may_begin(situation, situation.heard)
    if isinstance(situation.heard, CommandFinished) and not isinstance(situation.signal, HoldElapsed):
        # A refusal is only recorded; it is ordered anew when it has waited. What a refresh brought goes into the training.
        return situation.heard.command_kind == "RefreshData" and isinstance(situation.heard.outcome, Succeeded)
    return _wants_training(situation.heard)


def _may_begin(situation: Situation, signal: DataArrived) -> bool:
    """Files come by the thousand: those that are only counted, or a collector's, do not ask for the rows."""
    wants = any(rule.then == "retrain" for rule in data_rules(situation.workload, signal))
    wants = wants and not collects(situation.workload, signal)
    return wants and situation.facts.open_incident("data_arrival") is None


def _wants_training(signal: Signal) -> bool:
    if isinstance(signal, CommandFinished):
        refused = isinstance(signal.outcome, Skipped) and bool(signal.outcome.refusals)
        return refused or signal.command_kind == "RefreshData"
    if isinstance(signal, OperatorAsked):
        return signal.action == "retrain"
    return isinstance(signal, WindowClosed | PerformanceMeasured | MonitorBreached | ScheduleElapsed | DataArrived)


def may_be_met(situation: Situation, before: Arrivals, after: Arrivals) -> bool:
    """Whether the files that just arrived may release what waits: they are enough by now, or labels may have come with them."""
    requires = situation.workload.retrain.requires if situation.workload.retrain else None
    if requires is None:
        return False
    enough = after.count >= (requires.new_files_min or 0)
    were_enough = before.count >= (requires.new_files_min or 0)
    return enough and (not were_enough or requires.new_labelled_rows_min is not None)
