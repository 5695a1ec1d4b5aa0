"""Why something happened, or did not: from any id that a person may hold to the decisions about it.

Owns the search. An id may name a decision, a command, a signal, an incident or a hold. Changes nothing.
"""

from collections.abc import Iterable

from shared.domain.decisions import Decision
from shared.domain.facts import Facts, Incident, Version
from shared.domain.ids import decision_id, derive
from shared.domain.records import SignalRow
from shared.domain.requirements import described
from shared.domain.signals import ApprovalAnswered, CommandFinished, HoldElapsed, ModelRegistered, Signal
from shared.domain.telemetry_signals import PerformanceMeasured, TelemetryFellSilent, TelemetryResumed, WindowClosed
from shared.ports import Store
from shared.rendering.shown import ExplainedDecision, Explanation, ShownHold
from shared.services.views import LOOK_BACK_MAX, entry_of, hold_or_cause, shown_holds

RETRAINING = (
    *("remedy", "schedule", "data_arrived"),
    *("data_drift", "prediction_drift", "data_quality", "model_performance", "fairness"),
)  # rules that may order one


async def explain(store: Store, wanted: str) -> Explanation | None:
    """Everything decided about an id; None when nothing has it. Raises StoreUnavailableError."""
    decision = await store.decision(wanted)
    if decision:
        return Explanation(wanted, "decision", (await _explained(store, decision),))
    for search in (_signal, _command, _incident, _hold):
        found = await search(store, wanted)
        if found:
            return found
    return None


async def _signal(store: Store, key: str) -> Explanation | None:
    row = await store.signal(key)
    if row is None:
        return None
    decisions = [await store.decision(decision_id(key, subject), subject) for subject in row.subjects or ()]
    return Explanation(key, "signal", await _all(store, (known for known in decisions if known)))


async def _command(store: Store, command_id: str) -> Explanation | None:
    for subject in await store.subjects():
        row = await store.command(subject, command_id)
        if row:
            ordered, ended = await store.decision(row.decision, subject), await _about_end(store, subject, command_id)
            return Explanation(command_id, "command", await _all(store, (d for d in (ordered, ended) if d)))
    return None


async def _about_end(store: Store, subject: str, command_id: str) -> Decision | None:
    """The decision that heard of a command's end, whose signal has a key that follows from the command."""
    return await store.decision(decision_id(derive("signal", "finished", command_id), subject), subject)


async def _incident(store: Store, incident_id: str) -> Explanation | None:
    for subject in await store.subjects():
        facts = (await store.facts(subject)).value
        incident = next((known for known in facts.incidents if known.id == incident_id), None)
        if incident:
            chosen = [d for d in await store.decisions(subject, LOOK_BACK_MAX) if await _concerns(store, d, incident)]
            return Explanation(incident_id, "incident", await _all(store, chosen), incident)
    return None


async def _concerns(store: Store, decision: Decision, incident: Incident) -> bool:
    orders = {incident.remedy, incident.verification} - {""}
    if orders & {command.id for command in decision.commands}:
        return True
    if any(incident.id in reason.text for reason in decision.reasons):
        return True
    if decision.cause in {derive("signal", "finished", order) for order in orders}:
        return True
    opened = derive("incident", decision.subject, incident.kind, decision.cause)
    if incident.id in (opened, derive("incident", decision.id)):
        return True
    row = await store.signal(decision.cause) if decision.cause_kind == "HoldElapsed" else None
    return row is not None and isinstance(row.signal, HoldElapsed) and incident.id in row.signal.about


async def _hold(store: Store, hold_id: str) -> Explanation | None:
    for subject in await store.subjects():
        for hold in await store.holds(subject):
            if hold.id == hold_id:
                held = [
                    decision
                    for decision in await store.decisions(subject, LOOK_BACK_MAX)
                    if await hold_or_cause(store, decision) in (hold_id, hold.retries)
                ]
                return Explanation(hold_id, "hold", await _all(store, held))
    return None


async def _all(store: Store, decisions: Iterable[Decision]) -> tuple[ExplainedDecision, ...]:
    return tuple([await _explained(store, decision) for decision in decisions])


async def _explained(store: Store, decision: Decision) -> ExplainedDecision:
    row = await store.signal(decision.cause)
    facts = (await store.facts(decision.subject)).value
    hold = await _left_behind(store, decision) if decision.verdict == "hold" else None
    return ExplainedDecision(await entry_of(store, decision), row, hold, relevant(facts, decision, row))


async def _left_behind(store: Store, decision: Decision) -> ShownHold | None:
    """The hold that still waits because of a decision, if it does."""
    cause = await hold_or_cause(store, decision)
    waiting = [hold.id for hold in await store.holds(decision.subject) if cause in (hold.id, hold.retries)]
    shown = await shown_holds(store, decision.subject) if waiting else []
    return next((hold for hold in shown if hold.id in waiting), None)


def relevant(facts: Facts, decision: Decision, row: SignalRow | None) -> dict[str, str]:
    """What is known now of what a decision concerns, in words."""
    known = {"champion": facts.champion or "none", "standby": facts.standby or "none"}
    if facts.paused:
        known["paused"] = "yes"
    if facts.rollout:
        known["rollout"] = f"version {facts.rollout.version}, step {facts.rollout.step + 1}"
    for version in _versions(facts, row.signal if row else None):
        known[f"version {version.version}"] = f"{version.state} since {version.since:%Y-%m-%d %H:%M:%S} UTC"
    ordered = {command.id for command in decision.commands}
    for incident in facts.incidents:
        if incident.state != "closed" or incident.remedy in ordered:
            known[f"incident {incident.id}"] = f"{incident.kind}, {incident.closed_as or incident.state}"
    for proposal in facts.proposals.values():
        answer = "has a yes" if proposal.approved else "waits for a yes"
        until = f"{proposal.asked.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        known[f"question about {proposal.about}"] = f"{answer}, until {until}"
    for freeze in facts.freezes.values():
        state = f"lifted by {freeze.lifted_by}" if freeze.lifted_by else f"at {freeze.ratio:.0%}"
        known[f"freeze by budget {freeze.budget}"] = f"{state}, until {freeze.until:%Y-%m-%d %H:%M} UTC"
    if decision.rule in RETRAINING and facts.retrained_at:
        known["last retraining"] = f"{max(facts.retrained_at):%Y-%m-%d %H:%M:%S} UTC"
    if decision.rule in RETRAINING and facts.arrivals.count:
        known["since then"] = described(facts.arrivals)
    return known


def _versions(facts: Facts, signal: Signal | None) -> list[Version]:
    return [version for version in facts.versions.values() if signal and _speaks_of(signal, version)]


def _speaks_of(signal: Signal, version: Version) -> bool:
    match signal:
        case ModelRegistered():
            return signal.model_version == version.version
        case ApprovalAnswered():
            return version.approval is not None and version.approval.id == signal.approval_id
        case WindowClosed() | PerformanceMeasured() | TelemetryFellSilent() | TelemetryResumed():
            return version.deployment == signal.deployment
        case CommandFinished():
            return signal.command_id in (*version.awaiting, *(check.command_id for check in version.checks))
        case HoldElapsed():
            return version.version in signal.about.replace("/", " ").split()
        case _:
            return False
