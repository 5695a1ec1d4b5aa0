"""What our own telemetry says: windows that ended, performance once labels came, silence where there was traffic.

Owns these signals and the measures that they carry. Knows nothing of how they are counted (``telemetry``), nor of limits:
what a measure means is the rules' to say. ``workspace``, ``endpoint`` and ``deployment`` name the deployment, in lower case;
``start`` and ``end`` bound event time.
"""

from datetime import datetime
from typing import Literal

from shared.domain.heard import Heard
from shared.domain.values import Part

PREDICTION = "prediction"  # scored like a feature, but an output: it does not count as a share of features

WindowVerdict = Literal["pass", "suspected", "detected", "no_data", "error"]
Silent = Literal["everything", "rows"]


class FeatureScore(Part, frozen=True, kw_only=True):
    """How far one feature of a window lies from its reference, and how sound its values were.

    ``score`` is the population stability index. The other distances are None where they do not apply: ``ks`` only for numbers,
    ``cramers_v`` only for categories. ``nulls``, ``type_errors`` and ``outside`` are shares of the window's rows (0 to 1);
    ``outside`` is beyond the reference's range, or not among its categories. ``mean`` to ``max`` are of the numbers alone.
    """

    feature: str
    score: float
    jensen_shannon: float | None = None
    ks: float | None = None
    cramers_v: float | None = None
    nulls: float = 0.0
    type_errors: float = 0.0
    outside: float = 0.0
    mean: float | None = None
    deviation: float | None = None
    min: float | None = None
    max: float | None = None


class TrafficMeasured(Part, frozen=True, kw_only=True):
    """What one deployment served within a window: requests by how they ended, and how long they took.

    ``throttled`` are answers of 429, ``model_errors`` those of 424 and failed ones for which the model's own status is 400 or more,
    ``server_errors`` 5xx, ``client_errors`` every other 4xx; a request counts in the first of these that fits. ``delayed`` were
    held up by throttling, for ``delay_ms_mean`` on average.
    """

    requests: int = 0
    client_errors: int = 0
    throttled: int = 0
    model_errors: int = 0
    server_errors: int = 0
    latency_p50_ms: float = 0.0
    latency_p90_ms: float = 0.0
    latency_p95_ms: float = 0.0
    latency_p99_ms: float = 0.0
    delayed: int = 0
    delay_ms_mean: float = 0.0


class WindowClosed(Heard, frozen=True, kw_only=True):
    """A telemetry window of one deployment ended: its rows, its scores against the reference profile.

    ``unscored`` are features without a single value in the window: only their shares mean something. ``late_rows`` came too late
    for earlier windows. ``fault`` says why it could not be scored; then it has no scores and its verdict is ``error``.

    ``rows`` is the larger of ``inputs`` and ``predictions``, which an earlier release did not tell apart (None).
    """

    workspace: str
    endpoint: str
    deployment: str
    window: str
    start: datetime
    end: datetime
    rows: int
    inputs: int | None = None
    predictions: int | None = None
    late_rows: int = 0
    metric: str = "psi"
    scores: tuple[FeatureScore, ...] = ()
    unscored: tuple[FeatureScore, ...] = ()
    traffic: TrafficMeasured | None = None
    fault: str = ""

    @property
    def input_rows(self) -> int:
        """The sample that distances of features were taken from."""
        return self.rows if self.inputs is None else self.inputs

    @property
    def prediction_rows(self) -> int:
        """The sample that the distance of the predictions was taken from."""
        return self.rows if self.predictions is None else self.predictions


class GroupMeasured(Part, frozen=True, kw_only=True):
    """How a model does by one group of the sensitive column. ``metrics`` by name; those undefined are left out."""

    group: str
    rows: int
    metrics: dict[str, float] = {}


class PerformanceMeasured(Heard, frozen=True, kw_only=True):
    """The labels of a window's predictions had their time to come: how good the predictions were.

    ``pairs`` predictions met their label by correlation id, of a uniform sample of the window's, and ``unlabelled`` of them did
    not; ``predictions`` are how many there were in all, ``labels`` how many came from the window's start on. ``metrics`` by name (auc, accuracy, f1, mae, rmse, brier, …), those undefined left out;
    ``lower`` and ``upper`` are 95 % confidence bounds where there are any. ``groups`` and ``disparities`` are there when the
    policy names a sensitive column.
    """

    workspace: str
    endpoint: str
    deployment: str
    window: str
    start: datetime
    end: datetime
    predictions: int
    labels: int
    pairs: int
    unlabelled: int = 0
    metrics: dict[str, float] = {}
    lower: dict[str, float] = {}
    upper: dict[str, float] = {}
    sensitive: str = ""
    groups: tuple[GroupMeasured, ...] = ()
    disparities: dict[str, float] = {}
    fault: str = ""


class TelemetryFellSilent(Heard, frozen=True, kw_only=True):
    """A deployment that a rule watches has said nothing since ``last_heard_at``, for longer than the rule allows.

    ``silent`` says what is missing: ``everything``, or ``rows`` while its requests are still logged.
    """

    workspace: str
    endpoint: str
    deployment: str
    last_heard_at: datetime
    silent: Silent = "everything"


class TelemetryResumed(Heard, frozen=True, kw_only=True):
    """A deployment that had fallen silent speaks again; ``silent`` says what was missing."""

    workspace: str
    endpoint: str
    deployment: str
    silent_since: datetime
    silent: Silent = "everything"


class RowsReferenced(Heard, frozen=True, kw_only=True):
    """A collector event keeps its rows in a blob of their own. ``occurred_at`` is when they were scored.

    ``account`` (a storage account's name) and ``container`` are empty when the event leaves them open: those of the collector.
    """

    workspace: str
    endpoint: str
    deployment: str
    collection: str
    correlation_id: str = ""
    content_range: str = ""
    account: str = ""
    container: str = ""
    path: str

    @property
    def blob(self) -> str:
        """The blob, as a message names it."""
        return "/".join(part for part in (self.account, self.container, self.path) if part)


TelemetrySignal = WindowClosed | PerformanceMeasured | TelemetryFellSilent | TelemetryResumed | RowsReferenced
