"""A workspace with one batch endpoint whose jobs end when somebody says so, as Resource Manager and its data plane show it.

Owns what an invocation leaves behind: a job under a name of the service's own choice, which shows the inputs that it was given.
Runs nothing; the local Azure does (``test_batch_training``).
"""

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

WORKSPACE = "/subscriptions/s-1/resourceGroups/mlops/providers/Microsoft.MachineLearningServices/workspaces/prod"
ENDPOINT = "train-flights"
INVOKE = f"/batch/{ENDPOINT}/jobs"
ENDED_MS = 1_772_370_000_000


@dataclass
class Job:
    """One job, under way until it is ended."""

    name: str
    inputs: dict[str, Any]
    status: str = "Running"

    def end(self, status: str) -> None:
        self.status = status

    @property
    def document(self) -> dict[str, Any]:
        return {"name": self.name, "properties": {"status": self.status, "inputs": self.inputs, "jobType": "Pipeline"}}


@dataclass
class BatchEndpointPeer:
    """The endpoint, at the address by which the app reaches it."""

    url: str
    runs: list[Job] = field(default_factory=list)

    @property
    def routes(self) -> list[Route]:
        endpoint = {"properties": {"scoringUri": f"{self.url}{INVOKE}"}}
        workspace = {"properties": {"mlFlowTrackingUri": f"{self.url}/track"}}
        run = {"run": {"info": {"end_time": ENDED_MS}, "data": {}}}
        return [
            Route(WORKSPACE, lambda _: JSONResponse(workspace)),
            Route(f"{WORKSPACE}/batchEndpoints/{ENDPOINT}", lambda _: JSONResponse(endpoint)),
            Route(f"{WORKSPACE}/jobs", lambda _: JSONResponse({"value": [job.document for job in self.runs]})),
            Route(f"{WORKSPACE}/jobs/{{name}}", self._job),
            Route(INVOKE, self._invoked, methods=["POST"]),
            Route("/track/api/2.0/mlflow/runs/get", lambda _: JSONResponse(run)),
            Route("/history/{path:path}", lambda _: JSONResponse({"error": {"error": {"message": "no memory"}}})),
        ]

    def _job(self, request: Request) -> Response:
        found = next((job for job in self.runs if job.name == request.path_params["name"]), None)
        missing = JSONResponse({"error": {"code": "ResourceNotFound", "message": "no such job"}}, 404)
        return JSONResponse(found.document) if found else missing

    async def _invoked(self, request: Request) -> Response:
        given = (await request.json())["properties"]["inputData"]
        self.runs.append(Job(f"batchjob-{len(self.runs)}", given))
        return JSONResponse(self.runs[-1].document, 201)
