"""What the team decided in advance: the policy as validated values.

Owns the grammar of the policy file and its defaults. Knows nothing of YAML, files or line numbers (``parsing.policy_file``)
and judges no signal (``rules``). Field names are the keys of the file; durations carry their unit in the text.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.domain.facts import WINDOWS_KEPT_MAX
from shared.domain.maintenance import MaintenanceWindow
from shared.domain.policy_budgets import BudgetRule, unknown_personas
from shared.domain.policy_responses import unfit_response
from shared.domain.policy_section import Section
from shared.domain.policy_telemetry import TelemetrySettings
from shared.domain.policy_texts import Duration, LimitText, Name, Persistence, ResourceId, WindowLength

Task = Literal["classical", "vision", "language"]
Mode = Literal["observe", "act"]


class Persona(Section):
    """Who hears what: an Entra group that may answer, and the channels that reach it."""

    group: str
    channels: tuple[str, ...] = Field(min_length=1)


class Environment(Section):
    """One workspace of a workload, and the endpoint that serves there."""

    workspace: ResourceId
    endpoint: str = ""
    kind: Literal["managed_online", "kubernetes_online", "batch"] = "managed_online"


class Environments(Section):
    """Where a workload lives."""

    development: Environment
    staging: Environment
    production: Environment


class Deployment(Section):
    """What a deployment of the model runs on: assets registered beforehand, so nothing is uploaded."""

    code: str
    scoring_script: str = "score.py"
    environment: str
    instance_type: str = "Standard_DS3_v2"
    instance_count: int = Field(default=1, ge=1, le=50)


class EndpointCheck(Section):
    """Real requests to the staging deployment."""

    kind: Literal["endpoint"]
    requests: int = Field(default=200, ge=1, le=10_000)
    payload: str
    latency_p95_ms_max: float = Field(gt=0)
    error_rate_max: float = Field(default=0.0, ge=0, le=1)


class JobCheck(Section):
    """An evaluation job; each metric is named with ``_min`` or ``_max`` behind it."""

    kind: Literal["job"]
    component: str
    data: str
    metrics: dict[str, float] = Field(min_length=1)


Check = Annotated[EndpointCheck | JobCheck, Field(discriminator="kind")]


class Staging(Section):
    """What a candidate has to show before a person is asked."""

    checks: tuple[Check, ...] = Field(min_length=1)


class Approval(Section):
    """Whose yes is needed, for how long it is waited for, and the safe answer when nobody comes."""

    by: str
    quorum: int = Field(default=1, ge=1, le=5)
    not_by_author: bool = True
    expires: Duration = timedelta(days=2)
    otherwise: Literal["reject"] = "reject"


class Analysis(Section):
    """When a step of a rollout is good, bad, or not yet known."""

    latency_p95_vs_champion_max: float = Field(default=1.2, gt=0)
    latency_p95_ms_max: float = Field(default=1000.0, gt=0)
    error_rate_max: float = Field(default=0.01, ge=0, lt=1)
    min_requests: int = Field(default=200, ge=1)
    failure_limit: int = Field(default=0, ge=0)
    inconclusive_limit: int = Field(default=3, ge=0)
    no_data_limit: int = Field(default=4, ge=0)


class Rollout(Section):
    """How traffic moves to a new version."""

    steps: tuple[int, ...] = (10, 50, 100)
    bake: Duration = timedelta(minutes=30)
    warm_standby: Duration = timedelta(days=3)
    probe_requests: int = Field(default=100, ge=1, le=10_000)
    analysis: Analysis = Analysis()

    @model_validator(mode="after")
    def _steps_rise_to_all(self) -> "Rollout":
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or self.steps[-1] != 100 or self.steps[0] < 1:
            raise ValueError(
                f"steps must rise from at least 1 to 100, such as [10, 50, 100]; these are {list(self.steps)}"
            )
        return self


class Promotion(Section):
    """The way of a registered version into production."""

    source: Literal["development"] = Field(default="development", alias="from")
    start: Literal["automatic"] = "automatic"
    staging: Staging
    approval: Approval
    rollout: Rollout = Rollout()


class DataDrift(Section):
    """Inputs that no longer look like the training data: effect size, persistence and minimum sample."""

    when: Literal["data_drift"]
    metric: Literal["psi"] = "psi"
    window: WindowLength = "1mo"
    above: float = Field(gt=0)
    suspected_above: float = Field(default=0.1, gt=0)
    share_of_features: float = Field(gt=0, le=1)
    persistence: Persistence = Field(default="1 of 1", alias="for")
    min_rows: int = Field(default=1000, ge=1)
    azure_ml_signals: str = Field(
        default="", description="glob of the names of Azure ML monitor signals that mean the same"
    )
    then: Literal["retrain", "notify", "annotate", "investigate"] = "retrain"
    to: str = ""
    override_reason: str = Field(default="", description="why a vision or language model is retrained by itself")
    samples: str = Field(
        default="", description="where its sampled inputs lie; by default where Azure ML collects them"
    )

    @property
    def needed(self) -> int:
        """M of ``M of N``: how many of the last N windows must agree."""
        return int(self.persistence.split(" of ")[0])

    @property
    def considered(self) -> int:
        """N of ``M of N``."""
        return int(self.persistence.split(" of ")[1])

    @model_validator(mode="after")
    def _in_order(self) -> "DataDrift":
        if self.suspected_above > self.above:
            raise ValueError(f"suspected_above ({self.suspected_above}) must not exceed above ({self.above})")
        if self.needed > self.considered:
            raise ValueError(f"for: {self.persistence} can never be met; write M of N with M at most N")
        if self.considered > WINDOWS_KEPT_MAX:
            raise ValueError(
                f"for: {self.persistence} looks too far back; the last {WINDOWS_KEPT_MAX} windows are kept"
            )
        return self


class AzureMlTraining(Section):
    """Training by a registered component: dispatch uploads nothing."""

    component: str
    data: str
    experiment: str = "retrain"
    inputs: dict[str, str] = {}


class Trainer(Section):
    """Who trains."""

    azure_ml: AzureMlTraining


class Verification(Section):
    """How it is measured whether a remedy helped: both versions on the same rows, later than the training of either."""

    component: str
    data: str
    metric: str = "auc"
    better_by_min: float = 0.0


class Retraining(Section):
    """When and how often a new version may be trained, and when to stop and call a person."""

    trainer: Trainer = Field(alias="with")
    cooldown: Duration = timedelta(hours=12)
    verify: Verification
    verify_within: Duration = timedelta(days=7)
    give_up_after: int = Field(default=3, ge=1)


class Limits(Section):
    """How often, in any window of the given length."""

    retrains: tuple[LimitText, ...] = ()


class Workload(Section):
    """One ML use case: what it is, where it lives, and what may be done about it."""

    name: Name
    task: Task
    model: str
    environments: Environments
    registry: str
    mode: Mode = "observe"
    owner: str
    deployment: Deployment
    promotion: Promotion
    monitoring: tuple[DataDrift, ...] = ()
    retrain: Retraining | None = None
    limits: Limits = Limits()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _responses_fit(self) -> "Workload":
        for rule in self.monitoring:
            unfit = unfit_response(self.task, rule.then, rule.override_reason)
            if unfit:
                raise ValueError(f"workload {self.name}: {unfit}")
        return self


class Defaults(Section):
    """What applies to every workload that does not say otherwise."""

    limits: Limits = Limits()


class Policy(Section):
    """The whole file."""

    version: Literal[1]
    defaults: Defaults = Defaults()
    personas: dict[str, Persona]
    workloads: tuple[Workload, ...] = Field(min_length=1)
    budgets: tuple[BudgetRule, ...] = ()

    def workload(self, name: str) -> Workload:
        """The workload of that name. Raises KeyError."""
        for workload in self.workloads:
            if workload.name == name:
                return workload
        raise KeyError(name)

    @model_validator(mode="after")
    def _names_resolve(self) -> "Policy":
        for workload in self.workloads:
            for who in (workload.owner, workload.promotion.approval.by, *(rule.to for rule in workload.monitoring)):
                if who and who not in self.personas:
                    raise ValueError(
                        f"workload {workload.name}: persona {who!r} is unknown; defined are {sorted(self.personas)}"
                    )
            if any(rule.then == "retrain" for rule in workload.monitoring) and workload.retrain is None:
                raise ValueError(f"workload {workload.name}: then: retrain needs a retrain: section")
        for workload in self.workloads:
            windows = [rule.window for rule in workload.monitoring]
            if len(set(windows)) != len(windows):
                raise ValueError(f"workload {workload.name}: two rules watch the same window; give each its own")
        names = [workload.name for workload in self.workloads]
        if len(set(names)) != len(names):
            raise ValueError(f"workload names must differ; these are {names}")
        return self

    @model_validator(mode="after")
    def _budgets_name_personas(self) -> "Policy":
        fault = unknown_personas(self.budgets, frozenset(self.personas))
        if fault:
            raise ValueError(fault)
        return self
