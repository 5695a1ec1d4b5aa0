"""Jobs: what was asked, how far it got, and what came of it.

Owns the records and the rule that a name means one job for ever. Knows neither HTTP nor processes.
"""

from dataclasses import dataclass, field
from typing import Any

from local.azure.assets import timestamp
from local.azure.errors import ArmError, not_found
from local.azure.events import RunFacts
from local.azure.references import Scope
from local.azure.tracking import Run

ENDED = {"Completed", "Failed", "Canceled"}
_IDENTITY = ("jobType", "command", "componentId", "codeId", "environmentId", "computeId", "inputs", "experimentName")


@dataclass
class Job:
    """One job. ``properties`` is what was asked for; ``registered`` maps outputs to the versions they became.

    ``driver`` is what a job that names no command runs on this machine instead, and ``steps`` what a pipeline runs, one after
    another: they are shown to nobody.
    """

    scope: Scope
    name: str
    properties: dict[str, Any]
    run: Run
    status: str = "NotStarted"
    error: str = ""
    created: str = field(default_factory=timestamp)
    registered: dict[str, str] = field(default_factory=dict)
    driver: dict[str, Any] = field(default_factory=dict)
    steps: list["Job"] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The ARM id."""
        return f"{self.scope.id}/jobs/{self.name}"

    @property
    def work(self) -> dict[str, Any]:
        """What is run: what was asked for, and its driver."""
        return self.properties | self.driver

    @property
    def ended(self) -> bool:
        """Whether the job will not change any more."""
        return self.status in ENDED

    def facts(self) -> RunFacts:
        """What events say about the job's run."""
        run = self.run
        return RunFacts(
            run.experiment_id, run.experiment_name, self.name, run.tags, self.properties.get("properties") or {}
        )


class Jobs:
    """All jobs of all workspaces, oldest first."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Job] = {}

    def find(self, workspace: str, name: str) -> Job | None:
        """A job, or None."""
        return self._all.get((workspace, name.lower()))

    def get(self, workspace: str, name: str) -> Job:
        """A job.

        Raises:
            ArmError: 404 when there is none.
        """
        job = self.find(workspace, name)
        if not job:
            raise not_found("Job", name)
        return job

    def of(self, workspace: str) -> list[Job]:
        """The jobs of one workspace."""
        return [job for (owner, _), job in self._all.items() if owner == workspace]

    def everywhere(self) -> list[Job]:
        """The jobs of all workspaces."""
        return list(self._all.values())

    def add(self, job: Job) -> None:
        """Keep a new job."""
        self._all[job.scope.key, job.name.lower()] = job


def check_same(job: Job, wanted: dict[str, Any]) -> None:
    """A name means one job: asking again for the same is fine.

    Raises:
        ArmError: 409 when something else is asked for under the name.
    """
    differing = [key for key in _IDENTITY if _settled(job.properties.get(key)) != _settled(wanted.get(key))]
    if differing:
        raise ArmError(
            409, "UserError", f"A job named {job.name} already exists; it differs in {', '.join(differing)}."
        )


def _settled(value: Any) -> Any:
    # null, missing and empty mean the same on the wire, at any depth.
    if isinstance(value, dict):
        return {key: _settled(inner) for key, inner in value.items() if inner not in (None, {}, [])} or None
    return value or None
