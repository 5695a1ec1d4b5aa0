"""What the team decided in advance: the policy as validated values.

Owns the grammar of the policy file and its defaults. Knows nothing of YAML, files or line numbers (``parsing.policy_file``)
and judges no signal (``rules``). Field names are the keys of the file; durations carry their unit in the text.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator

from shared.domain.globs import Globs
from shared.domain.maintenance import MaintenanceWindow
from shared.domain.policy_absence import TelemetryAbsent
from shared.domain.policy_budgets import BudgetRule, personas_named, shared_scopes
from shared.domain.policy_drift import DataDrift, DataQuality, PredictionDrift
from shared.domain.policy_environments import Deployment, Environments
from shared.domain.policy_faults import same_names, shared_endpoints, shared_models, unreachable
from shared.domain.policy_idle import EndpointIdle
from shared.domain.policy_images import Images
from shared.domain.policy_index import Address, PolicyIndex
from shared.domain.policy_infrastructure import InfrastructureAlert, Security, unfit_reliefs
from shared.domain.policy_kinds import unfit_kinds, unheard
from shared.domain.policy_measured import unfit_source
from shared.domain.policy_monitoring import Monitored, rules_in_the_way, unfit_rules
from shared.domain.policy_performance import Fairness, LabelledRule
from shared.domain.policy_promotion import ImageCheck, Promotion
from shared.domain.policy_reserves import Price, unfit_reserves
from shared.domain.policy_retraining import Retraining
from shared.domain.policy_section import FaultAtError, Section, refuse
from shared.domain.policy_staging import prices_of, unfit_staging_training
from shared.domain.policy_telemetry import TelemetrySettings
from shared.domain.policy_texts import LimitText, Name
from shared.domain.policy_throttling import EndpointThrottled
from shared.domain.policy_triggers import NewData, Schedule
from shared.domain.policy_upstream import UPSTREAM_MAX, Upstream, unfit_upstream

Task = Literal["classical", "vision", "language"]
Mode = Literal["observe", "propose", "act"]


class Persona(Section):
    """Who hears what: an Entra group that may answer, and the channels that reach it."""

    group: str
    channels: tuple[str, ...] = Field(min_length=1)


class Limits(Section):
    """How often, in any window of the given length."""

    retrains: tuple[LimitText, ...] = ()

    @model_validator(mode="after")
    def _each_can_hold(self) -> "Limits":
        refuse(unreachable(self.retrains, "retrains"))
        return self


class FleetLimits(Limits):
    """How often, for each workload that does not say otherwise, and for all of them together."""

    fleet_retrains: tuple[LimitText, ...] = Field(default=(), description="of all workloads together")

    @model_validator(mode="after")
    def _each_of_the_fleet_can_hold(self) -> "FleetLimits":
        refuse(unreachable(self.fleet_retrains, "fleet_retrains"))
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
        refuse(
            [
                *unfit_rules(self.task, self.monitoring, may_retrain=self.retrain is not None),
                *rules_in_the_way(self.monitoring),
                *unfit_kinds(self.environments, self.deployment, self.promotion),
                *unheard(self.environments.production, self.monitoring),
                *unfit_reliefs(self.monitoring, self.environments.production.kind, self.deployment.instance_count),
                *unfit_source(self.environments.production, self.promotion.rollout),
                *unfit_staging_training(self.task, self.environments, self.promotion),
                *self._awaits_files_in_vain(),
                *self._scans_nothing(),
            ]
        )
        return self

    def _awaits_files_in_vain(self) -> Iterator[FaultAtError]:
        requires = self.retrain.requires if self.retrain else None
        if requires and requires.new_files_min and not self.data_rules:
            text = "new_files_min waits for files that no rule counts: add a rule with when: data_arrived to monitoring"
            yield FaultAtError(text, "retrain", "requires", "new_files_min")

    def _scans_nothing(self) -> Iterator[FaultAtError]:
        for number, check in enumerate(self.promotion.staging.checks):
            if isinstance(check, ImageCheck) and self.images is None:
                text = "image_scan looks at the images that the workload's images: watches: add that section"
                yield FaultAtError(text, "promotion", "staging", "checks", number)

    @property
    def scores_in_batches(self) -> bool:
        """Whether production is a batch endpoint: it has a default deployment, and no requests to watch."""
        return self.environments.production.kind == "batch"

    @cached_property
    def drift_rules(self) -> tuple[DataDrift, ...]:
        """The rules of monitoring that compare the inputs with the reference."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, DataDrift))

    @cached_property
    def row_rules(self) -> tuple[DataDrift | PredictionDrift | DataQuality | EndpointThrottled, ...]:
        """The rules of monitoring that look at windows of rows, or at the requests of the same time."""
        kinds = DataDrift | PredictionDrift | DataQuality | EndpointThrottled
        return tuple(rule for rule in self.monitoring if isinstance(rule, kinds))

    @cached_property
    def labelled_rules(self) -> tuple[LabelledRule, ...]:
        """The rules of monitoring that wait for labels."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, LabelledRule))

    @cached_property
    def fairness_rules(self) -> tuple[Fairness, ...]:
        """Those of them that compare groups of people."""
        return tuple(rule for rule in self.labelled_rules if isinstance(rule, Fairness))

    @property
    def needs_rows(self) -> bool:
        """Whether any rule can judge nothing unless rows come."""
        rows = [rule for rule in self.row_rules if not isinstance(rule, EndpointThrottled)]
        return bool(rows or self.labelled_rules)

    @cached_property
    def absence_rule(self) -> TelemetryAbsent | None:
        """The rule that minds silence, if there is one."""
        return next((rule for rule in self.monitoring if isinstance(rule, TelemetryAbsent)), None)

    @cached_property
    def idle_rule(self) -> EndpointIdle | None:
        """The rule that minds an endpoint that nobody calls, if there is one."""
        return next((rule for rule in self.monitoring if isinstance(rule, EndpointIdle)), None)

    @cached_property
    def alert_rules(self) -> tuple[InfrastructureAlert, ...]:
        """The rules of monitoring that listen to the platform, in the order in which they are asked."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, InfrastructureAlert))

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        """The times at which retraining is wanted whatever was measured."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, Schedule))

    @cached_property
    def data_rules(self) -> tuple[NewData, ...]:
        """The rules that say which files count as new data."""
        return tuple(rule for rule in self.monitoring if isinstance(rule, NewData))

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
            storages=(*(rule.storage for rule in self.data_rules), *self._collected_in()),
        )

    def _collected_in(self) -> tuple[str, ...]:
        collector = self.environments.production.collector
        return (collector.storage,) if collector else ()


def _personas_of(workload: Workload) -> list[tuple[str, tuple[str | int, ...]]]:
    """Every persona that a workload names, with the place where it does."""
    return [
        (workload.owner, ("owner",)),
        (workload.promotion.approval.by, ("promotion", "approval", "by")),
        (workload.promotion.rollout.quota_to, ("promotion", "rollout", "quota_to")),
        *((getattr(rule, "to", ""), ("monitoring", number, "to")) for number, rule in enumerate(workload.monitoring)),
        (workload.security.to if workload.security else "", ("security", "to")),
        (workload.images.to if workload.images else "", ("images", "to")),
    ]


class Defaults(Section):
    """What applies to every workload that does not say otherwise."""

    limits: FleetLimits = FleetLimits()


class Policy(Section):
    """The whole file."""

    version: Literal[1]
    defaults: Defaults = Defaults()
    personas: dict[str, Persona]
    workloads: tuple[Workload, ...] = Field(min_length=1)
    budgets: tuple[BudgetRule, ...] = ()
    upstream: tuple[Upstream, ...] = Field(
        default=(), max_length=UPSTREAM_MAX, description="the first whose glob matches a feature answers for it"
    )

    def workload(self, name: str) -> Workload:
        """The workload of that name. Raises KeyError."""
        return self.index.by_name[name]

    @cached_property
    def index(self) -> PolicyIndex[Workload]:
        """Who is concerned by what, without asking every workload: built when it is first asked for."""
        return PolicyIndex(self.workloads, [workload.address for workload in self.workloads], self.budgets)

    @cached_property
    def scheduled(self) -> tuple[Workload, ...]:
        """The workloads that are retrained by schedule."""
        return tuple(workload for workload in self.workloads if workload.schedules)

    @cached_property
    def traffic_bucket(self) -> timedelta:
        """The length of all buckets of traffic: the shortest that a workload asks for."""
        return min(workload.telemetry.traffic_bucket for workload in self.workloads)

    @cached_property
    def lateness(self) -> timedelta:
        """How long all windows wait for late rows: the longest that a workload asks for."""
        return max(workload.telemetry.lateness for workload in self.workloads)

    @cached_property
    def idle_after(self) -> timedelta:
        """After how long a silence windows close by the present: the longest that a workload asks for."""
        return max(workload.telemetry.idle_after for workload in self.workloads)

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
                *unfit_reserves(self.budgets, self._prices()),
                *unfit_upstream(self.upstream),
            ]
        )
        return self

    def _prices(self) -> Iterator[Price]:
        for number, one in enumerate(self.workloads):
            yield from prices_of(number, one.environments, one.retrain, one.promotion)

    def _unknown_personas(self) -> Iterator[FaultAtError]:
        named = [
            (who, ("workloads", number, *path))
            for number, workload in enumerate(self.workloads)
            for who, path in _personas_of(workload)
        ]
        upstream = [(rule.to, ("upstream", number, "to")) for number, rule in enumerate(self.upstream)]
        for who, place in (*named, *personas_named(self.budgets), *upstream):
            if who and who not in self.personas:
                yield FaultAtError(f"persona {who!r} is unknown; defined are {sorted(self.personas)}", *place)
