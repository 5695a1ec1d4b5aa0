"""One signal, one workload, one decision: which rule judges it. Dispatch, and nothing else.

Subjects that are no workload have ``evaluate_shared``. The order of the guards stands in ``guards``; what each concern decides stands in ``rules``.
"""

from typing import assert_never

from shared.domain.decisions import Evaluation
from shared.domain.platform_signals import (
    AlertFired,
    AlertResolved,
    BudgetCrossed,
    ComplianceChanged,
    ComputeObserved,
    DataArrived,
    DataDeleted,
    EndpointObserved,
    ImageDeleted,
    ImagePushed,
    ImageQuarantined,
    ImageSignal,
    PlatformHealthChanged,
    PlatformSignal,
    ResourceChanged,
    SecurityAlertRaised,
    VulnerabilityFound,
)
from shared.domain.routing import collects, watches_image
from shared.domain.rules import (
    absence,
    approval,
    azure_monitor,
    batch,
    budget,
    by_hand,
    collected_files,
    compliance,
    data_arrival,
    ending,
    freeze,
    idle,
    idle_compute,
    images,
    infrastructure,
    monitoring,
    observed,
    operator,
    probing,
    promotion,
    quiet,
    referenced_rows,
    relief,
    remedy,
    rollback,
    rollout,
    schedule,
    security,
    silencing,
    staging_training,
    standby,
    work_item,
)
from shared.domain.signals import (
    ApprovalAnswered,
    CommandFinished,
    HoldElapsed,
    JobStatusChanged,
    ModelDeployed,
    ModelRegistered,
    MonitorBreached,
    MonitorRecovered,
    OperatorAsked,
    ScheduleElapsed,
    SubscriptionValidation,
    TelemetryReceived,
)
from shared.domain.silences import SilenceAdded, SilenceExpired
from shared.domain.situation import Ruling, Situation, because, evaluation
from shared.domain.telemetry_signals import (
    EndpointFellIdle,
    EndpointUsed,
    PerformanceMeasured,
    RowsReferenced,
    TelemetryFellSilent,
    TelemetryResumed,
    TelemetrySignal,
    WindowClosed,
)


def evaluate(situation: Situation) -> Evaluation:
    """The decision about a situation, with the facts, commands and holds that follow from it. Pure; raises nothing known."""
    return evaluation(situation, quiet.quietened(situation, _rule(situation)))


def _rule(situation: Situation) -> Ruling:
    signal = situation.heard
    match signal:
        case ModelRegistered():
            return promotion.on_registered(situation, signal)
        case MonitorBreached() | MonitorRecovered():
            return azure_monitor.on_monitor(situation, signal)
        case ApprovalAnswered():
            return approval.on_answer(situation, signal)
        case OperatorAsked() | SilenceAdded() | SilenceExpired():
            return _on_operator(situation, signal)
        case CommandFinished():
            return _on_finished(situation, signal)
        case HoldElapsed() | ScheduleElapsed():
            return _on_elapsed(situation, signal)
        case JobStatusChanged() | SubscriptionValidation() | TelemetryReceived():
            return _no_match(situation, "heard and recorded; no rule acts on it")
        case _ if isinstance(signal, ModelDeployed | PlatformSignal):
            return _on_platform(situation, signal)
        case _ if isinstance(signal, TelemetrySignal):
            return _on_telemetry(situation, signal)
        case _:
            assert_never(signal)


def _on_telemetry(situation: Situation, signal: TelemetrySignal) -> Ruling:
    match signal:
        case WindowClosed():
            return monitoring.on_window(situation, signal)
        case PerformanceMeasured():
            return monitoring.on_measured(situation, signal)
        case TelemetryFellSilent():
            return absence.on_silent(situation, signal)
        case TelemetryResumed():
            return absence.on_resumed(situation, signal)
        case EndpointFellIdle():
            return idle.on_idle(situation, signal)
        case EndpointUsed():
            return idle.on_used(situation, signal)
        case RowsReferenced():
            return referenced_rows.on_referenced(situation, signal)


def _on_platform(situation: Situation, signal: ModelDeployed | PlatformSignal) -> Ruling:
    match signal:
        case BudgetCrossed():
            return budget.freeze(situation, signal)
        case ModelDeployed():
            return by_hand.on_deployed(situation, signal)
        case AlertFired():
            return infrastructure.on_alert(situation, signal)
        case AlertResolved():
            return infrastructure.on_resolved(situation, signal)
        case PlatformHealthChanged():
            return infrastructure.on_health(situation, signal)
        case (
            ComplianceChanged()
            | SecurityAlertRaised()
            | VulnerabilityFound()
            | ImagePushed()
            | ImageDeleted()
            | ImageQuarantined()
        ):
            return _on_trust(situation, signal)
        case EndpointObserved():
            return observed.on_observed(situation, signal)
        case ComputeObserved():
            return idle_compute.on_observed(situation, signal)
        case ResourceChanged() | DataArrived() | DataDeleted():
            return _on_change(situation, signal)
        case _:
            assert_never(signal)


def _on_change(situation: Situation, signal: ResourceChanged | DataArrived | DataDeleted) -> Ruling:
    match signal:
        case ResourceChanged():
            return by_hand.on_changed(situation, signal)
        case DataArrived():
            by_collector = collects(situation.workload, signal)
            return (collected_files.on_arrived if by_collector else data_arrival.on_arrived)(situation, signal)
        case DataDeleted():
            by_collector = collects(situation.workload, signal)
            return (collected_files.on_deleted if by_collector else data_arrival.on_deleted)(situation, signal)


def _on_trust(
    situation: Situation, signal: ComplianceChanged | SecurityAlertRaised | VulnerabilityFound | ImageSignal
) -> Ruling:
    match signal:
        case ComplianceChanged():
            return compliance.on_changed(situation, signal)
        case SecurityAlertRaised():
            return security.on_alert(situation, signal)
        case VulnerabilityFound():
            found_in_image = watches_image(situation.workload, signal)
            return (images.on_finding if found_in_image else security.on_vulnerability)(situation, signal)
        case ImagePushed() | ImageDeleted() | ImageQuarantined():
            return images.on_image(situation, signal)


def _no_match(situation: Situation, text: str) -> Ruling:
    return Ruling("no_match", "none", (because("no_rule", text),), situation.facts)


def _on_operator(situation: Situation, signal: OperatorAsked | SilenceAdded | SilenceExpired) -> Ruling:
    if isinstance(signal, SilenceAdded):
        return silencing.on_added(situation, signal)
    if isinstance(signal, SilenceExpired):
        return silencing.on_expired(situation, signal)
    match signal.action:
        case "retrain":
            return remedy.on_retrain_asked(situation, signal)
        case "rollback":
            return ending.on_rollback_asked(situation, signal)
        case "pause":
            return operator.pause(situation, signal)
        case "resume":
            return operator.resume(situation, signal)
        case "close":
            return work_item.on_close_asked(situation, signal)
        case "continue":
            return freeze.on_continue_asked(situation, signal)
        case "lift_freeze":
            return budget.lift(situation, signal)


def _on_finished(situation: Situation, signal: CommandFinished) -> Ruling:
    match signal.command_kind:
        case "SetTraffic":
            in_force = batch.on_default_set if situation.workload.scores_in_batches else rollout.on_traffic_set
            return in_force(situation, signal)
        case "RollBackTraffic":
            return rollback.on_finished(situation, signal)
        case "Retrain" | "DispatchTraining" if not staging_training.awaited(situation.facts, signal.command_id):
            return remedy.on_retrained(situation, signal)
        case "ScaleDeployment" | "RestartDeployment" | "StopCompute":
            mended = idle_compute.on_stopped if signal.command_kind == "StopCompute" else relief.on_done
            return mended(situation, signal)
        case "RefreshData":
            return remedy.on_refreshed(situation, signal)
        case "RemoveDeployment":
            return standby.on_removed(situation, signal)
        case "ReadCollected" | "ReadReferenced":
            counted = collected_files.on_read if signal.command_kind == "ReadCollected" else referenced_rows.on_read
            return counted(situation, signal)
    return _on_awaited(situation, signal)


def _on_awaited(situation: Situation, signal: CommandFinished) -> Ruling:
    """What an incident or a version waits for, by the command's id."""
    measured = next((known for known in situation.facts.incidents if known.verification == signal.command_id), None)
    if measured:
        return remedy.on_measured(situation, signal, measured)
    version = next((v for v in situation.facts.versions.values() if signal.command_id in v.awaiting), None)
    if version is None:
        return operator.on_other_finished(situation, signal)
    if version.state not in ("deploying", "probing"):
        return promotion.on_finished(situation, signal, version)
    in_production = batch.on_finished if situation.workload.scores_in_batches else probing.on_finished
    return in_production(situation, signal, version)


def _on_elapsed(situation: Situation, signal: HoldElapsed | ScheduleElapsed) -> Ruling:
    if isinstance(signal, ScheduleElapsed):
        return schedule.on_elapsed(situation, signal)
    match signal.purpose:
        case "bake":
            return rollout.on_bake(situation, signal)
        case "comparison":
            return batch.on_retry(situation, signal)
        case "standby_expiry":
            return standby.on_standby_ended(situation, signal)
        case "failed_expiry":
            return standby.on_failed_ended(situation, signal)
        case "approval_expiry":
            return approval.on_expiry(situation, signal)
        case "verify_deadline":
            relieved = relief.is_relieved(situation, signal)
            judged = relief.on_verify_deadline if relieved else remedy.on_verify_deadline
            return judged(situation, signal)
        case "incident_expiry":
            return infrastructure.on_expiry(situation, signal)
        case "retry":
            return _no_match(situation, "the signal that waited is no longer known")
