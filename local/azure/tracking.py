"""MLflow's experiments and runs, one for each job: metrics, parameters, tags.

Owns the records. Knows nothing of HTTP; ``mlflow_api`` speaks MLflow's REST protocol on top of it. Times are in ms.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from local.azure.errors import ArmError


def now_ms() -> int:
    """The present, as MLflow writes it."""
    return int(time.time() * 1000)


@dataclass
class Metric:
    """One logged value."""

    key: str
    value: float
    timestamp: int
    step: int

    def document(self) -> dict[str, Any]:
        """As MLflow's REST API shows it."""
        return {"key": self.key, "value": self.value, "timestamp": self.timestamp, "step": self.step}


@dataclass
class Run:
    """One MLflow run. Its id is the job's name."""

    id: str
    experiment_id: str
    experiment_name: str
    artifact_uri: str
    status: str = "SCHEDULED"
    start_time: int = field(default_factory=now_ms)
    end_time: int | None = None
    metrics: list[Metric] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def latest_metrics(self) -> list[Metric]:
        """The last value of each metric: highest step, then latest time, then logged last."""
        newest: dict[str, Metric] = {}
        for metric in sorted(self.metrics, key=lambda one: (one.step, one.timestamp)):
            newest[metric.key] = metric
        return list(newest.values())

    def finish(self, status: str) -> None:
        """End the run: FINISHED, FAILED or KILLED."""
        self.status, self.end_time = status, now_ms()


class Tracking:
    """All runs, by workspace key and run id."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Run] = {}

    def experiment_id(self, workspace: str, name: str) -> str:
        """An experiment's id: a GUID that depends on workspace and name only."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{workspace}/experiments/{name}"))

    def create(self, workspace: str, run: Run) -> None:
        """Keep a new run."""
        self._runs[workspace, run.id] = run

    def get(self, workspace: str, run_id: str) -> Run:
        """One run.

        Raises:
            ArmError: 404 when there is none.
        """
        run = self._runs.get((workspace, run_id))
        if not run:
            raise ArmError(404, "RESOURCE_DOES_NOT_EXIST", f"Run with id={run_id} not found")
        return run

    def experiment_names(self, workspace: str) -> dict[str, str]:
        """The names of a workspace's experiments by id."""
        return {run.experiment_id: run.experiment_name for (owner, _), run in self._runs.items() if owner == workspace}
