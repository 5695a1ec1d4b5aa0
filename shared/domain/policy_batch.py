"""What a policy says about a workload that scores in batches: its cluster, and the comparison run before a new default.

Owns the grammar of ``deployment.batch`` and ``promotion.comparison``, and what a batch workload cannot have. Judges no run
(``rules.batch``).
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.domain.policy_faults import out_of_bounds
from shared.domain.policy_section import FaultAtError, Section, refuse
from shared.domain.policy_texts import Duration

BatchInput = Annotated[
    str,
    StringConstraints(pattern=r"^(azureml:[A-Za-z0-9][\w.-]*(@[\w.-]+|:[\w.-]+)|azureml://.+|https://[^?]+)$"),
]
AGAINST_CHAMPION = "_vs_champion"  # in the name of a limit that needs one to compare with
ONLINE_ROLLOUT = {
    "steps": "a batch endpoint has one default deployment, and no shares of traffic",
    "mirror": "requests are copied, and a batch deployment answers none",
    "look_every": "there are no requests to look at: promotion.comparison says what is compared instead",
    "on_failure": "nothing moves in steps that could stand still: what fails its comparison never becomes the default",
    "quota_to": "the cluster that batch.compute names has its own machines: no quota is needed for a second deployment",
    "bake": "nothing is served while a step is watched: promotion.comparison says what is compared instead",
    "probe_requests": "a batch deployment answers no requests: promotion.comparison scores a whole input instead",
    "analysis": "there are no requests to analyse: write the limits into promotion.comparison",
}


class BatchCluster(Section):
    """Where and how a batch deployment scores. The cluster's own settings say which machines it has."""

    compute: str = Field(min_length=1, description="the name of a compute cluster of the workspace")
    mini_batch_size: int = Field(default=10, ge=1, description="files that one call of the scoring script is given")
    concurrency: int = Field(default=1, ge=1, le=64, description="calls side by side on each instance")
    error_threshold: int = Field(
        default=-1, ge=-1, description="so many files may fail before Azure fails the run; -1: any number"
    )
    timeout: Duration = Field(default=timedelta(minutes=5), description="of one call of the scoring script")


class BatchRunCheck(Section):
    """The staging deployment of a batch workload scores a small input, and a job may look at what it wrote."""

    kind: Literal["batch_run"]
    scores: BatchInput = Field(
        alias="input",
        description="of the staging workspace: a data asset (azureml:NAME@latest or azureml:NAME:VERSION), or the address of a folder",
    )
    component: str = Field(
        default="",
        description="of the staging workspace: looks at the folder of predictions (input candidate), and logs metrics such as rows",
    )
    metrics: dict[str, float] = Field(
        default={}, description="limits of what it logs, each a metric's name with _min or _max behind it"
    )
    duration_max: Duration | None = Field(default=None, description="how long the run may take")
    deadline: Duration = Field(default=timedelta(hours=1), description="of the run, which is then cancelled")

    @property
    def name(self) -> str:
        """What people call the check."""
        return self.kind

    @model_validator(mode="after")
    def _can_be_met(self) -> "BatchRunCheck":
        if bool(self.component) != bool(self.metrics):
            missing = "metrics" if self.component else "component"
            raise FaultAtError("component and metrics belong together: who looks, and what is enough", missing)
        against = next((name for name in self.metrics if AGAINST_CHAMPION in name), "")
        if against:
            raise FaultAtError(
                f"{against}: the champion scores nothing in staging; see promotion.comparison", "metrics"
            )
        refuse(out_of_bounds(self.metrics))
        return self


class ComparisonRun(Section):
    """Before a version becomes the default, it and the champion score the same input, and a job compares what they wrote."""

    scores: BatchInput = Field(
        alias="input",
        description="a data asset (azureml:NAME@latest or azureml:NAME:VERSION, resolved once for both runs), or the address "
        "of a folder",
    )
    component: str = Field(
        min_length=1,
        description="of the production workspace: compares the two folders of predictions, and logs metrics",
    )
    metrics: dict[str, float] = Field(
        min_length=1,
        description="limits of what it logs, each a metric's name with _min or _max behind it; those with _vs_champion in "
        "their name are left out while there is no champion",
    )
    duration_vs_champion_max: float | None = Field(
        default=None, gt=0, description="how many times as long as the champion's run the candidate's may take"
    )
    deadline: Duration = Field(default=timedelta(hours=6), description="of each of the two runs")
    retry_after: Duration = Field(
        default=timedelta(minutes=15), description="when a comparison that came to no verdict is made anew"
    )
    inconclusive_limit: int = Field(
        default=1, ge=0, description="comparisons without a verdict, after which the version is given up"
    )
    no_data_limit: int = Field(default=4, ge=0, description="the same, while there is no input to score")

    @model_validator(mode="after")
    def _can_be_met(self) -> "ComparisonRun":
        refuse(out_of_bounds(self.metrics))
        return self
