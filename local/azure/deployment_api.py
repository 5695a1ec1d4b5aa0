"""The ARM side of online deployments: create or update, scale, look, list, delete.

Owns the REST shapes and the rules: what a deployment names must exist, an identical PUT changes nothing, a deployment
with live traffic is not deleted, and one that cannot start ends ``Failed`` with its log, without any event.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.computes import CONTAINER
from local.azure.datastores import Datastores
from local.azure.deployments import DeploymentFailed, DeploymentKey
from local.azure.documents import envelope, page
from local.azure.effects import Effects
from local.azure.endpoint_api import ENDPOINT, endpoint_id, find_endpoint
from local.azure.endpoints import Deployment, Endpoint, Endpoints
from local.azure.errors import ArmError, not_found
from local.azure.operations import Operations
from local.azure.references import Scope
from local.azure.serving import Serving

_DEPLOYMENT = f"{ENDPOINT}/deployments/{{deployment}}"
_DEPLOYMENTS_MAX = 20


@dataclass(frozen=True)
class Launch:
    """What a deployment needs to start, all of it found."""

    key: DeploymentKey
    code: Path
    script: str
    model: Path
    variables: dict[str, str]


class DeploymentApi:
    """Routes for the deployments of an online endpoint."""

    def __init__(
        self, endpoints: Endpoints, datastores: Datastores, operations: Operations, serving: Serving, effects: Effects
    ) -> None:
        self._endpoints = endpoints
        self._datastores = datastores
        self._operations = operations
        self._serving = serving
        self._effects = effects

    def routes(self) -> list[ArmRoute]:
        """Create or update, look, list, delete, logs."""
        return [
            ArmRoute("GET", f"{ENDPOINT}/deployments", self._list),
            ArmRoute("GET", _DEPLOYMENT, self._get),
            ArmRoute("PUT", _DEPLOYMENT, self._put),
            ArmRoute("PATCH", _DEPLOYMENT, self._patch),
            ArmRoute("DELETE", _DEPLOYMENT, self._delete),
            ArmRoute("POST", f"{_DEPLOYMENT}/getLogs", self._logs),
        ]

    async def _list(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_endpoint(self._endpoints, request)
        found = [deployment_document(endpoint, one, request.scope) for one in endpoint.deployments.values()]
        return ArmAnswer(page(found))

    async def _get(self, request: ArmRequest) -> ArmAnswer:
        endpoint, deployment = self._find(request)
        return ArmAnswer(deployment_document(endpoint, deployment, request.scope))

    async def _logs(self, request: ArmRequest) -> ArmAnswer:
        _, deployment = self._find(request)
        return ArmAnswer({"content": deployment.error})

    def _find(self, request: ArmRequest) -> tuple[Endpoint, Deployment]:
        endpoint = find_endpoint(self._endpoints, request)
        deployment = _named(endpoint, request.names["deployment"])
        if not deployment:
            raise not_found("OnlineDeployment", request.names["deployment"])
        return endpoint, deployment

    async def _put(self, request: ArmRequest) -> ArmAnswer:
        endpoint, name = find_endpoint(self._endpoints, request), request.names["deployment"]
        existing, wanted = _named(endpoint, name), _kept(request.body)
        if existing and existing.document == wanted and existing.state == "Succeeded" and not endpoint.busy:
            self._effects.repeated("deployment_created", deployment_id(endpoint, existing, request.scope))
            return ArmAnswer(deployment_document(endpoint, existing, request.scope))
        if not existing and len(endpoint.deployments) >= _DEPLOYMENTS_MAX:
            raise ArmError(400, "BadRequest", f"An endpoint has at most {_DEPLOYMENTS_MAX} deployments.")
        endpoint.check_compute(wanted["properties"])
        launch = self._prepare(endpoint, existing.name if existing else name, wanted, request.scope)
        return self._begin(endpoint, existing, launch, wanted, request)

    async def _patch(self, request: ArmRequest) -> ArmAnswer:
        """Another number of instances, or other tags; the process goes on serving."""
        endpoint, deployment = self._find(request)
        endpoint.claim(f"deployment {deployment.name} is being scaled")
        changes = {part: request.body[part] for part in ("sku", "tags") if request.body.get(part)}
        deployment.document = {**deployment.document, **changes}
        deployment.state = "Updating"
        operation = self._operations.start(self._scale(endpoint, deployment, request.scope))
        return ArmAnswer(status=202, headers=self._operations.headers(request, operation))

    async def _scale(self, endpoint: Endpoint, deployment: Deployment, scope: Scope) -> None:
        deployment.state = "Succeeded"
        instances = deployment.document["sku"]["capacity"]
        self._effects.record("deployment_scaled", deployment_id(endpoint, deployment, scope), instances=instances)
        endpoint.release()

    def _begin(
        self,
        endpoint: Endpoint,
        existing: Deployment | None,
        launch: Launch,
        wanted: dict[str, Any],
        request: ArmRequest,
    ) -> ArmAnswer:
        endpoint.claim(f"deployment {launch.key.deployment} is being created or updated")
        deployment = existing or Deployment(launch.key.deployment, wanted)
        deployment.document, deployment.error = wanted, ""
        deployment.state = "Updating" if existing else "Creating"
        endpoint.deployments[deployment.name] = deployment
        effect = "deployment_updated" if existing else "deployment_created"
        operation = self._operations.start(self._launch(endpoint, deployment, launch, request.scope, effect))
        document = deployment_document(endpoint, deployment, request.scope)
        return ArmAnswer(document, 201, self._operations.headers(request, operation))

    def _prepare(self, endpoint: Endpoint, name: str, wanted: dict[str, Any], scope: Scope) -> Launch:
        properties = wanted["properties"]
        code = properties.get("codeConfiguration") or {}
        if not code.get("codeId") or not properties.get("model"):
            raise ArmError(400, "BadRequest", "A deployment needs a model and a codeConfiguration here.")
        return Launch(
            key=DeploymentKey(endpoint.workspace, endpoint.name, name),
            code=self._datastores.resolve(code["codeId"], scope, "codes"),
            script=code["scoringScript"],
            model=self._datastores.resolve(_model_text(properties["model"]), scope, "models").resolve(),
            variables={str(key): str(value) for key, value in (properties.get("environmentVariables") or {}).items()},
        )

    async def _launch(
        self, endpoint: Endpoint, deployment: Deployment, launch: Launch, scope: Scope, effect: str
    ) -> None:
        try:
            await self._serving.start(launch.key, launch.code, launch.script, launch.model, launch.variables)
        except DeploymentFailed as error:
            deployment.state, deployment.error = "Failed", str(error)
            raise ArmError(400, "ResourceNotReady", f"User container has crashed or terminated: {error}") from error
        else:
            deployment.state = "Succeeded"
            model = deployment.document["properties"]["model"]
            self._effects.record(effect, deployment_id(endpoint, deployment, scope), model=model)
        finally:
            if deployment.state not in {"Succeeded", "Failed"}:
                deployment.state = "Failed"
            endpoint.release()

    async def _delete(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_endpoint(self._endpoints, request)
        deployment = _named(endpoint, request.names["deployment"])
        if not deployment:
            return ArmAnswer(status=204)
        if endpoint.traffic.get(deployment.name, 0) > 0:
            raise ArmError(400, "BadRequest", f"Deployment {deployment.name} takes traffic: set its share to 0 first.")
        endpoint.claim(f"deployment {deployment.name} is being deleted")
        deployment.state = "Deleting"
        operation = self._operations.start(self._remove(endpoint, deployment, request.scope))
        return ArmAnswer(status=202, headers=self._operations.headers(request, operation))

    async def _remove(self, endpoint: Endpoint, deployment: Deployment, scope: Scope) -> None:
        try:
            await self._serving.stop(DeploymentKey(endpoint.workspace, endpoint.name, deployment.name))
            endpoint.deployments.pop(deployment.name, None)
            endpoint.traffic = {name: share for name, share in endpoint.traffic.items() if name != deployment.name}
            self._effects.record("deployment_deleted", deployment_id(endpoint, deployment, scope))
        finally:
            endpoint.release()


def deployment_id(endpoint: Endpoint, deployment: Deployment, scope: Scope) -> str:
    """The ARM id of a deployment."""
    return f"{endpoint_id(endpoint, scope)}/deployments/{deployment.name}"


def deployment_document(endpoint: Endpoint, deployment: Deployment, scope: Scope) -> dict[str, Any]:
    """A deployment as the REST API shows it.

    The SDK fails without ``scaleSettings.scaleType``, and on a cluster without what the container may use.
    """
    kept = dict(deployment.document)
    properties = {
        **({"containerResourceRequirements": CONTAINER} if endpoint.on_cluster else {}),
        "endpointComputeType": "Managed",
        "scaleSettings": {"scaleType": "Default"},
        "properties": {},
        **kept.pop("properties"),
        "provisioningState": deployment.state,
    }
    return envelope(deployment_id(endpoint, deployment, scope), "onlineEndpoints/deployments", properties, **kept)


def _named(endpoint: Endpoint, name: str) -> Deployment | None:
    return next((one for one in endpoint.deployments.values() if one.name.lower() == name.lower()), None)


def _model_text(model: Any) -> str:
    # Newer API versions wrap the id: {"referenceType": "Id", "assetId": ...}.
    return str(model["assetId"]) if isinstance(model, dict) else str(model)


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    properties = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    properties.pop("provisioningState", None)
    return {
        "location": body.get("location") or "local",
        "tags": body.get("tags") or {},
        **({"kind": "Managed"} if properties.get("endpointComputeType") == "Managed" else {}),
        "sku": body.get("sku") or {"name": "Default", "capacity": 1},
        "properties": properties,
    }
