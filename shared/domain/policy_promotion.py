"""What a policy says about the way into production: staging checks, approval, rollout.

Owns the grammar of these sections. Judges no candidate (``rules``).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.domain.ci_runs import (
    GITHUB_INPUTS_MAX,
    GITHUB_PAYLOAD_KEYS_MAX,
    CiRun,
    GithubDispatchRun,
    GithubWorkflowRun,
)
from shared.domain.policy_batch import BatchRunCheck, ComparisonRun
from shared.domain.policy_ci import PIPELINES, PipelineChoice
from shared.domain.policy_faults import out_of_bounds
from shared.domain.policy_infrastructure import Severity
from shared.domain.policy_retraining import StagingTraining
from shared.domain.policy_section import FaultAtError, Section, refuse
from shared.domain.policy_texts import Duration

GIVEN = 5  # the mark, the model, its version, and the name and the environment of the deployment
LOOKS_MAX = 100  # at one bake
LOOK_MIN, LOOK_MAX = timedelta(minutes=1), timedelta(minutes=10)  # by default
LATE: dict[str, timedelta] = {"windows": timedelta(), "metrics": timedelta(minutes=5), "logs": timedelta(minutes=10)}
BOUNDS = 4  # that a step is judged by: errors and latency, of the candidate and of the champion


class EndpointCheck(Section):
    """Real requests to the staging deployment."""

    kind: Literal["endpoint"]
    requests: int = Field(default=200, ge=1, le=10_000)
    payload: str
    latency_p95_ms_max: float = Field(gt=0)
    error_rate_max: float = Field(default=0.0, ge=0, le=1)

    @property
    def name(self) -> str:
        """What people call the check."""
        return self.kind


class JobCheck(Section):
    """A job of a registered component; each metric that it logs is named with ``_min`` or ``_max`` behind it."""

    kind: Literal["job", "unit_tests", "data_quality", "responsible_ai"] = Field(
        description="what the job is about, as people read it beside its numbers"
    )
    component: str
    data: str
    metrics: dict[str, float] = Field(min_length=1)

    @property
    def name(self) -> str:
        """What people call the check."""
        return self.component if self.kind == "job" else f"{self.kind} {self.component}"

    @model_validator(mode="after")
    def _can_be_met(self) -> "JobCheck":
        refuse(out_of_bounds(self.metrics))
        return self


class ImageCheck(Section):
    """What scans found in the newest images that the workload's ``images:`` watches, when the candidate is in staging."""

    kind: Literal["image_scan"]
    severity_max: Severity = Field(
        default="medium", description="the check fails on anything worse, and without a scan"
    )

    @property
    def name(self) -> str:
        """What people call the check."""
        return self.kind


Check = Annotated[EndpointCheck | BatchRunCheck | JobCheck | ImageCheck, Field(discriminator="kind")]


class Staging(Section):
    """What a candidate has to show before a person is asked."""

    checks: tuple[Check, ...] = Field(min_length=1)
    retrain: StagingTraining | None = Field(
        default=None,
        description="train each candidate anew on production data before the checks; off when it is left out",
    )


class Approval(Section):
    """Whose yes is needed, for how long it is waited for, and the safe answer when nobody comes."""

    by: str
    quorum: int = Field(default=1, ge=1, le=5)
    not_by_author: bool = True
    expires: Duration = timedelta(days=2)
    otherwise: Literal["reject"] = "reject"


class Analysis(Section):
    """When a step of a rollout is good, bad, or not yet known."""

    source: Literal["windows", "metrics", "logs"] = Field(
        default="windows",
        description="who says what was served: our own windows of telemetry; Azure Monitor's metrics of the endpoint "
        "(environments.production.region); or its traffic log in Log Analytics (environments.production.log_analytics)",
    )
    late: Duration | None = Field(
        default=None,
        description="of metrics and logs: only minutes that ended so long ago are looked at, since younger ones may not be "
        "complete; by default 5m for metrics and 10m for logs",
    )
    latency_p95_vs_champion_max: float = Field(default=1.2, gt=0)
    latency_p95_ms_max: float = Field(default=1000.0, gt=0)
    error_rate_max: float = Field(default=0.01, ge=0, lt=1)
    error_rate_vs_champion_max: float | None = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="how much higher the error rate may be than the champion's over the same minutes; 0.01 is one point",
    )
    false_alarm: float = Field(
        default=0.05,
        gt=0,
        le=0.2,
        description="the chance that a rollout fails a version that is within all limits, over all of its looks together",
    )
    min_requests: int = Field(default=200, ge=1)
    failure_limit: int = Field(default=0, ge=0)
    inconclusive_limit: int = Field(default=3, ge=0)
    no_data_limit: int = Field(default=4, ge=0)
    error_limit: int = Field(default=4, ge=0, description="bakes at whose end the measurements could not be read")

    @property
    def late_by(self) -> timedelta:
        """How long ago a minute has to have ended to be looked at."""
        return LATE[self.source] if self.late is None else self.late

    @property
    def bakes_max(self) -> int:
        """How many bakes one step may take before it has run out of time: its deadline."""
        return 1 + max(self.failure_limit, self.inconclusive_limit, self.no_data_limit, self.error_limit)


class Rollout(Section):
    """How traffic moves to a new version."""

    steps: tuple[int, ...] = (10, 50, 100)
    mirror: int | None = Field(
        default=None,
        ge=1,
        le=50,
        description="a shadow step before the first: the version gets a copy of so many percent of the requests, "
        "and nobody sees its answers (managed online endpoints only)",
    )
    bake: Duration = timedelta(minutes=30)
    look_every: Duration | None = Field(
        default=None,
        description="how often a baking step is looked at, so that a failure goes back early; "
        "by default a sixth of the bake, between 1m and 10m; at most 100 times in a bake",
    )
    warm_standby: Duration = timedelta(days=3)
    keep_failed: Duration = Field(
        default=timedelta(days=1),
        description="how long the deployment of a version that failed is kept to be looked into",
    )
    on_failure: Literal["rollback", "freeze"] = Field(
        default="rollback",
        description="freeze: the traffic stays as it is, no step is taken, and a person is called to go on or back",
    )
    quota_to: str = Field(
        default="",
        description="a persona: who is told when there is no quota for a second deployment; the owner when it is left out",
    )
    newer_candidate: Literal["waits", "supersedes"] = Field(
        default="waits",
        description="what a version that is registered during a rollout does: supersedes takes the traffic back first",
    )
    probe_requests: int = Field(default=100, ge=1, le=10_000)
    analysis: Analysis = Analysis()

    @property
    def look_interval(self) -> timedelta:
        """How long after one look at a baking step the next one is."""
        wanted = self.look_every or min(max(self.bake / 6, LOOK_MIN), LOOK_MAX)
        return min(self.bake, max(wanted, self.bake / LOOKS_MAX))

    @property
    def chance(self) -> float:
        """With which chance one bound may be wrong at any look: so many of them share what a rollout is allowed."""
        return self.analysis.false_alarm / (BOUNDS * self.stages)

    @property
    def stages(self) -> int:
        """How many times a version is judged: its steps, and the shadow step before them if there is one."""
        return len(self.steps) + bool(self.mirror)

    @model_validator(mode="after")
    def _steps_rise_to_all(self) -> "Rollout":
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or self.steps[-1] != 100 or self.steps[0] < 1:
            text = f"steps must rise from at least 1 to 100, such as [10, 50, 100]; these are {list(self.steps)}"
            raise FaultAtError(text, "steps")
        return self


class Promoter(PipelineChoice):
    """The pipeline that brings a version to staging, instead of the app: exactly one of these.

    It is told ``outerloop_model``, ``outerloop_version``, ``outerloop_deployment`` and ``outerloop_environment`` besides the mark.
    """

    @model_validator(mode="after")
    def _is_one(self) -> "Promoter":
        self.exactly_one_of(*PIPELINES)
        run, most = self.run(), 0
        match run:
            case GithubWorkflowRun():
                most, told, place = GITHUB_INPUTS_MAX - GIVEN, run.inputs, ("github_workflow", "inputs")
            case GithubDispatchRun():
                most, told, place = GITHUB_PAYLOAD_KEYS_MAX - GIVEN, run.payload, ("github_dispatch", "payload")
            case _:
                return self
        if len(told) > most:
            raise FaultAtError(f"GitHub takes {most} beside the {GIVEN} that the loop gives", *place)
        return self


class Promotion(Section):
    """The way of a registered version into production."""

    source: Literal["development"] = Field(default="development", alias="from")
    start: Literal["automatic", "approval"] = Field(
        default="automatic", description="approval: the owner is asked before a registration is promoted at all"
    )
    promoter: Literal["azure_ml"] | Promoter = Field(
        default="azure_ml",
        alias="with",
        description="azure_ml: the app shares the model and deploys it to staging itself",
    )
    staging: Staging
    approval: Approval
    rollout: Rollout = Rollout()
    comparison: ComparisonRun | None = Field(
        default=None, description="of a workload whose endpoints are of the kind batch: what it has instead of steps"
    )

    def run(self, given: Mapping[str, str]) -> CiRun | None:
        """The pipeline that promotes to staging, told what the loop gives; None when the app does it."""
        return None if self.promoter == "azure_ml" else self.promoter.run(given)
