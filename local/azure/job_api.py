"""The ARM side of jobs: submit under a name, look, list, cancel.

Owns the REST shapes and what a repeated submission means. Running is ``job_runner``'s business.
The version that an output was registered as shows in its ``assetVersion`` only to those who ask in one of the previews
that have it. What went wrong stands in the run history: no version of the API shows it on the job.
"""

from pathlib import Path
from typing import Any, Protocol

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.datastores import Datastores
from local.azure.documents import envelope, page
from local.azure.effects import Effects
from local.azure.errors import ArmError
from local.azure.jobs import Job, Jobs, check_same
from local.azure.pipeline_jobs import literal_defaults, spec_of, steps_of
from local.azure.references import parse_reference
from local.azure.tracking import Run, Tracking


class Runner(Protocol):
    """Runs jobs, one after another."""

    def submit(self, job: Job) -> None:
        """Put a job into the queue."""
        ...

    def cancel(self, job: Job) -> None:
        """Take a job out of the queue, or end its process."""
        ...


_SHOWS_VERSIONS = ("2022-12-01-preview", "2024-04-01-preview")  # the first and the last API version with assetVersion


class JobApi:
    """Routes for the jobs of a workspace."""

    def __init__(
        self, jobs: Jobs, datastores: Datastores, tracking: Tracking, runner: Runner, effects: Effects
    ) -> None:
        self._jobs = jobs
        self._assets = datastores.assets
        self._datastores = datastores
        self._tracking = tracking
        self._effects = effects
        self._runner = runner

    def routes(self) -> list[ArmRoute]:
        """Submit, look, list, cancel, and why a run failed."""
        return [
            ArmRoute("PUT", "{scope}/jobs/{name}", self._put),
            ArmRoute("GET", "{scope}/jobs/{name}", self._get),
            ArmRoute("GET", "{scope}/jobs", self._list),
            ArmRoute("POST", "{scope}/jobs/{name}/cancel", self._cancel),
            ArmRoute("GET", "/history/v1.0{scope}/runs/{name}/details", self._details),
        ]

    async def _put(self, request: ArmRequest) -> ArmAnswer:
        wanted = self._from_component(request, _without_nulls(request.body.get("properties") or {}))
        existing = self._jobs.find(request.scope.key, request.names["name"])
        if existing:
            check_same(existing, wanted)
            self._effects.repeated("job_started", existing.id)
            return ArmAnswer(job_document(existing, self._datastores, request))
        job = self._create(request, wanted)
        self._runner.submit(job)
        return ArmAnswer(job_document(job, self._datastores, request), 201)

    def _create(self, request: ArmRequest, wanted: dict[str, Any]) -> Job:
        needed = {"command": ("command", "environmentId"), "pipeline": ("componentId",)}
        kind = wanted.get("jobType", "").lower()
        if kind not in needed:
            raise ArmError(400, "UserError", f"Only command and pipeline jobs run here, not {wanted.get('jobType')!r}")
        if missing := [key for key in needed[kind] if not wanted.get(key)]:
            raise ArmError(400, "ValidationError", f"A {kind} job needs its {' and its '.join(missing)} here.")
        self._check(request, wanted)
        job = Job(request.scope, request.names["name"], wanted, self._new_run(request, wanted))
        if kind == "pipeline":
            spec = spec_of(wanted["componentId"], request.scope, self._datastores)
            job.steps = steps_of(job, spec, self._datastores, self._tracking)
        self._tracking.create(request.scope.key, job.run)
        self._jobs.add(job)
        return job

    def _new_run(self, request: ArmRequest, wanted: dict[str, Any]) -> Run:
        experiment, name = wanted.get("experimentName") or "Default", request.names["name"]
        tags = {str(key): str(value) for key, value in (wanted.get("tags") or {}).items()}
        tags["mlflow.runName"] = wanted.get("displayName") or name
        folder = self._datastores.folder(request.scope) / "ExperimentRun" / f"dcid.{name}"
        return Run(
            name, self._tracking.experiment_id(request.scope.key, experiment), experiment, _uri(folder), tags=tags
        )

    def _check(self, request: ArmRequest, wanted: dict[str, Any]) -> None:
        # Azure refuses a job at once when what it names does not exist, rather than starting it.
        for key, kind in (("codeId", "codes"), ("environmentId", "environments")):
            if reference := parse_reference(str(wanted.get(key) or "")):
                self._assets.resolve(reference, request.scope, kind)
        for entry in (wanted.get("inputs") or {}).values():
            reference = parse_reference(str(entry.get("uri") or ""))
            if reference and entry.get("jobInputType") != "literal":
                self._assets.resolve(reference, request.scope, _input_kind(entry))

    def _from_component(self, request: ArmRequest, properties: dict[str, Any]) -> dict[str, Any]:
        component_id = properties.get("componentId")
        if not component_id:
            return properties
        spec = spec_of(component_id, request.scope, self._datastores)
        return {**properties, "inputs": {**literal_defaults(spec), **(properties.get("inputs") or {})}}

    async def _get(self, request: ArmRequest) -> ArmAnswer:
        job = self._jobs.get(request.scope.key, request.names["name"])
        return ArmAnswer(job_document(job, self._datastores, request))

    async def _details(self, request: ArmRequest) -> ArmAnswer:
        job = self._jobs.get(request.scope.key, request.names["name"])
        error = {"error": {"error": {"code": "UserError", "message": job.error}}} if job.error else {}
        return ArmAnswer({"runId": job.name, "status": job.status, **error})

    async def _list(self, request: ArmRequest) -> ArmAnswer:
        kind = request.query.get("jobType", "").lower()
        jobs = [job for job in self._jobs.of(request.scope.key) if kind in ("", job.properties["jobType"].lower())]
        return ArmAnswer(page([job_document(job, self._datastores, request) for job in jobs[::-1]]))

    async def _cancel(self, request: ArmRequest) -> ArmAnswer:
        job = self._jobs.get(request.scope.key, request.names["name"])
        if not job.ended:
            self._runner.cancel(job)
        return ArmAnswer({})


def job_document(job: Job, datastores: Datastores, request: ArmRequest) -> dict[str, Any]:
    """A job as the REST API shows it. Tags that the run was given through MLflow are the job's tags too."""
    base_url, version = request.base_url, request.query.get("api-version", "")
    studio = {"endpoint": f"{base_url}/runs/{job.name}", "jobServiceType": "Studio", "status": None, "port": None}
    tracking = {"endpoint": f"{base_url}/mlflow/v1.0{job.scope.id}", "jobServiceType": "Tracking"}
    properties = {
        "properties": {},
        "isArchived": False,
        "displayName": job.name,
        **job.properties,
        "experimentName": job.run.experiment_name,
        "status": job.status,
        "services": {"Studio": studio, "Tracking": tracking},
        "outputs": _outputs(job, datastores, version),
        "tags": {key: value for key, value in job.run.tags.items() if not key.startswith("mlflow.")},
    }
    return envelope(job.id, "jobs", properties, created=job.created)


def _outputs(job: Job, datastores: Datastores, version: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, output in (job.properties.get("outputs") or {}).items():
        address = datastores.address(job.scope, f"azureml/{job.name}/{name}/")
        known = {key: value for key, value in output.items() if key != "assetVersion"}
        shown[name] = {**known, "uri": output.get("uri") or address}
        if name in job.registered and _SHOWS_VERSIONS[0] <= version <= _SHOWS_VERSIONS[1]:
            shown[name]["assetVersion"] = job.registered[name]
    default = datastores.address(job.scope, f"ExperimentRun/dcid.{job.name}")
    return {**shown, "default": {"jobOutputType": "uri_folder", "uri": default, "mode": "ReadWriteMount"}}


def _without_nulls(properties: dict[str, Any]) -> dict[str, Any]:
    # The SDK sends a null or a literal without value for an optional input that was not given, and cannot read either
    # back: such an input is absent.
    given = {key: value for key, value in properties.items() if value is not None}
    for part in ("inputs", "outputs"):
        given[part] = {name: entry for name, entry in (given.get(part) or {}).items() if not _is_empty(entry)}
    return given


def _is_empty(entry: dict[str, Any] | None) -> bool:
    return not entry or (entry.get("jobInputType") == "literal" and entry.get("value") is None)


def _input_kind(entry: dict[str, Any]) -> str:
    return "models" if "model" in str(entry.get("jobInputType")) else "data"


def _uri(folder: Path) -> str:
    return folder.resolve().as_uri()
