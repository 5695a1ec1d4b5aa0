"""What the team decided in advance: the policy as validated values.

Owns the grammar of the policy file and its defaults. Knows nothing of YAML, files or line numbers (``parsing.policy_file``)
and judges no signal (``rules``). Field names are the keys of the file; durations carry their unit in the text.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.domain.facts import WINDOWS_KEPT_MAX
from shared.domain.globs import Globs
from shared.domain.maintenance import MaintenanceWindow
from shared.domain.policy_budgets import BudgetRule, personas_named, shared_scopes
from shared.domain.policy_environments import Deployment, Environments
from shared.domain.policy_faults import never_asked, same_names, shared_endpoints, shared_models, unreachable
from shared.domain.policy_images import Images
from shared.domain.policy_index import Address, PolicyIndex
from shared.domain.policy_infrastructure import InfrastructureAlert, Security
from shared.domain.policy_promotion import Promotion
from shared.domain.policy_responses import unfit_response
from shared.domain.policy_section import FaultAtError, Section, refuse
from shared.domain.policy_telemetry import TelemetrySettings
from shared.domain.policy_texts import Duration, LimitText, Name, Persistence, WindowLength

Task = Literal["classical", "vision", "language"]
Mode = Literal["observe", "propose", "act"]


class Persona(Section):
    """Who hears what: an Entra group that may answer, and the channels that reach it."""

    group: str
    channels: tuple[str, ...] = Field(min_length=1)


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
            text = f"suspected_above ({self.suspected_above}) must not exceed above ({self.above})"
            raise FaultAtError(text, "suspected_above")
        if self.needed > self.considered:
            raise FaultAtError(f"{self.persistence} can never be met; write M of N with M at most N", "for")
        if self.considered > WINDOWS_KEPT_MAX:
            text = f"{self.persistence} looks too far back; the last {WINDOWS_KEPT_MAX} windows are kept"
            raise FaultAtError(text, "for")
        return self


Monitored = Annotated[DataDrift | InfrastructureAlert, Field(discriminator="when")]


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

    @model_validator(mode="after")
    def _each_can_hold(self) -> "Limits":
        refuse(unreachable(self.retrains, "retrains"))
        return self


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
    images: Images | None = None
    retrain: Retraining | None = None
    limits: Limits = Limits()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _rules_fit(self) -> "Workload":
        refuse([*_unfit_rules(self), *_rules_in_the_way(self)])
        return self

    @cached_property
    def drift_rules(self) -> tuple[DataDrift, ...]:
        """The rules of monitoring that look at telemetry windows."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, DataDrift))

    @cached_property
    def alert_rules(self) -> tuple[InfrastructureAlert, ...]:
        """The rules of monitoring that listen to the platform, in the order in which they are asked."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, InfrastructureAlert))

    @cached_property
    def _alert_names(self) -> Globs:
        return Globs((rule.rules.lower(), number) for number, rule in enumerate(self.alert_rules))

    def alert_rule(self, name: str) -> InfrastructureAlert | None:
        """The first rule that names an alert, whatever the case of either."""
        numbers = self._alert_names.matching(name.lower())
        return self.alert_rules[numbers[0]] if numbers else None

    @property
    def address(self) -> Address:
        """What this workload is found by."""
        environments = self.environments
        every = (environments.development, environments.staging, environments.production)
        return Address(
            name=self.name,
            model=self.model,
            workspaces=frozenset(environment.workspace.lower() for environment in every),
            development=environments.development.workspace.lower(),
            staging=environments.staging.place,
            endpoint=environments.production.place,
            monitors=tuple(rule.azure_ml_signals for rule in self.drift_rules),
            registry=self.images.registry if self.images else "",
        )


def _unfit_rules(workload: Workload) -> Iterator[FaultAtError]:
    """Answers that do not fit the task, or that nobody described."""
    for number, rule in enumerate(workload.monitoring):
        place = ("monitoring", number, "then")
        unfit = unfit_response(workload.task, rule.then, rule.override_reason) if isinstance(rule, DataDrift) else ""
        if unfit:
            yield FaultAtError(unfit, *place)
        elif rule.then == "retrain" and workload.retrain is None:
            yield FaultAtError("then: retrain needs a retrain: section in this workload", *place)


def _rules_in_the_way(workload: Workload) -> Iterator[FaultAtError]:
    """Rules that watch what an earlier one takes."""
    numbered = list(enumerate(workload.monitoring))
    alerts = [(number, rule.rules) for number, rule in numbered if isinstance(rule, InfrastructureAlert)]
    drifts = [(number, rule) for number, rule in numbered if isinstance(rule, DataDrift)]
    yield from never_asked(alerts, "rules")
    yield from never_asked(
        ((n, rule.azure_ml_signals) for n, rule in drifts if rule.azure_ml_signals), "azure_ml_signals"
    )
    for at, (number, rule) in enumerate(drifts):
        if any(rule.window == other.window for _, other in drifts[:at]):
            text = f"two rules watch the same window {rule.window}; give each its own"
            yield FaultAtError(text, "monitoring", number, "window")


def _personas_of(workload: Workload) -> list[tuple[str, tuple[str | int, ...]]]:
    """Every persona that a workload names, with the place where it does."""
    return [
        (workload.owner, ("owner",)),
        (workload.promotion.approval.by, ("promotion", "approval", "by")),
        *((rule.to, ("monitoring", number, "to")) for number, rule in enumerate(workload.monitoring)),
        (workload.security.to if workload.security else "", ("security", "to")),
        (workload.images.to if workload.images else "", ("images", "to")),
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
        return self.index.by_name[name]

    @cached_property
    def index(self) -> PolicyIndex[Workload]:
        """Who is concerned by what, without asking every workload: built when it is first asked for."""
        return PolicyIndex(self.workloads, [workload.address for workload in self.workloads], self.budgets)

    @model_validator(mode="after")
    def _fits_together(self) -> "Policy":
        addresses = [workload.address for workload in self.workloads]
        refuse(
            [
                *self._unknown_personas(),
                *same_names(addresses),
                *shared_models(addresses),
                *shared_endpoints(addresses),
                *shared_scopes(self.budgets),
            ]
        )
        return self

    def _unknown_personas(self) -> Iterator[FaultAtError]:
        named = [
            (who, ("workloads", number, *path))
            for number, workload in enumerate(self.workloads)
            for who, path in _personas_of(workload)
        ]
        for who, place in (*named, *personas_named(self.budgets)):
            if who and who not in self.personas:
                yield FaultAtError(f"persona {who!r} is unknown; defined are {sorted(self.personas)}", *place)
