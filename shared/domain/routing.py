"""Which subjects a signal concerns, and whether its resource is one that the policy speaks of at all.

Owns scope and routing. Knows nothing of what is decided. A resource outside every scope is rejected before it is stored as
a signal: nobody's event may steer a workload that is not theirs.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from shared.domain.platform_signals import (
    AlertFired,
    AlertResolved,
    BlobEvent,
    BudgetCrossed,
    ComplianceChanged,
    DataArrived,
    DataDeleted,
    PlatformHealthChanged,
    ResourceChanged,
    SecurityAlertRaised,
    VulnerabilityFound,
)
from shared.domain.policy import Policy, Workload
from shared.domain.policy_budgets import BudgetRule
from shared.domain.policy_triggers import NewData
from shared.domain.signals import (
    ApprovalAnswered,
    CommandFinished,
    HoldElapsed,
    JobStatusChanged,
    ModelDeployed,
    ModelRegistered,
    MonitorBreached,
    OperatorAsked,
    Rejected,
    ScheduleElapsed,
    Signal,
    WindowClosed,
)
from shared.domain.silences import SilenceAdded, SilenceExpired

UNMATCHED = "unmatched"
BUDGET_SEGMENT = "/providers/microsoft.consumption/budgets/"  # of a budget's ARM id


def subject_of(workload: str) -> str:
    """The subject under which a workload's facts and decisions are kept."""
    return f"workload/{workload}"


def workload_of(subject: str) -> str:
    """The workload of a subject, empty when it is none."""
    return subject.removeprefix("workload/") if subject.startswith("workload/") else ""


def budget_subject(rule: BudgetRule) -> str:
    """The subject under which it is kept what was told about the budgets of a rule."""
    return f"budget/{_lower(rule.scope)}"


def is_budget(subject: str) -> bool:
    """Whether a subject is a budget's."""
    return subject.startswith("budget/")


def budget_rules(policy: Policy, signal: BudgetCrossed) -> tuple[BudgetRule, ...]:
    """The rules of the policy that speak of a budget: those of its id or else its very scope, else those above and below."""
    place = _lower(signal.scope)
    named = {_lower(signal.budget_id), f"{place}{BUDGET_SEGMENT}{signal.budget.lower()}"} - {""}
    for closest in (named, {place}):
        found = tuple(rule for rule in policy.budgets if _lower(rule.scope) in closest)
        if found:
            return found
    return tuple(rule for rule in policy.budgets if _lies_along(_lower(rule.scope), place))


def _lies_along(scope: str, place: str) -> bool:
    """Whether one of two scopes lies in the other. A rule for one budget speaks of that budget alone."""
    if BUDGET_SEGMENT in scope:
        return False
    return bool(place) and (f"{place}/".startswith(f"{scope}/") or f"{scope}/".startswith(f"{place}/"))


def data_rules(workload: Workload, signal: BlobEvent) -> tuple[NewData, ...]:
    """The rules of a workload that count a file: of its storage account, by the glob of container and path."""
    place = f"{signal.container}/{signal.path}"
    account = _lower(signal.source)
    return tuple(
        rule for rule in workload.data_rules if _lower(rule.storage) == account and fnmatchcase(place, rule.path)
    )


def _lower(arm_id: str) -> str:
    return arm_id.lower().rstrip("/")


def out_of_scope(policy: Policy, signal: Signal) -> Rejected | None:
    """A rejection when the signal speaks only of resources that no workload names, or of a workload that does not exist."""
    if isinstance(signal, DataArrived | DataDeleted):
        return _uncounted(policy, signal)
    places = places_of(signal)
    if isinstance(signal, BudgetCrossed) and budget_rules(policy, signal):
        return None
    if places and not any(_touches(known, place) for known in policy.workloads for place in places):
        names = ", ".join(place or "(empty)" for place in places)
        detail = f"no workload of the policy names {names}: add it to environments: or unsubscribe"
        return Rejected(reason="out_of_scope", detail=detail)
    name = getattr(signal, "workload", None)
    if isinstance(name, str) and all(name != known.name for known in policy.workloads):
        return Rejected(reason="out_of_scope", detail=f"the policy has no workload {name!r}")
    return None


def _uncounted(policy: Policy, signal: BlobEvent) -> Rejected | None:
    """A rejection when no workload counts a file: storage is part of no workspace."""
    if any(data_rules(known, signal) for known in policy.workloads):
        return None
    file = f"{signal.container}/{signal.path} in {signal.source}"
    detail = f"no rule with when: data_arrived counts {file}: add one, or narrow the subscription"
    return Rejected(reason="out_of_scope", detail=detail)


def places_of(signal: Signal) -> tuple[str, ...]:
    """The ARM ids of what a signal speaks of; none for signals that speak of no resource of Azure."""
    match signal:
        case ModelRegistered() | ModelDeployed() | JobStatusChanged() | MonitorBreached() | WindowClosed():
            return (signal.workspace,)
        case AlertFired() | AlertResolved() | SecurityAlertRaised() | VulnerabilityFound() | PlatformHealthChanged():
            return signal.targets
        case ComplianceChanged() | ResourceChanged():
            return (signal.resource_id,)
        case BudgetCrossed():
            return (signal.scope,) if signal.scope else ()
        case _:
            return ()


def route(policy: Policy, signal: Signal) -> tuple[str, ...]:
    """The subjects of a signal in scope; ``unmatched`` when no workload cares."""
    subjects = tuple(subject_of(known.name) for known in policy.workloads if _concerns(known, signal))
    if isinstance(signal, BudgetCrossed):
        subjects = (*(budget_subject(rule) for rule in budget_rules(policy, signal)), *subjects)
    if isinstance(signal, CommandFinished) and is_budget(signal.subject):
        return (signal.subject,)
    if not subjects and isinstance(signal, HoldElapsed):
        return (subject_of(signal.workload),)  # its workload has gone; the hold is kept there, and released there
    return subjects or (UNMATCHED,)


def _concerns(workload: Workload, signal: Signal) -> bool:
    match signal:
        case ModelRegistered():
            return signal.workspace in _workspaces(workload) and fnmatchcase(signal.model_name, workload.model)
        case WindowClosed():
            production = workload.environments.production
            same = production.endpoint.lower() == signal.endpoint.lower()
            return same and production.workspace.lower() == signal.workspace.lower()
        case MonitorBreached():
            named = any(fnmatchcase(signal.monitor_signal, rule.azure_ml_signals) for rule in workload.drift_rules)
            return named and signal.workspace in _workspaces(workload)
        case DataArrived() | DataDeleted():
            return bool(data_rules(workload, signal))
        case (
            OperatorAsked()
            | ApprovalAnswered()
            | CommandFinished()
            | HoldElapsed()
            | ScheduleElapsed()
            | SilenceAdded()
            | SilenceExpired()
        ):
            return signal.workload == workload.name
        case _:
            return any(_touches(workload, place) for place in places_of(signal))


def concerned(workload: Workload, resource_ids: Iterable[str]) -> tuple[str, ...]:
    """Those of some resources that lie in a workspace of the workload or hold one (a group, a subscription)."""
    return tuple(one.lower().rstrip("/") for one in resource_ids if _touches(workload, one))


def lies_in(workspace: str, resource_id: str) -> bool:
    """Whether a resource is a workspace or a part of it, whatever the case of either."""
    return f"{resource_id.lower().rstrip('/')}/".startswith(f"{workspace.lower()}/")


def _touches(workload: Workload, resource_id: str) -> bool:
    """Whether a resource lies in a workspace of the workload, or a workspace lies in it (a group, a subscription)."""
    resource = resource_id.lower().rstrip("/")
    return bool(resource) and any(
        resource == workspace or resource.startswith(f"{workspace}/") or workspace.startswith(f"{resource}/")
        for workspace in _workspaces(workload)
    )


def _workspaces(workload: Workload) -> frozenset[str]:
    environments = workload.environments
    every = (environments.development, environments.staging, environments.production)
    return frozenset(environment.workspace.lower() for environment in every)
