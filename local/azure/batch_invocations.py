"""The data plane of batch endpoints: an invocation becomes a job that scores files or runs a pipeline, and where it is followed.

Owns the scoring address: who may call it, which deployment is meant, and the job's document and command line. The process that
scores is ``batch_driver``; the job runs as every other does.
Wire format: azureml-examples cli/batch-score-rest.sh, and azure-ai-ml 1.35.2's ``batch_endpoints.invoke``. Names of
the body's keys are taken in any case, as by the service.
"""

import os
import uuid
from typing import Any, Protocol

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.batch_api import default_of, endpoint_id, find_batch_endpoint, pipeline_of
from local.azure.datastores import Datastores
from local.azure.deployments import CHECKOUT, EMITTER
from local.azure.documents import envelope
from local.azure.endpoints import Deployment, Endpoint, Endpoints
from local.azure.errors import ArmError
from local.azure.jobs import Job, Jobs
from local.azure.pipeline_jobs import literal_defaults, spec_of, steps_of
from local.azure.tracking import Run, Tracking

DEPLOYMENT_HEADER = "azureml-model-deployment"
MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
INPUT_TYPES = {"urifolder": "uri_folder", "urifile": "uri_file"}
DRIVER = (
    "python -m local.azure.batch_driver --script {script} --input ${{{{inputs.{name}}}}} --output ${{{{outputs.score}}}} "
    "--output-file {file} --mini-batch-size {size} --error-threshold {errors}"
)


class Runner(Protocol):
    """Runs jobs, one after another."""

    def submit(self, job: Job) -> None:
        """Put a job into the queue."""
        ...


class BatchInvocations:
    """Routes of the scoring addresses."""

    def __init__(
        self, endpoints: Endpoints, jobs: Jobs, datastores: Datastores, tracking: Tracking, runner: Runner
    ) -> None:
        self._endpoints = endpoints
        self._jobs = jobs
        self._datastores = datastores
        self._tracking = tracking
        self._runner = runner

    def routes(self) -> list[ArmRoute]:
        """Invoke, and look at the job that it became."""
        return [
            ArmRoute("POST", "/batch{scope}/batchEndpoints/{endpoint}/jobs", self._invoke),
            ArmRoute("GET", "/batch{scope}/batchEndpoints/{endpoint}/jobs/{job}", self._look),
        ]

    async def _invoke(self, request: ArmRequest) -> ArmAnswer:
        if request.audience in MANAGEMENT:
            raise ArmError(
                401, "Unauthorized", "The access token is for Resource Manager, and not for https://ml.azure.com."
            )
        endpoint = find_batch_endpoint(self._endpoints, request)
        deployment = self._deployment(endpoint, request.headers.get(DEPLOYMENT_HEADER, ""))
        asked = _any_case(request.body.get("properties") or {})
        name = str(asked.get("name") or f"batchjob-{uuid.uuid4()}")
        if self._jobs.find(request.scope.key, name):
            raise ArmError(409, "Conflict", f"A job named {name} already exists.")
        job = (self._pipeline if pipeline_of(deployment.document["properties"]) else self._job)(
            request, endpoint, deployment, asked, name
        )
        self._jobs.add(job)
        self._runner.submit(job)
        return ArmAnswer(_document(job, endpoint), 201)

    def _deployment(self, endpoint: Endpoint, named: str) -> Deployment:
        wanted = named or default_of(endpoint)
        found = endpoint.deployments.get(wanted)
        if found is None:
            raise ArmError(
                404, "NotFound", f"Deployment {wanted or '(no default)'} not found in endpoint {endpoint.name}."
            )
        if found.state != "Succeeded":
            raise ArmError(409, "Conflict", f"Deployment {wanted} is {found.state}.")
        return found

    def _job(
        self, request: ArmRequest, endpoint: Endpoint, deployment: Deployment, asked: dict[str, Any], name: str
    ) -> Job:
        inputs = {key: self._input(request, entry) for key, entry in (asked.get("inputdata") or {}).items()}
        if len(inputs) != 1:
            raise ArmError(400, "BadRequest", f"A model deployment takes one input, not {len(inputs)}.")
        output = _any_case(next(iter((asked.get("outputdata") or {}).values()), {}))
        outputs = {"score": {"jobOutputType": "uri_folder", "uri": output.get("uri"), "mode": "ReadWriteMount"}}
        job = Job(
            request.scope,
            name,
            _public(name, endpoint, deployment, inputs, outputs),
            self._run(request, name, endpoint.name),
        )
        job.driver = self._driver(request, deployment, next(iter(inputs)))
        return job

    def _pipeline(
        self, request: ArmRequest, endpoint: Endpoint, deployment: Deployment, asked: dict[str, Any], name: str
    ) -> Job:
        spec = spec_of(pipeline_of(deployment.document["properties"]), request.scope, self._datastores)
        given = {key: self._given(request, entry) for key, entry in (asked.get("inputdata") or {}).items()}
        declared = spec.get("inputs") or {}
        if unknown := sorted(set(given) - set(declared)):
            raise ArmError(400, "BadRequest", f"The pipeline component has no input {', '.join(unknown)}.")
        inputs = {**literal_defaults(spec), **given}
        if missing := sorted(key for key in declared if key not in inputs and not declared[key].get("optional")):
            raise ArmError(400, "BadRequest", f"The pipeline component needs its input {', '.join(missing)}.")
        outputs = {key: {"jobOutputType": entry["type"]} for key, entry in (spec.get("outputs") or {}).items()}
        experiment = _any_case(asked.get("properties") or {}).get("experimentname") or endpoint.name
        public = _public(name, endpoint, deployment, inputs, outputs)
        job = Job(request.scope, name, public, self._run(request, name, str(experiment)))
        job.steps = steps_of(job, spec, self._datastores, self._tracking)
        return job

    def _run(self, request: ArmRequest, name: str, experiment: str) -> Run:
        folder = self._datastores.folder(request.scope) / "ExperimentRun" / f"dcid.{name}"
        key = self._tracking.experiment_id(request.scope.key, experiment)
        run = Run(name, key, experiment, folder.resolve().as_uri(), tags={"mlflow.runName": name})
        self._tracking.create(request.scope.key, run)
        return run

    def _given(self, request: ArmRequest, entry: dict[str, Any]) -> dict[str, Any]:
        """An input of a pipeline: a literal, or data."""
        literal = _any_case(entry)
        if str(literal.get("jobinputtype") or "").lower() == "literal":
            return {"jobInputType": "literal", "value": str(literal.get("value"))}
        return self._input(request, entry)

    def _input(self, request: ArmRequest, entry: dict[str, Any]) -> dict[str, Any]:
        given = _any_case(entry)
        kind = INPUT_TYPES.get(str(given.get("jobinputtype") or "").lower())
        if kind is None or not given.get("uri"):
            raise ArmError(400, "BadRequest", f"Not an input that a model deployment takes: {entry}")
        if not str(given["uri"]).startswith("azureml://datastores"):
            self._datastores.resolve(given["uri"], request.scope, "data")
        return {"jobInputType": kind, "uri": given["uri"], "mode": "ReadOnlyMount"}

    def _driver(self, request: ArmRequest, deployment: Deployment, name: str) -> dict[str, Any]:
        """What the job really runs: the scoring script over the files of the input, on this machine."""
        properties = deployment.document["properties"]
        code, model = properties["codeConfiguration"], properties["model"]["assetId"]
        command = DRIVER.format(
            script=code["scoringScript"],
            name=name,
            file=properties.get("outputFileName") or "predictions.csv",
            size=properties.get("miniBatchSize") or 10,
            errors=properties.get("errorThreshold", -1),
        )
        variables = {
            **{str(key): str(value) for key, value in (properties.get("environmentVariables") or {}).items()},
            "AZUREML_MODEL_DIR": str(self._datastores.resolve(model, request.scope, "models").resolve()),
            "PYTHONPATH": os.pathsep.join((str(EMITTER), str(CHECKOUT))),
        }
        return {"command": command, "codeId": code["codeId"], "environmentVariables": variables}

    async def _look(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_batch_endpoint(self._endpoints, request)
        return ArmAnswer(_document(self._jobs.get(request.scope.key, request.names["job"]), endpoint))


def _public(
    name: str, endpoint: Endpoint, deployment: Deployment, inputs: dict[str, Any], outputs: dict[str, Any]
) -> dict[str, Any]:
    return {
        "jobType": "Pipeline",
        "displayName": name,
        "inputs": inputs,
        "outputs": outputs,
        "tags": {},
        "properties": {"azureml.endpointname": endpoint.name, "azureml.deploymentname": deployment.name},
    }


def _document(job: Job, endpoint: Endpoint) -> dict[str, Any]:
    """A job as the data plane shows it."""
    properties = {"status": job.status, "inputData": job.properties["inputs"], "outputData": job.properties["outputs"]}
    place = f"{endpoint_id(endpoint, job.scope)}/jobs/{job.name}"
    return envelope(place, "batchEndpoints/jobs", properties, created=job.created)


def _any_case(given: dict[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in given.items()}
