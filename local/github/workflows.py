"""What GitHub knows: repositories with their workflows, and the runs that were started.

Owns the state and who may start what. Knows no HTTP. Runs end when somebody says so: nothing is executed here.
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_PLACE = re.compile(r"\$\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True)
class Workflow:
    """One workflow file. ``run_name`` may hold ``${{ inputs.NAME }}``; without one, a run is called as its workflow."""

    file: str
    name: str = "Retrain"
    run_name: str = ""
    inputs: frozenset[str] = frozenset()
    refs: frozenset[str] = frozenset({"main"})
    dispatched: bool = True  # on: workflow_dispatch
    types: frozenset[str] = frozenset()  # on: repository_dispatch


@dataclass
class Run:
    """One run, under way until it is ended."""

    id: int
    repository: str
    workflow: Workflow
    event: str
    title: str
    created_at: datetime
    updated_at: datetime
    status: str = "queued"
    conclusion: str | None = None
    hidden_for: int = 0  # lists that do not show it yet

    def end(self, conclusion: str, at: datetime | None = None) -> None:
        """The run comes to its end."""
        self.status, self.conclusion, self.updated_at = "completed", conclusion, at or datetime.now(UTC)


class RefusedError(Exception):
    """An order that GitHub does not take, with its status and words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Repositories:
    """All repositories, by OWNER/NAME in lower case. ``lag``: how many lists a new run is missing from."""

    workflows: Mapping[str, Iterable[Workflow]]
    lag: int = 0
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(30433642)
        self._known = {name.lower(): tuple(workflows) for name, workflows in self.workflows.items()}

    def workflow(self, repository: str, file: str) -> Workflow:
        """A workflow by its file. Raises RefusedError."""
        found = next((one for one in self._of(repository) if one.file == file), None)
        if found is None:
            raise RefusedError(404, "Not Found")
        return found

    def run(self, repository: str, number: int) -> Run:
        """A run by its number. Raises RefusedError."""
        found = next((one for one in self.runs if one.id == number and one.repository == repository.lower()), None)
        if found is None:
            raise RefusedError(404, "Not Found")
        return found

    def dispatch(self, repository: str, file: str, ref: str, inputs: Mapping[str, str]) -> Run:
        """Start a workflow by name. Raises RefusedError, as GitHub words it."""
        workflow = self.workflow(repository, file)
        if not workflow.dispatched:
            raise RefusedError(422, "Workflow does not have 'workflow_dispatch' trigger")
        if ref not in workflow.refs:
            raise RefusedError(422, f"No ref found for: {ref}")
        unexpected = sorted(set(inputs) - workflow.inputs)
        if unexpected:
            raise RefusedError(422, f"Unexpected inputs provided: {unexpected}")
        return self._start(repository, workflow, "workflow_dispatch", {"inputs": inputs})

    def announce(self, repository: str, event_type: str, payload: Mapping[str, Any]) -> list[Run]:
        """Start every workflow that listens to a type; none may. Raises RefusedError for a repository that is none."""
        listening = [one for one in self._of(repository) if event_type in one.types]
        values = {"github": {"event": {"client_payload": payload}}}
        return [self._start(repository, one, "repository_dispatch", values) for one in listening]

    def listed(self, repository: str, file: str | None, event: str, since: datetime | None) -> list[Run]:
        """The runs that a list shows, the newest first. Raises RefusedError."""
        wanted = self.workflow(repository, file) if file else None
        self._of(repository)
        shown = []
        for run in reversed(self.runs):
            if run.hidden_for > 0:
                run.hidden_for -= 1
                continue
            is_of = run.repository == repository.lower() and wanted in (None, run.workflow)
            if is_of and event in ("", run.event) and (since is None or run.created_at >= since):
                shown.append(run)
        return shown

    def _of(self, repository: str) -> tuple[Workflow, ...]:
        if repository.lower() not in self._known:
            raise RefusedError(404, "Not Found")
        return self._known[repository.lower()]

    def _start(self, repository: str, workflow: Workflow, event: str, values: Mapping[str, Any]) -> Run:
        now = datetime.now(UTC).replace(microsecond=0)
        title = _PLACE.sub(lambda place: _value(values, place[1]), workflow.run_name) or workflow.name
        run = Run(next(self._numbers), repository.lower(), workflow, event, title, now, now, hidden_for=self.lag)
        self.runs.append(run)
        return run


def _value(values: Mapping[str, Any], place: str) -> str:
    """What stands at ``a.b.c``; nothing where nothing stands, as in GitHub's expressions."""
    found: Any = values
    for name in place.split("."):
        found = found.get(name, "") if isinstance(found, Mapping) else ""
    return str(found)
