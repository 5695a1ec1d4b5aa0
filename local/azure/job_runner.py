"""Runs command jobs and the steps of pipelines as real processes, one at a time, and does what Azure does when their status changes.

Owns the process, its folders and environment, the status, the events, and the registration of named outputs.
It does not judge what a job computes. At most one job runs at once: the machine is small.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.azure.asset_api import AssetApi
from local.azure.assets import Asset
from local.azure.datastores import Datastores
from local.azure.effects import Effects
from local.azure.errors import ArmError
from local.azure.events import run_completed, run_status_changed
from local.azure.job_command import CommandError, fill_in
from local.azure.jobs import Job
from local.azure.tracking import now_ms

_MODEL_OUTPUTS = {"custom_model", "mlflow_model", "triton_model"}
_RUN_STATUS = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}


@dataclass(frozen=True)
class Plan:
    """Everything that a process needs: its command, where it runs, and what it is told."""

    command: str
    folder: Path
    variables: dict[str, str]


@dataclass(frozen=True)
class Connection:
    """How a job reaches the tracking server: our address, the CA to trust, and a token."""

    base_url: str
    ca_file: Path
    token: str


class JobRunner:
    """The compute. ``environment`` is what every job sees; start ``work`` once as a task."""

    def __init__(
        self, state: Path, environment: Mapping[str, str], connection: Connection, datastores: Datastores
    ) -> None:
        self._state = state / "jobs"
        self._environment = dict(environment)
        self._connection = connection
        self._assets = datastores.assets
        self._datastores = datastores
        self._queue: asyncio.Queue[Job] = asyncio.Queue()
        self._process: tuple[Job, asyncio.subprocess.Process] | None = None
        self._bin = _python_on_the_path(state / "bin")

    def submit(self, job: Job) -> None:
        """Put a job into the queue."""
        job.status = "Queued"
        self._queue.put_nowait(job)

    def cancel(self, job: Job) -> None:
        """Take a job out of the queue, or end its process."""
        for one in (job, *(step for step in job.steps if not step.ended)):
            one.status = "CancelRequested"
            if self._process and self._process[0] is one:
                _kill(self._process[1])

    def log(self, job: Job) -> str:
        """What the job printed so far."""
        place = self._folder(job) / "std_log.txt"
        return place.read_text(encoding="utf-8", errors="replace") if place.exists() else ""

    async def work(self, registry: AssetApi, effects: Effects) -> None:
        """Run the queue until cancelled; a cancelled runner leaves no process behind."""
        try:
            while True:
                await self._run(await self._queue.get(), registry, effects)
        finally:
            if self._process:
                _kill(self._process[1])

    async def _run(self, job: Job, registry: AssetApi, effects: Effects) -> None:
        if job.status == "CancelRequested":
            self._end(job, "Canceled", effects)
            return
        job.status, job.run.status, job.run.start_time = "Running", "RUNNING", now_ms()
        effects.record("job_started", job.id, command=job.work.get("command"))
        effects.publish(run_status_changed(job.scope.id, job.facts(), "Running"))
        status = await self._attempt(job)
        if status == "Completed":
            self._register_outputs(job, registry)
        self._end(job, status, effects)

    async def _attempt_steps(self, job: Job) -> str:
        """The steps of a pipeline, up to the first that does not end well."""
        for step in job.steps:
            if job.status == "CancelRequested":
                return "Canceled"
            step.status, step.run.status, step.run.start_time = "Running", "RUNNING", now_ms()
            step.status = await self._attempt(step)
            step.run.finish(_RUN_STATUS[step.status])
            if step.status != "Completed":
                job.error = f"Step {step.properties['displayName']} is {step.status}. {step.error}"
                return step.status
        return "Completed"

    async def _attempt(self, job: Job) -> str:
        if job.steps:
            return await self._attempt_steps(job)
        try:
            code = await self._execute(job, self._plan(job))
        except (ArmError, CommandError, OSError) as error:
            job.error = str(error)
            return "Failed"
        if job.status == "CancelRequested":
            return "Canceled"
        if code != 0:
            job.error = f"Execution failed. User process exited with status code {code}. {self.log(job)[-2000:]}"
        return "Completed" if code == 0 else "Failed"

    async def _execute(self, job: Job, plan: Plan) -> int:
        with (self._folder(job) / "std_log.txt").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *("/bin/bash", "-c", plan.command),
                cwd=plan.folder,
                env=plan.variables,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            self._process = (job, process)
            try:
                return await process.wait()
            finally:
                _kill(process)
                self._process = None

    def _end(self, job: Job, status: str, effects: Effects) -> None:
        job.run.finish(_RUN_STATUS[status])
        job.status = status
        effects.record("job_finished", job.id, status=status, error=job.error[-500:])
        effects.publish(run_status_changed(job.scope.id, job.facts(), status))
        if status == "Completed":
            effects.publish(run_completed(job.scope.id, job.facts()))

    def _plan(self, job: Job) -> Plan:
        inputs = {
            name: self._input(job, entry) for name, entry in (job.properties.get("inputs") or {}).items() if entry
        }
        outputs = {name: str(self._output(job, name, entry)) for name, entry in _wanted_outputs(job).items()}
        command = fill_in(job.work["command"], inputs, outputs)
        return Plan(command, self._code(job), self._variables(job))

    def _input(self, job: Job, entry: dict[str, Any]) -> str:
        if entry.get("jobInputType") == "literal":
            return str(entry["value"])
        kind = "models" if "model" in str(entry.get("jobInputType")) else "data"
        return str(self._datastores.resolve(entry["uri"], job.scope, kind).resolve())

    def _output(self, job: Job, name: str, entry: dict[str, Any]) -> Path:
        if entry.get("uri"):
            place = self._datastores.place(entry["uri"], job.scope)
        else:
            place = self._datastores.output(job.scope, job.name, name)
        folder = place.parent if entry.get("jobOutputType") == "uri_file" else place
        folder.mkdir(parents=True, exist_ok=True)
        return place.resolve()

    def _code(self, job: Job) -> Path:
        folder = self._folder(job) / "code"
        folder.mkdir(parents=True, exist_ok=True)
        if code := job.work.get("codeId"):
            shutil.copytree(self._datastores.resolve(code, job.scope, "codes"), folder, dirs_exist_ok=True)
        return folder

    def _variables(self, job: Job) -> dict[str, str]:
        scope, connection = job.scope, self._connection
        return {
            **self._environment,
            "PATH": f"{self._bin}{os.pathsep}{self._environment.get('PATH', os.defpath)}",
            "OMP_NUM_THREADS": "1",
            "MLFLOW_TRACKING_URI": f"{connection.base_url}/mlflow/v1.0{scope.id}",
            "MLFLOW_TRACKING_TOKEN": connection.token,
            "MLFLOW_RUN_ID": job.name,
            "MLFLOW_EXPERIMENT_ID": job.run.experiment_id,
            "REQUESTS_CA_BUNDLE": str(connection.ca_file),
            "SSL_CERT_FILE": str(connection.ca_file),
            "AZUREML_RUN_ID": job.name,
            "AZUREML_ARM_SUBSCRIPTION": scope.subscription,
            "AZUREML_ARM_RESOURCEGROUP": scope.group,
            "AZUREML_ARM_WORKSPACE_NAME": scope.name,
            **(job.work.get("environmentVariables") or {}),
        }

    def _folder(self, job: Job) -> Path:
        folder = self._state / job.scope.name / job.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _register_outputs(self, job: Job, registry: AssetApi) -> None:
        for name, entry in _wanted_outputs(job).items():
            if asset_name := entry.get("assetName"):
                job.registered[name] = self._register(job, name, entry, asset_name, registry)

    def _register(self, job: Job, output: str, entry: dict[str, Any], name: str, registry: AssetApi) -> str:
        kind = "models" if entry.get("jobOutputType") in _MODEL_OUTPUTS else "data"
        version = entry.get("assetVersion") or self._assets.next_version(job.scope.key, kind, name)
        address = self._datastores.address(job.scope, f"azureml/{job.name}/{output}")
        model = {"modelType": entry.get("jobOutputType"), "modelUri": address, "jobName": job.name}
        data = {"dataType": entry.get("jobOutputType", "uri_folder"), "dataUri": address}
        place = self._datastores.output(job.scope, job.name, output)
        registry.register(Asset(job.scope, kind, name, version, model if kind == "models" else data, place))
        return str(version)


def _wanted_outputs(job: Job) -> dict[str, dict[str, Any]]:
    return {name: entry or {} for name, entry in (job.properties.get("outputs") or {}).items()}


def _python_on_the_path(folder: Path) -> Path:
    # A link would make Python forget the virtual environment that it belongs to; a script does not.
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return folder


def _kill(process: asyncio.subprocess.Process) -> None:
    # The whole session: a shell's children must not outlive the job.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
