"""What the loop hears: facts in the past tense, parsed once at the edge, then never checked again.

Owns the closed set of signals. Knows nothing of envelopes, HTTP or the policy.
``source`` is the lower-case ARM id of what spoke (or one of our own names), ``dedup_key`` the key under which the signal
is accepted once, ``depth`` how many of our own actions lie behind it.
"""

from datetime import datetime
from typing import Literal

from shared.domain.heard import Heard
from shared.domain.outcomes import Final
from shared.domain.platform_signals import PlatformSignal
from shared.domain.silences import SilenceAdded, SilenceExpired
from shared.domain.telemetry_signals import TelemetrySignal
from shared.domain.values import Part, Value

DEPTH_MAX = 64  # hops of our own in a row; a whole promotion takes about 20: more is a storm, not a loop


class ModelRegistered(Heard, frozen=True, kw_only=True):
    """A model version appeared in a workspace. ``model_version`` is text: it may be a number or a word."""

    workspace: str
    model_name: str
    model_version: str
    tags: dict[str, str] = {}
    properties: dict[str, str] = {}


class ModelDeployed(Heard, frozen=True, kw_only=True):
    """A service was deployed with one or more models (``name:version``). ``by`` is who did it, where the source says so."""

    workspace: str
    service_name: str
    compute_type: str = ""
    models: tuple[str, ...] = ()
    by: str = ""


class JobStatusChanged(Heard, frozen=True, kw_only=True):
    """A job moved on. ``status`` is one of Azure ML's run states, in its usual spelling."""

    workspace: str
    run_id: str
    status: str
    experiment: str = ""
    run_type: str = ""
    tags: dict[str, str] = {}
    properties: dict[str, str] = {}


class Breach(Part, frozen=True, kw_only=True):
    """One measured value beyond its threshold. ``group`` is the feature or slice, empty for the whole."""

    metric: str
    value: float
    threshold: float
    group: str = ""


class MonitorBreached(Heard, frozen=True, kw_only=True):
    """A monitor of Azure ML found values beyond their thresholds. ``legacy``: a dataset monitor of v1."""

    workspace: str
    run_id: str
    monitor_signal: str
    breaches: tuple[Breach, ...] = ()
    legacy: bool = False


class MonitorRecovered(Heard, frozen=True, kw_only=True):
    """A run of Azure ML's model monitoring compared metrics with their thresholds, and found none beyond.

    Azure ML does not tell which of a monitor's signals the run looked at.
    """

    workspace: str
    run_id: str
    experiment: str = ""


class SubscriptionValidation(Heard, frozen=True, kw_only=True):
    """Event Grid asks whether we want a subscription: answered with its code, never stored or decided on."""

    validation_code: str
    validation_url: str = ""


class TelemetryReceived(Heard, frozen=True, kw_only=True):
    """One Event Hubs message, with the count of its rows by category. Aggregated, never stored or decided on.

    Of ``events_elsewhere`` the rows lie in blobs: how many there are is not known yet.
    """

    rows_by_category: dict[str, int]
    rejected_rows: int = 0
    events_elsewhere: int = 0


class OperatorAsked(Heard, frozen=True, kw_only=True):
    """A person asked for something, by command line or page."""

    workload: str
    action: Literal["retrain", "rollback", "pause", "resume", "lift_freeze", "close", "continue"]
    by: str
    why: str = ""


class ApprovalAnswered(Heard, frozen=True, kw_only=True):
    """A person answered a request for approval, whose evidence had the digest that they saw."""

    workload: str
    approval_id: str
    answer: Literal["approve", "reject"]
    by: str
    evidence_digest: str
    groups: tuple[str, ...] = ()
    comment: str = ""


class CommandFinished(Heard, frozen=True, kw_only=True):
    """One of our own commands came to its end."""

    workload: str
    command_id: str
    command_kind: str
    outcome: Final


class HoldElapsed(Heard, frozen=True, kw_only=True):
    """A moment came that a decision had asked to be woken at. ``about`` is the version, incident or signal it concerns."""

    workload: str
    hold_id: str
    purpose: Literal[
        "retry",
        "bake",
        "comparison",
        "approval_expiry",
        "standby_expiry",
        "failed_expiry",
        "verify_deadline",
        "incident_expiry",
    ]
    about: str


class ScheduleElapsed(Heard, frozen=True, kw_only=True):
    """A schedule of the policy fell due. ``missed`` counts the times before ``due`` that nobody heard of, in an outage."""

    workload: str
    cron: str
    timezone: str
    due: datetime
    missed: int = 0


Signal = (
    ModelRegistered
    | ModelDeployed
    | JobStatusChanged
    | MonitorBreached
    | MonitorRecovered
    | SubscriptionValidation
    | TelemetryReceived
    | TelemetrySignal
    | OperatorAsked
    | ApprovalAnswered
    | CommandFinished
    | HoldElapsed
    | ScheduleElapsed
    | SilenceAdded
    | SilenceExpired
    | PlatformSignal
)

RejectReason = Literal[
    "malformed_json",
    "malformed_field",
    "missing_field",
    "unknown_schema",
    "unknown_event_type",
    "oversized",
    "out_of_scope",
    "not_actionable",
]


class Rejected(Value, frozen=True, kw_only=True):
    """Something that we could not take: why, in words that a person can act on, and which element of a batch it was."""

    reason: RejectReason
    detail: str
    index: int = 0


def kind_of(signal: Value) -> str:
    """The name of a signal's kind, as the ledger and ``outerloop parse`` show it."""
    return type(signal).__name__
