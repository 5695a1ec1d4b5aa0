"""What the platform around the models says: alerts, health, budgets, compliance, security, images, data, resources.

Owns these facts as values. Knows nothing of the schemas that they come in (``parsing``) or of what is done about them.
"""

from datetime import datetime
from typing import Literal

from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.heard import Heard
from shared.domain.values import Part


class Criterion(Part, frozen=True, kw_only=True):
    """One condition of an alert rule and what was measured. ``value`` is None when a rule resolves for lack of data."""

    metric: str
    operator: str = ""
    threshold: float | None = None
    value: float | None = None
    dimensions: dict[str, str] = {}


class AlertFired(Heard, frozen=True, kw_only=True):
    """An Azure Monitor alert rule found its condition true. ``targets`` are lower-case ARM ids.

    ``category`` says what kind of rule it is; ``stateful`` alerts stay open until their ``AlertResolved``.
    """

    rule: str
    alert_id: str
    category: Literal["metric", "log", "activity_log", "prometheus", "smart_detection", "other"]
    targets: tuple[str, ...]
    severity: str = ""
    stateful: bool = True
    description: str = ""
    criteria: tuple[Criterion, ...] = ()
    operation: str = ""  # of an activity log alert: what was done, such as .../deployments/write
    properties: dict[str, str] = {}


class AlertResolved(Heard, frozen=True, kw_only=True):
    """The condition of an alert rule is no longer true."""

    rule: str
    alert_id: str
    category: Literal["metric", "log", "activity_log", "prometheus", "smart_detection", "other"]
    targets: tuple[str, ...]
    fired_at: datetime | None = None
    description: str = ""
    criteria: tuple[Criterion, ...] = ()


class PlatformHealthChanged(Heard, frozen=True, kw_only=True):
    """Azure says how it is: service issues and maintenance, the health of single resources, or that it throttles us."""

    scope: Literal["service", "resource", "maintenance", "throttling"]
    status: str
    title: str
    targets: tuple[str, ...] = ()
    cause: str = ""
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tracking_id: str = ""
    properties: dict[str, str] = {}


class BudgetCrossed(Heard, frozen=True, kw_only=True):
    """Spending crossed a threshold of a budget. Ratios are of the budget's amount: 0.9 is 90 %.

    Money is in ``unit``. ``forecast`` is None where the schema does not say (the classic one).
    """

    budget: str
    spent: float
    amount: float
    ratio: float
    unit: str = ""
    budget_id: str = ""
    scope: str = ""
    forecast: bool | None = None
    threshold_ratio: float | None = None
    period_start: datetime | None = None


class ComplianceChanged(Heard, frozen=True, kw_only=True):
    """Azure Policy judged a resource (anew). ``occurred_at`` is the state's own timestamp, by which changes are ordered."""

    resource_id: str
    compliant: bool
    assignment_id: str
    definition_id: str = ""
    change: Literal["created", "changed", "deleted"] = "changed"
    reason_code: str = ""


class SecurityAlertRaised(Heard, frozen=True, kw_only=True):
    """Defender for Cloud saw something happening. ``targets`` are lower-case ARM ids."""

    alert_type: str
    title: str
    severity: str
    status: str = "New"
    targets: tuple[str, ...] = ()
    product: str = ""
    description: str = ""


class VulnerabilityFound(Heard, frozen=True, kw_only=True):
    """Defender for Cloud recommends or finds something about a resource.

    ``image`` (``registry/repository@digest``) is the container image that it was found in, when it is about one.
    """

    title: str
    severity: str
    healthy: bool
    targets: tuple[str, ...] = ()
    assessment: str = ""
    description: str = ""
    image: str = ""
    image_pushed_at: datetime | None = None


class ImageEvent(Heard, frozen=True, kw_only=True):
    """What all image signals carry."""

    registry: str
    repository: str
    digest: str = ""
    tag: str = ""


class ImagePushed(ImageEvent, frozen=True, kw_only=True):
    """An image was pushed to a registry.

    ``hooked``: the registry's own web hook says so. With quarantine on it does that only when the scan has passed; of Event
    Grid's event no such promise is documented.
    """

    hooked: bool = False


class ImageDeleted(ImageEvent, frozen=True, kw_only=True):
    """An image was deleted from a registry."""


class ImageQuarantined(ImageEvent, frozen=True, kw_only=True):
    """An image waits for its scan: with quarantine on, this web hook comes in the place of the push."""


ImageSignal = ImagePushed | ImageDeleted | ImageQuarantined


class BlobEvent(Heard, frozen=True, kw_only=True):
    """What storage signals carry. ``path`` is within ``container``; ``sequencer`` orders events of one blob."""

    account: str
    container: str
    path: str
    api: str = ""
    size_bytes: int = 0
    sequencer: str = ""


class DataArrived(BlobEvent, frozen=True, kw_only=True):
    """A blob is there, written to its end."""


class DataDeleted(BlobEvent, frozen=True, kw_only=True):
    """A blob is gone."""


class ResourceChanged(Heard, frozen=True, kw_only=True):
    """A resource was created, updated or deleted. ``by`` is who did it, where the source says so."""

    resource_id: str
    change: Literal["created_or_updated", "deleted", "other"]
    resource_type: str = ""
    status: str = ""
    by: str = ""


class EndpointObserved(Heard, frozen=True, kw_only=True):
    """We looked at a production endpoint and found it otherwise than we know it, or as we know it again.

    ``occurred_at`` is when the look began: what was written after that, it cannot have seen.
    """

    workspace: str
    endpoint: str
    seen: EndpointSeen


class ComputeObserved(Heard, frozen=True, kw_only=True):
    """We looked at a compute instance that a rule minds: idle since then, for longer than it allows, or (None) in use again."""

    workload: str
    workspace: str
    compute: str
    idle_since: datetime | None = None


PlatformSignal = (
    AlertFired
    | AlertResolved
    | PlatformHealthChanged
    | BudgetCrossed
    | ComplianceChanged
    | SecurityAlertRaised
    | VulnerabilityFound
    | ImagePushed
    | ImageDeleted
    | ImageQuarantined
    | DataArrived
    | DataDeleted
    | ResourceChanged
    | EndpointObserved
    | ComputeObserved
)
