"""One signal, one subject, one decision: which rule judges it. Dispatch, and nothing else.

The order of the guards stands in ``guards``; what each concern decides stands in ``rules``.
"""

from typing import assert_never

from shared.domain.decisions import Evaluation
from shared.domain.facts import Version
from shared.domain.platform_signals import (
    AlertFired,
    AlertResolved,
    ComplianceChanged,
    PlatformHealthChanged,
    PlatformSignal,
    ResourceChanged,
    SecurityAlertRaised,
    VulnerabilityFound,
)
from shared.domain.rules import (
    approval,
    by_hand,
    compliance,
    infrastructure,
    monitoring,
    operator,
    promotion,
    remedy,
    rollout,
    security,
)
from shared.domain.signals import (
    ApprovalAnswered,
    CommandFinished,
    HoldElapsed,
    JobStatusChanged,
    ModelDeployed,
    ModelRegistered,
    MonitorBreached,
    OperatorAsked,
    SubscriptionValidation,
    TelemetryReceived,
    WindowClosed,
)
from shared.domain.situation import Ruling, Situation, because, evaluation


def evaluate(situation: Situation) -> Evaluation:
    """The decision about a situation, with the facts, commands and holds that follow from it. Pure; raises nothing known."""
    return evaluation(situation, _rule(situation))


def _rule(situation: Situation) -> Ruling:
    signal = situation.heard
    match signal:
        case ModelRegistered():
            return promotion.on_registered(situation, signal)
        case WindowClosed():
            return monitoring.on_window(situation, signal)
        case MonitorBreached():
            return monitoring.on_monitor(situation, signal)
        case ApprovalAnswered():
            return approval.on_answer(situation, signal)
        case OperatorAsked():
            return _on_operator(situation, signal)
        case CommandFinished():
            return _on_finished(situation, signal)
        case HoldElapsed():
            return _on_elapsed(situation, signal)
        case JobStatusChanged() | SubscriptionValidation() | TelemetryReceived():
            return _no_match(situation, "heard and recorded; no rule acts on it")
        case _ if isinstance(signal, ModelDeployed | PlatformSignal):
            return _on_platform(situation, signal)
        case _:
            assert_never(signal)


def _on_platform(situation: Situation, signal: ModelDeployed | PlatformSignal) -> Ruling:
    match signal:
        case ModelDeployed():
            return by_hand.on_deployed(situation, signal)
        case AlertFired():
            return infrastructure.on_alert(situation, signal)
        case AlertResolved():
            return infrastructure.on_resolved(situation, signal)
        case PlatformHealthChanged():
            return infrastructure.on_health(situation, signal)
        case ComplianceChanged():
            return compliance.on_changed(situation, signal)
        case SecurityAlertRaised():
            return security.on_alert(situation, signal)
        case VulnerabilityFound():
            return security.on_vulnerability(situation, signal)
        case ResourceChanged():
            return by_hand.on_changed(situation, signal)
        case _:
            return _no_match(situation, "heard and recorded; no rule acts on it yet")


def _no_match(situation: Situation, text: str) -> Ruling:
    return Ruling("no_match", "none", (because("no_rule", text),), situation.facts)


def _on_operator(situation: Situation, signal: OperatorAsked) -> Ruling:
    match signal.action:
        case "retrain":
            return remedy.on_retrain_asked(situation, signal)
        case "rollback":
            return rollout.on_rollback_asked(situation, signal)
        case "pause":
            return operator.pause(situation, signal)
        case "resume":
            return operator.resume(situation, signal)
        case "lift_freeze":
            return _no_match(situation, "no freeze is in force")


def _on_finished(situation: Situation, signal: CommandFinished) -> Ruling:
    match signal.command_kind:
        case "SetTraffic":
            return rollout.on_traffic_set(situation, signal)
        case "RollBackTraffic":
            return rollout.on_rollback_finished(situation, signal)
        case "Retrain":
            return remedy.on_retrained(situation, signal)
    measured = next((known for known in situation.facts.incidents if known.verification == signal.command_id), None)
    if measured:
        return remedy.on_measured(situation, signal, measured)
    version = _waiting(situation, signal)
    if version is None:
        return operator.on_other_finished(situation, signal)
    if version.state in ("deploying", "probing"):
        return rollout.on_finished(situation, signal, version)
    return promotion.on_finished(situation, signal, version)


def _waiting(situation: Situation, signal: CommandFinished) -> Version | None:
    return next((v for v in situation.facts.versions.values() if signal.command_id in v.awaiting), None)


def _on_elapsed(situation: Situation, signal: HoldElapsed) -> Ruling:
    match signal.purpose:
        case "bake":
            return rollout.on_bake(situation, signal)
        case "standby_expiry":
            return rollout.on_standby_ended(situation, signal)
        case "approval_expiry":
            return approval.on_expiry(situation, signal)
        case "verify_deadline":
            return remedy.on_verify_deadline(situation, signal)
        case "incident_expiry":
            return infrastructure.on_expiry(situation, signal)
        case "retry":
            return _no_match(situation, "the signal that waited is no longer known")
