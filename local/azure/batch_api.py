"""The ARM side of batch endpoints and their deployments: create, look, change the default, delete.

Owns the REST shapes (API 2025-12-01) and the order of things: a change is refused while another is under way, and takes effect when
its operation ends. Nothing runs of a batch deployment until the endpoint is invoked (``batch_invocations``).
All of the traffic of the record ``Endpoint`` stands for the default deployment.
"""

import asyncio
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.datastores import Datastores
from local.azure.documents import envelope, page
from local.azure.effects import Effects
from local.azure.endpoints import Deployment, Endpoint, Endpoints
from local.azure.errors import ArmError, not_found
from local.azure.operations import Operations
from local.azure.pipeline_jobs import spec_of
from local.azure.references import Scope

ENDPOINT = "{scope}/batchEndpoints/{endpoint}"
DEPLOYMENT = f"{ENDPOINT}/deployments/{{deployment}}"
_COMPUTED = {"provisioningState", "scoringUri", "swaggerUri"}


class BatchApi:
    """Routes for the batch endpoints of a workspace. ``settle_seconds`` is how long any change takes."""

    def __init__(
        self,
        endpoints: Endpoints,
        datastores: Datastores,
        computes: list[str],
        operations: Operations,
        effects: Effects,
        settle_seconds: float = 0.1,
    ) -> None:
        self._endpoints = endpoints
        self._datastores = datastores
        self._computes = {name.lower() for name in computes}
        self._operations = operations
        self._effects = effects
        self._settle_seconds = settle_seconds

    def routes(self) -> list[ArmRoute]:
        """Endpoints and deployments."""
        return [
            ArmRoute("GET", "{scope}/batchEndpoints", self._list),
            ArmRoute("GET", ENDPOINT, self._get),
            ArmRoute("PUT", ENDPOINT, self._put),
            ArmRoute("PATCH", ENDPOINT, self._patch),
            ArmRoute("DELETE", ENDPOINT, self._delete),
            ArmRoute("GET", f"{ENDPOINT}/deployments", self._list_deployments),
            ArmRoute("GET", DEPLOYMENT, self._get_deployment),
            ArmRoute("PUT", DEPLOYMENT, self._put_deployment),
            ArmRoute("DELETE", DEPLOYMENT, self._delete_deployment),
        ]

    async def _list(self, request: ArmRequest) -> ArmAnswer:
        found = self._endpoints.of(request.scope.key)
        return ArmAnswer(page([endpoint_document(one, request.scope, request.base_url) for one in found]))

    async def _get(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_batch_endpoint(self._endpoints, request)
        return ArmAnswer(endpoint_document(endpoint, request.scope, request.base_url))

    async def _put(self, request: ArmRequest) -> ArmAnswer:
        """A PUT replaces the endpoint, its default too: one that names none leaves none."""
        name = request.names["endpoint"]
        endpoint = self._endpoints.get(request.scope.key, name)
        if endpoint is None:
            if not 3 <= len(name) <= 32:
                raise ArmError(400, "BadRequest", "An endpoint's name has 3 to 32 characters.")
            endpoint = Endpoint(request.scope.key, name, "", _kept(request.body))
            self._check_default(endpoint, _default(request.body))
            self._endpoints.add(endpoint)
            return self._begin(endpoint, request, _default(request.body) or "", 201)
        self._check_default(endpoint, _default(request.body))
        answer = self._begin(endpoint, request, _default(request.body) or "", 200)
        endpoint.document = _kept(request.body)
        return answer

    async def _patch(self, request: ArmRequest) -> ArmAnswer:
        """A PATCH of a batch endpoint changes tags and identity (PartialMinimalTrackedResourceWithIdentity), no default."""
        endpoint = find_batch_endpoint(self._endpoints, request)
        answer = self._begin(endpoint, request, None, 200)
        endpoint.document = {**endpoint.document, "tags": request.body.get("tags") or endpoint.document["tags"]}
        return answer

    def _check_default(self, endpoint: Endpoint, name: str | None) -> None:
        if name and name not in endpoint.deployments:
            raise ArmError(400, "BadRequest", f"The default deployment {name} does not exist in this endpoint.")

    def _begin(self, endpoint: Endpoint, request: ArmRequest, default: str | None, status: int) -> ArmAnswer:
        endpoint.claim("the endpoint is being updated")
        endpoint.state = "Updating" if status == 200 else "Creating"
        operation = self._operations.start(self._settle(endpoint, request.scope, default))
        document = endpoint_document(endpoint, request.scope, request.base_url)
        return ArmAnswer(document, status, self._operations.headers(request, operation))

    async def _settle(self, endpoint: Endpoint, scope: Scope, default: str | None) -> None:
        try:
            await asyncio.sleep(self._settle_seconds)
            before = default_of(endpoint)
            if default is not None and default != before:
                endpoint.traffic = {default: 100} if default else {}
                self._effects.record("default_set", endpoint_id(endpoint, scope), default=default, before=before)
            endpoint.state = "Succeeded"
        finally:
            endpoint.release()

    async def _delete(self, request: ArmRequest) -> ArmAnswer:
        endpoint = self._endpoints.get(request.scope.key, request.names["endpoint"])
        if not endpoint:
            return ArmAnswer(status=204)
        endpoint.claim("the endpoint is being deleted")
        endpoint.state = "Deleting"
        operation = self._operations.start(self._remove(endpoint))
        return ArmAnswer(status=202, headers=self._operations.headers(request, operation))

    async def _remove(self, endpoint: Endpoint) -> None:
        await asyncio.sleep(self._settle_seconds)
        self._endpoints.remove(endpoint)

    async def _list_deployments(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_batch_endpoint(self._endpoints, request)
        return ArmAnswer(
            page([deployment_document(endpoint, one, request.scope) for one in endpoint.deployments.values()])
        )

    async def _get_deployment(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_batch_endpoint(self._endpoints, request)
        return ArmAnswer(deployment_document(endpoint, _named(endpoint, request.names["deployment"]), request.scope))

    async def _put_deployment(self, request: ArmRequest) -> ArmAnswer:
        endpoint, name = find_batch_endpoint(self._endpoints, request), request.names["deployment"]
        document = {"location": request.body.get("location") or "local", "tags": request.body.get("tags") or {}}
        document["properties"] = self._checked(request)
        existing = endpoint.deployments.get(name)
        endpoint.claim(f"deployment {name} is being written")
        deployment = Deployment(name, document, "Updating" if existing else "Creating")
        endpoint.deployments[name] = deployment
        effect = "deployment_updated" if existing else "deployment_created"
        operation = self._operations.start(self._settle_deployment(endpoint, deployment, request.scope, effect))
        headers = self._operations.headers(request, operation)
        return ArmAnswer(deployment_document(endpoint, deployment, request.scope), 200 if existing else 201, headers)

    def _checked(self, request: ArmRequest) -> dict[str, Any]:
        """The properties, when everything that they name exists."""
        given = (request.body.get("properties") or {}).items()
        properties = {key: value for key, value in given if value is not None and key not in _COMPUTED}
        if component := pipeline_of(properties):
            spec_of(component, request.scope, self._datastores)
            return properties
        code, model = properties.get("codeConfiguration") or {}, properties.get("model") or {}
        if not code.get("codeId") or not isinstance(model, dict) or model.get("referenceType") != "Id":
            raise ArmError(
                400, "BadRequest", "A deployment needs a codeConfiguration and a model {referenceType: Id} here."
            )
        self._datastores.resolve(code["codeId"], request.scope, "codes")
        self._datastores.resolve(model["assetId"], request.scope, "models")
        compute = str(properties.get("compute") or "").rpartition("/")[2]
        if compute.lower() not in self._computes:
            raise ArmError(400, "BadRequest", f"Compute {compute or '(none)'} does not exist in this workspace.")
        return properties

    async def _settle_deployment(self, endpoint: Endpoint, deployment: Deployment, scope: Scope, effect: str) -> None:
        try:
            await asyncio.sleep(self._settle_seconds)
            deployment.state = "Succeeded"
            properties = deployment.document["properties"]
            made = (
                {"component": pipeline_of(properties)}
                if pipeline_of(properties)
                else {"model": properties["model"]["assetId"]}
            )
            self._effects.record(effect, deployment_id(endpoint, deployment, scope), **made)
        finally:
            endpoint.release()

    async def _delete_deployment(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_batch_endpoint(self._endpoints, request)
        deployment = endpoint.deployments.get(request.names["deployment"])
        if not deployment:
            return ArmAnswer(status=204)
        if default_of(endpoint) == deployment.name:
            raise ArmError(400, "BadRequest", f"Deployment {deployment.name} is the default: set another one first.")
        endpoint.claim(f"deployment {deployment.name} is being deleted")
        deployment.state = "Deleting"
        operation = self._operations.start(self._remove_deployment(endpoint, deployment, request.scope))
        return ArmAnswer(status=202, headers=self._operations.headers(request, operation))

    async def _remove_deployment(self, endpoint: Endpoint, deployment: Deployment, scope: Scope) -> None:
        try:
            await asyncio.sleep(self._settle_seconds)
            endpoint.deployments.pop(deployment.name, None)
            self._effects.record("deployment_deleted", deployment_id(endpoint, deployment, scope))
        finally:
            endpoint.release()


def find_batch_endpoint(endpoints: Endpoints, request: ArmRequest) -> Endpoint:
    """The batch endpoint that the path names.

    Raises:
        ArmError: 404 when there is none.
    """
    found = endpoints.get(request.scope.key, request.names["endpoint"])
    if not found:
        raise not_found("BatchEndpoint", request.names["endpoint"])
    return found


def pipeline_of(properties: dict[str, Any]) -> str:
    """The pipeline component that a deployment is; empty for one of a model."""
    configuration = properties.get("deploymentConfiguration") or {}
    if configuration.get("deploymentConfigurationType") != "PipelineComponent":
        return ""
    return str((configuration.get("componentId") or {}).get("assetId") or "")


def default_of(endpoint: Endpoint) -> str:
    """The default deployment; empty when there is none."""
    return next((name for name, share in endpoint.traffic.items() if share == 100), "")


def endpoint_id(endpoint: Endpoint, scope: Scope) -> str:
    """The ARM id of a batch endpoint."""
    return f"{scope.id}/batchEndpoints/{endpoint.name}"


def deployment_id(endpoint: Endpoint, deployment: Deployment, scope: Scope) -> str:
    """The ARM id of a deployment of a batch endpoint."""
    return f"{endpoint_id(endpoint, scope)}/deployments/{deployment.name}"


def endpoint_document(endpoint: Endpoint, scope: Scope, base_url: str) -> dict[str, Any]:
    """A batch endpoint as the REST API shows it. In Azure the scoring address has a host name of the endpoint's own."""
    kept = dict(endpoint.document)
    properties = {
        **kept.pop("properties"),
        "authMode": "AADToken",
        "defaults": {"deploymentName": default_of(endpoint) or None},
        "provisioningState": endpoint.state,
        "scoringUri": f"{base_url}/batch{endpoint_id(endpoint, scope)}/jobs",
        "swaggerUri": f"{base_url}/batch{endpoint_id(endpoint, scope)}/swagger.json",
        "properties": {},
    }
    identity = {"type": "SystemAssigned", "principalId": scope.guid, "tenantId": scope.guid}
    return envelope(endpoint_id(endpoint, scope), "batchEndpoints", properties, **{**kept, "identity": identity})


def deployment_document(endpoint: Endpoint, deployment: Deployment, scope: Scope) -> dict[str, Any]:
    """A batch deployment as the REST API shows it."""
    kept = dict(deployment.document)
    properties = {"properties": {}, **kept.pop("properties"), "provisioningState": deployment.state}
    return envelope(deployment_id(endpoint, deployment, scope), "batchEndpoints/deployments", properties, **kept)


def _named(endpoint: Endpoint, name: str) -> Deployment:
    found = endpoint.deployments.get(name)
    if not found:
        raise not_found("BatchDeployment", name)
    return found


def _default(body: dict[str, Any]) -> str | None:
    defaults = (body.get("properties") or {}).get("defaults") or {}
    return str(defaults["deploymentName"]) if defaults.get("deploymentName") else None


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    mode = (body.get("properties") or {}).get("authMode")
    if str(mode).lower() != "aadtoken":  # azure-ai-ml writes aadToken
        raise ArmError(400, "BadRequest", f"A batch endpoint authenticates by AADToken, not by {mode}.")
    given = (body.get("properties") or {}).items()
    properties = {key: value for key, value in given if value is not None and key == "description"}
    return {"location": body.get("location") or "local", "tags": body.get("tags") or {}, "properties": properties}
