"""From a decision to what is said about it: by what changed in the facts, what was ordered, and what a command came to.

Owns when each type is announced. Pure, and the same for the same decision: a repeat says the same under the same ids.
Knows nothing of whether anybody listens.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from shared.domain.announcements import (
    ANNOUNCEMENTS_MAX,
    LISTED_MAX,
    TEXT_MAX,
    Announcement,
    AnnouncementData,
    AnnouncementType,
    CommandSaid,
    IncidentSaid,
    OutcomeSaid,
    ReasonSaid,
)
from shared.domain.commands import (
    DispatchTraining,
    Notify,
    RequestApproval,
    Retrain,
    RollBackTraffic,
    Training,
    kind_of,
)
from shared.domain.decisions import Decision, Evaluation, Reason
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts, Incident, Proposal, Version
from shared.domain.ids import derive
from shared.domain.lifecycle import VersionState
from shared.domain.outcomes import Failed, Skipped, Succeeded
from shared.domain.routing import is_budget, workload_of
from shared.domain.signals import CommandFinished, HoldElapsed, Signal
from shared.domain.situation import is_version
from shared.domain.values import replace


@dataclass(frozen=True, slots=True)
class _Said:
    """One type, and what of the decision it is about. ``about`` tells several of one type apart."""

    type: AnnouncementType
    about: str
    details: dict[str, Any]


def announce(evaluation: Evaluation, signal: Signal, before: Facts) -> tuple[Announcement, ...]:
    """Everything to be said about a decision, ``DecisionMade`` first, at most ``ANNOUNCEMENTS_MAX``.

    ``before`` are the facts that the decision was taken on.
    """
    decision, after = evaluation.decision, evaluation.facts
    found = [
        _Said("Outerloop.DecisionMade", "", {}),
        *_of_outcome(signal),
        *_of_people(decision, before, after),
        *_of_proposals(decision, before, after),
        *_of_budgets(decision, before, after),
        *_of_versions(signal, before, after),
        *_of_waiting_version(evaluation),
        *_of_rollout(decision, before, after),
        *_of_incidents(before, after),
        *_of_orders(decision, _rolled_back(before, after)),
    ]
    base = _data(decision)
    return tuple(_announcement(decision, base, said) for said in found[:ANNOUNCEMENTS_MAX])


def _announcement(decision: Decision, base: AnnouncementData, said: _Said) -> Announcement:
    return Announcement(
        id=derive("announcement", decision.id, said.type, said.about),
        type=said.type,
        subject=decision.subject,
        time=decision.decided_at,
        data=replace(base, **said.details),
    )


def _data(decision: Decision) -> AnnouncementData:
    return AnnouncementData(
        decision=decision.id,
        decided_at=decision.decided_at,
        subject=decision.subject,
        workload=workload_of(decision.subject),
        verdict=decision.verdict,
        rule=decision.rule,
        signal=decision.cause,
        signal_kind=decision.cause_kind,
        reasons=tuple(_reason(reason) for reason in decision.reasons[:LISTED_MAX]),
        commands=_listed(decision.commands),
        planned=_listed(decision.planned),
        policy_digest=decision.policy_digest,
    )


def _reason(reason: Reason) -> ReasonSaid:
    return ReasonSaid(
        code=reason.code,
        text=reason.text[:TEXT_MAX],
        observed=_short(reason.observed),
        limit=_short(reason.limit),
        until=reason.until,
    )


def _short(value: str | float | None) -> str | float | None:
    return value[:TEXT_MAX] if isinstance(value, str) else value


def _listed(commands: Iterable[AnyCommand]) -> tuple[CommandSaid, ...]:
    return tuple(CommandSaid(kind=kind_of(command), id=command.id) for command in commands)[:LISTED_MAX]


# A version that reaches one of these states is news; ``rolling_out`` and ``serving`` are told of by their rollout.
_REACHED: dict[VersionState, AnnouncementType] = {
    "staging": "Outerloop.PromotionStarted",
    "deploying": "Outerloop.ApprovalGranted",
    "rejected": "Outerloop.VersionRejected",
    "retired": "Outerloop.VersionRetired",
    "rolling_out": "Outerloop.RolloutStarted",
}


def _of_versions(signal: Signal, before: Facts, after: Facts) -> Iterator[_Said]:
    for name, version in after.versions.items():
        known = before.versions.get(name)
        was = known.state if known else None
        if was == version.state:
            continue
        if was == "awaiting_approval" and version.state == "rejected":
            yield _answered(signal, version)
        if said := _REACHED.get(version.state):
            yield _about(said, version)
        if was == "rolling_out" and version.state == "serving":
            yield _about("Outerloop.RolloutCompleted", version)


def _answered(signal: Signal, version: Version) -> _Said:
    expired = isinstance(signal, HoldElapsed)
    return _about("Outerloop.ApprovalExpired" if expired else "Outerloop.ApprovalRefused", version)


def _about(said: AnnouncementType, version: Version) -> _Said:
    approval = version.approval.id if version.approval and said.startswith("Outerloop.Approval") else ""
    return _Said(said, version.version, {"version": version.version, "approval": approval})


def _of_waiting_version(evaluation: Evaluation) -> Iterator[_Said]:
    decision = evaluation.decision
    if decision.verdict != "hold" or decision.rule not in ("promotion", "approval"):
        return
    waiting = (hold.signal.about for hold in evaluation.holds if is_version(hold.signal.about))
    version = next(waiting, "").removeprefix("version ")
    yield _Said("Outerloop.PromotionHeld", "", {"version": version})


def _of_rollout(decision: Decision, before: Facts, after: Facts) -> Iterator[_Said]:
    was, now = before.rollout, after.rollout
    if now is None:
        return
    details = {"version": now.version, "percent": now.percent}
    if was and was.version == now.version and now.percent > was.percent:
        yield _Said("Outerloop.RolloutAdvanced", now.version, details)
    elif decision.verdict in ("hold", "escalate") and decision.rule == "rollout" and now != was:
        yield _Said("Outerloop.RolloutHeld", now.version, details)


def _rolled_back(before: Facts, after: Facts) -> str:
    """The version that traffic is taken from by this decision; empty when only a late write is taken back."""
    away = (name for name, version in after.versions.items() if version.state == "rolled_back")
    return next((name for name in away if name in before.versions and before.versions[name].state != "rolled_back"), "")


def _of_orders(decision: Decision, away: str) -> Iterator[_Said]:
    for command in decision.commands:
        match command:
            case RollBackTraffic():
                yield _Said("Outerloop.RolledBack", command.id, {"version": away})
            case RequestApproval():
                yield _Said("Outerloop.ApprovalRequested", command.id, {"approval": command.approval_id})
            case Retrain() | DispatchTraining():
                yield _Said("Outerloop.RetrainOrdered", command.id, {})
            case Notify():
                yield _Said("Outerloop.PersonTold", command.id, {})
    for command in decision.planned:
        if isinstance(command, Training):
            yield _Said("Outerloop.RetrainHeld", command.id, {})


def _of_incidents(before: Facts, after: Facts) -> Iterator[_Said]:
    known = {incident.id: incident for incident in before.incidents}
    for incident in after.incidents:
        was = known.get(incident.id)
        if was is None or (was.state == "closed" and incident.state != "closed"):
            yield _incident("Outerloop.IncidentOpened", incident)
        if incident.state == "closed" and (was is None or was.state != "closed"):
            yield _incident("Outerloop.IncidentClosed", incident)


def _incident(said: AnnouncementType, incident: Incident) -> _Said:
    closed_as = incident.closed_as if said == "Outerloop.IncidentClosed" else ""
    shown = IncidentSaid(id=incident.id, kind=incident.kind, version=incident.version, closed_as=closed_as)
    return _Said(said, incident.id, {"incident": shown, "version": incident.version})


def _of_proposals(decision: Decision, before: Facts, after: Facts) -> Iterator[_Said]:
    """The answers to what would be begun. A question that something else has ended was not answered."""
    open_now = {proposal.asked.id: proposal for proposal in after.proposals.values()}
    codes = {reason.code for reason in decision.reasons}
    for proposal in before.proposals.values():
        now = open_now.get(proposal.asked.id)
        if now and now.approved and not proposal.approved:
            yield _proposed("Outerloop.ApprovalGranted", proposal)
        elif now is None and decision.rule == "proposal" and "refused" in codes:
            yield _proposed("Outerloop.ApprovalRefused", proposal)
        elif now is None and decision.rule == "proposal" and "expired" in codes:
            yield _proposed("Outerloop.ApprovalExpired", proposal)


def _proposed(said: AnnouncementType, proposal: Proposal) -> _Said:
    version = proposal.about.removeprefix("version ") if is_version(proposal.about) else ""
    return _Said(said, proposal.asked.id, {"version": version, "approval": proposal.asked.id})


def _of_people(decision: Decision, before: Facts, after: Facts) -> Iterator[_Said]:
    if before.paused != after.paused:
        yield _Said("Outerloop.Paused" if after.paused else "Outerloop.Resumed", "", {})
    if decision.verdict == "escalate":
        yield _Said("Outerloop.PersonNeeded", "", {})
    if decision.cause_kind == "SilenceAdded" and before.silences != after.silences:
        yield _Said("Outerloop.SilenceBegun", "", {})
    if decision.cause_kind == "SilenceExpired" and before.silences != after.silences:
        yield _Said("Outerloop.SilenceEnded", "", {})


def _of_budgets(decision: Decision, before: Facts, after: Facts) -> Iterator[_Said]:
    if is_budget(decision.subject) and decision.cause_kind == "BudgetCrossed" and decision.verdict == "act":
        yield _Said("Outerloop.BudgetCrossed", "", {})
    for key, freeze in after.freezes.items():
        was, details = before.freezes.get(key), {"budget": freeze.budget[:TEXT_MAX]}
        if freeze.lifted_by and was and not was.lifted_by:
            yield _Said("Outerloop.FreezeLifted", key, details)
        elif not freeze.lifted_by and (was is None or was.until != freeze.until or was.lifted_by):
            yield _Said("Outerloop.RetrainingFrozen", key, details)


def _of_outcome(signal: Signal) -> Iterator[_Said]:
    if not isinstance(signal, CommandFinished):
        return
    command = CommandSaid(kind=signal.command_kind, id=signal.command_id)
    match signal.outcome:
        case Succeeded():
            shown = OutcomeSaid(command=command, status="Succeeded")
            yield _Said("Outerloop.CommandSucceeded", command.id, {"outcome": shown})
        case Failed(reason=reason):
            shown = OutcomeSaid(command=command, status="Failed", reason=reason[:TEXT_MAX])
            yield _Said("Outerloop.CommandFailed", command.id, {"outcome": shown})
        case Skipped(reason=reason):
            shown = OutcomeSaid(command=command, status="Skipped", reason=reason[:TEXT_MAX])
            yield _Said("Outerloop.CommandSkipped", command.id, {"outcome": shown})
