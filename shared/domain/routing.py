"""Which subjects a signal concerns, and whether its resource is one that the policy speaks of at all.

Owns scope and routing. Knows nothing of what is decided. A resource outside every scope is rejected before it is stored as
a signal: nobody's event may steer a workload that is not theirs.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from shared.domain.distances import drifted
from shared.domain.platform_signals import (
    AlertFired,
    AlertResolved,
    BlobEvent,
    BudgetCrossed,
    ComplianceChanged,
    ComputeObserved,
    DataArrived,
    DataDeleted,
    EndpointObserved,
    ImageEvent,
    PlatformHealthChanged,
    ResourceChanged,
    SecurityAlertRaised,
    VulnerabilityFound,
)
from shared.domain.policy import Policy, Workload
from shared.domain.policy_budgets import BudgetRule
from shared.domain.policy_images import same_registry
from shared.domain.policy_index import BUDGET_SEGMENT, plain_id
from shared.domain.policy_triggers import NewData
from shared.domain.policy_upstream import Upstream
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
    Rejected,
    ScheduleElapsed,
    Signal,
)
from shared.domain.silences import SilenceAdded, SilenceExpired
from shared.domain.telemetry_signals import TelemetrySignal, WindowClosed

UNMATCHED = "unmatched"


def subject_of(workload: str) -> str:
    """The subject under which a workload's facts and decisions are kept."""
    return f"workload/{workload}"


def workload_of(subject: str) -> str:
    """The workload of a subject, empty when it is none."""
    return subject.removeprefix("workload/") if subject.startswith("workload/") else ""


def budget_subject(rule: BudgetRule) -> str:
    """The subject under which it is kept what was told about the budgets of a rule."""
    return f"budget/{plain_id(rule.scope)}"


def budgets_of(policy: Policy, subject: str) -> tuple[BudgetRule, ...]:
    """The rules whose subject this is."""
    return policy.index.budgets.of((subject.removeprefix("budget/"),)) if is_budget(subject) else ()


def is_budget(subject: str) -> bool:
    """Whether a subject is a budget's."""
    return subject.startswith("budget/")


def budget_rules(policy: Policy, signal: BudgetCrossed) -> tuple[BudgetRule, ...]:
    """The rules of the policy that speak of a budget: those of its id or else its very scope, else those above and below."""
    place, budgets = plain_id(signal.scope), policy.index.budgets
    named = {plain_id(signal.budget_id), f"{place}{BUDGET_SEGMENT}{signal.budget.lower()}"}
    return budgets.of(named) or budgets.of((place,)) or budgets.along(place)


def upstream_subject(rule: Upstream) -> str:
    """The subject under which it is kept who drifts on features of one origin."""
    return f"upstream/{rule.features}"


def is_upstream(subject: str) -> bool:
    """Whether a subject is that of an ``upstream:`` rule."""
    return subject.startswith("upstream/")


def upstream_rule(policy: Policy, subject: str) -> Upstream | None:
    """The rule whose subject this is, if the policy has it (still)."""
    return next((rule for rule in policy.upstream if upstream_subject(rule) == subject), None)


def drifted_features(workload: Workload, signal: Signal) -> tuple[str, ...]:
    """The features on which a workload drifts, by a window and its own rules, or by a monitor of Azure ML."""
    if isinstance(signal, MonitorBreached):
        return tuple(dict.fromkeys(breach.group for breach in signal.breaches if breach.group))
    if not isinstance(signal, WindowClosed):
        return ()
    rules = (rule for rule in workload.drift_rules if rule.window == signal.window)
    return tuple(dict.fromkeys(name for rule in rules for name in drifted(rule, signal)))


def shared_origins(policy: Policy, features: Iterable[str]) -> dict[Upstream, tuple[str, ...]]:
    """The rules that answer for some features, each with those that it answers for."""
    found: dict[Upstream, tuple[str, ...]] = {}
    for feature in features if policy.upstream else ():
        rule = next((known for known in policy.upstream if fnmatchcase(feature, known.features)), None)
        if rule:
            found[rule] = (*found.get(rule, ()), feature)
    return found


def _upstream(policy: Policy, signal: WindowClosed) -> tuple[str, ...]:
    """The subjects of the origins on whose features who serves from this endpoint drifts: not more than there are rules."""
    serving = policy.index.serving(signal.workspace, signal.endpoint) if policy.upstream else ()
    features = (name for known in serving for name in drifted_features(known, signal))
    return tuple(upstream_subject(rule) for rule in shared_origins(policy, features))


def data_rules(workload: Workload, signal: BlobEvent) -> tuple[NewData, ...]:
    """The rules of a workload that count a file: of its storage account, by the glob of container and path."""
    place = f"{signal.container}/{signal.path}"
    account = plain_id(signal.source)
    return tuple(
        rule for rule in workload.data_rules if plain_id(rule.storage) == account and fnmatchcase(place, rule.path)
    )


def collects(workload: Workload, signal: BlobEvent) -> bool:
    """Whether a file is one that the collector of the workload's production endpoint wrote."""
    return workload.environments.production.collects(signal.source, signal.container, signal.path)


def out_of_scope(policy: Policy, signal: Signal) -> Rejected | None:
    """A rejection when the signal speaks only of resources that no workload names, or of a workload that does not exist."""
    if isinstance(signal, ImageEvent):
        return _unwatched(policy, signal)
    if isinstance(signal, DataArrived | DataDeleted):
        return _uncounted(policy, signal)
    places = places_of(signal)
    if isinstance(signal, VulnerabilityFound):
        near = policy.index.touching((), _registry_of(signal))
        if any(watches_image(known, signal) for known in near):
            return None
    if isinstance(signal, BudgetCrossed) and budget_rules(policy, signal):
        return None
    if places and not policy.index.touches(places):
        names = ", ".join(place or "(empty)" for place in places)
        detail = f"no workload of the policy names {names}: add it to environments: or unsubscribe"
        return Rejected(reason="out_of_scope", detail=detail)
    name = getattr(signal, "workload", None)
    if isinstance(signal, HoldElapsed | CommandFinished) and is_upstream(signal.subject):
        return None  # ours, about no workload
    if isinstance(name, str) and name not in policy.index.by_name and not upstream_rule(policy, name):
        return Rejected(reason="out_of_scope", detail=f"the policy has no workload {name!r}")
    return None


def _unwatched(policy: Policy, signal: ImageEvent) -> Rejected | None:
    rules = (known.images for known in policy.index.touching((), signal.registry))
    if any(rule and same_registry(rule.registry, signal.registry) for rule in rules):
        return None
    detail = f"no workload of the policy watches images of {signal.registry}: add it to images: or unsubscribe"
    return Rejected(reason="out_of_scope", detail=detail)


def _uncounted(policy: Policy, signal: BlobEvent) -> Rejected | None:
    """A rejection when no workload counts a file: storage is part of no workspace."""
    if _counting(policy, signal):
        return None
    file = f"{signal.container}/{signal.path} in {signal.source}"
    detail = f"no rule with when: data_arrived counts {file}, and no collector writes it: add one, or narrow the subscription"
    return Rejected(reason="out_of_scope", detail=detail)


def places_of(signal: Signal) -> tuple[str, ...]:
    """The ARM ids of what a signal speaks of; none for signals that speak of no resource of Azure."""
    match signal:
        case ModelRegistered() | ModelDeployed() | JobStatusChanged() | MonitorBreached() | MonitorRecovered():
            return (signal.workspace,)
        case _ if isinstance(signal, TelemetrySignal | EndpointObserved | ComputeObserved):
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
    subjects = tuple(subject_of(known.name) for known in _concerned(policy, signal))
    if isinstance(signal, BudgetCrossed):
        subjects = (*(budget_subject(rule) for rule in budget_rules(policy, signal)), *subjects)
    if isinstance(signal, CommandFinished) and is_budget(signal.subject):
        return (signal.subject,)
    if isinstance(signal, CommandFinished | HoldElapsed) and is_upstream(signal.subject):
        return (signal.subject,)
    if isinstance(signal, OperatorAsked) and upstream_rule(policy, signal.workload):
        return (signal.workload,)
    if isinstance(signal, WindowClosed):
        subjects = (*_upstream(policy, signal), *subjects)
    if not subjects and isinstance(signal, HoldElapsed):
        return (subject_of(signal.workload),)  # its workload has gone; the hold is kept there, and released there
    return subjects or (UNMATCHED,)


def _concerned(policy: Policy, signal: Signal) -> tuple[Workload, ...]:
    """The workloads that a signal concerns, in the policy's order. Each case asks a table of ``policy_index``, never every workload."""
    index = policy.index
    match signal:
        case ModelRegistered():
            return index.registering(signal.workspace, signal.model_name)
        case _ if isinstance(signal, TelemetrySignal | EndpointObserved):
            return index.serving(signal.workspace, signal.endpoint)
        case MonitorBreached():
            return index.monitored(signal.workspace, signal.monitor_signal)
        case MonitorRecovered():
            return tuple(known for known in index.touching(places_of(signal)) if _listens(known))
        case DataArrived() | DataDeleted():
            return _counting(policy, signal)
        case (
            OperatorAsked()
            | ApprovalAnswered()
            | CommandFinished()
            | HoldElapsed()
            | ScheduleElapsed()
            | SilenceAdded()
            | SilenceExpired()
            | ComputeObserved()
        ):
            named = index.by_name.get(signal.workload)
            return (named,) if named else ()
        case ImageEvent():
            near = index.touching((), signal.registry)
            return tuple(
                known for known in near if known.images and known.images.watches(signal.registry, signal.repository)
            )
        case VulnerabilityFound():
            near = index.touching(signal.targets, _registry_of(signal))
            return tuple(known for known in near if watches_image(known, signal) or concerned(known, signal.targets))
        case _:
            return index.touching(places_of(signal))


def _counting(policy: Policy, signal: BlobEvent) -> tuple[Workload, ...]:
    near = policy.index.storing(signal.source)
    return tuple(known for known in near if data_rules(known, signal) or collects(known, signal))


def _listens(workload: Workload) -> bool:
    return any(rule.azure_ml_signals for rule in workload.drift_rules)


def watches_image(workload: Workload, signal: Signal) -> bool:
    """Whether a signal was found in an image that the workload is served from."""
    image = signal.image if isinstance(signal, VulnerabilityFound) else ""
    registry, _, place = image.partition("/")
    return workload.images is not None and bool(place) and workload.images.watches(registry, place.partition("@")[0])


def _registry_of(signal: VulnerabilityFound) -> str:
    return signal.image.partition("/")[0]


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
