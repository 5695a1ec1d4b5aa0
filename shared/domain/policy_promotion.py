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
from shared.domain.policy_batch import ComparisonRun
from shared.domain.policy_ci import PIPELINES, PipelineChoice
from shared.domain.policy_faults import out_of_bounds
from shared.domain.policy_infrastructure import Severity
from shared.domain.policy_section import FaultAtError, Section, refuse
from shared.domain.policy_texts import Duration

GIVEN = 5  # the mark, the model, its version, and the name and the environment of the deployment


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


Check = Annotated[EndpointCheck | JobCheck | ImageCheck, Field(discriminator="kind")]


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
