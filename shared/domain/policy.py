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
from shared.domain.policy_infrastructure import InfrastructureAlert, Security
from shared.domain.policy_promotion import Promotion
from shared.domain.policy_responses import unfit_response
from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_telemetry import TelemetrySettings
from shared.domain.policy_texts import Duration, LimitText, Name, Persistence, ResourceId, WindowLength
from shared.domain.policy_triggers import NewData, Requirements, Schedule

Task = Literal["classical", "vision", "language"]
Mode = Literal["observe", "propose", "act"]


class Persona(Section):
    """Who hears what: an Entra group that may answer, and the channels that reach it."""

    group: str
    channels: tuple[str, ...] = Field(min_length=1)


class Environment(Section):
    """One workspace of a workload, and the endpoint that serves there."""

    workspace: ResourceId
    endpoint: str = ""
    kind: Literal["managed_online"] = "managed_online"


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


Monitored = Annotated[DataDrift | InfrastructureAlert | Schedule | NewData, Field(discriminator="when")]


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
    requires: Requirements | None = None
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
    monitoring: tuple[Monitored, ...] = ()
    security: Security | None = None
    retrain: Retraining | None = None
    limits: Limits = Limits()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _responses_fit(self) -> "Workload":
        answers: tuple[DataDrift | Schedule | NewData, ...] = (*self.drift_rules, *self.schedules, *self.data_rules)
        for rule in answers:
            unfit = unfit_response(self.task, rule.then, rule.override_reason)
            if unfit:
                raise ValueError(f"workload {self.name}: {unfit}")
        return self

    @property
    def drift_rules(self) -> tuple[DataDrift, ...]:
        """The rules of monitoring that look at telemetry windows."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, DataDrift))

    @property
    def alert_rules(self) -> tuple[InfrastructureAlert, ...]:
        """The rules of monitoring that listen to the platform, in the order in which they are asked."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, InfrastructureAlert))

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The times at which retraining is wanted whatever was measured."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, Schedule))

    @property
    def data_rules(self) -> tuple[NewData, ...]:
        """The rules that say which files count as new data."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, NewData))

    @model_validator(mode="after")
    def _files_can_come(self) -> "Workload":
        requires = self.retrain.requires if self.retrain else None
        if requires and requires.new_files_min and not self.data_rules:
            text = "new_files_min waits for files that no rule counts: add a rule with when: data_arrived to monitoring"
            raise FaultAtError(text, "retrain", "requires", "new_files_min")
        return self

    @model_validator(mode="after")
    def _schedules_differ(self) -> "Workload":
        times = [(rule.cron, rule.timezone) for rule in self.schedules]
        if len(set(times)) != len(times):
            raise FaultAtError("two rules have the same schedule; one of them is enough", "monitoring")
        return self


def _personas_of(workload: Workload) -> list[tuple[str, tuple[str | int, ...]]]:
    """Every persona that a workload names, with the place where it does."""
    return [
        (workload.owner, ("owner",)),
        (workload.promotion.approval.by, ("promotion", "approval", "by")),
        *((getattr(rule, "to", ""), ("monitoring", number, "to")) for number, rule in enumerate(workload.monitoring)),
        (workload.security.to if workload.security else "", ("security", "to")),
    ]


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
        names = [workload.name for workload in self.workloads]
        for number, workload in enumerate(self.workloads):
            place = ("workloads", number)
            for who, path in _personas_of(workload):
                if who and who not in self.personas:
                    text = f"persona {who!r} is unknown; defined are {sorted(self.personas)}"
                    raise FaultAtError(text, *place, *path)
            if any(rule.then == "retrain" for rule in workload.monitoring) and workload.retrain is None:
                raise FaultAtError("then: retrain needs a retrain: section", *place)
            windows = [rule.window for rule in workload.drift_rules]
            if len(set(windows)) != len(windows):
                raise FaultAtError("two rules watch the same window; give each its own", *place, "monitoring")
            if workload.name in names[:number]:
                raise FaultAtError(f"workload names must differ; these are {names}", *place, "name")
        return self

    @model_validator(mode="after")
    def _budgets_name_personas(self) -> "Policy":
        fault = unknown_personas(self.budgets, frozenset(self.personas))
        if fault:
            raise ValueError(fault)
        return self
