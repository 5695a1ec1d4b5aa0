"""The workspace itself as a resource, and its computes.

Owns their documents. ``mlFlowTrackingUri`` has the ``azureml://`` scheme that Azure uses: the same address with https
is what MLflow clients call.
"""

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.documents import envelope, page
from local.azure.errors import not_found
from local.azure.references import Scope


class WorkspaceApi:
    """Routes for workspaces; ``computes`` are names that exist in every workspace."""

    def __init__(self, scopes: dict[str, Scope], computes: list[str], location: str) -> None:
        self._scopes = scopes
        self._computes = {name.lower(): name for name in computes}
        self._location = location

    def routes(self) -> list[ArmRoute]:
        """The workspace, its discovery document and its computes."""
        return [
            ArmRoute("GET", "{scope}", self._get),
            ArmRoute("GET", "{scope}/computes", self._list_computes),
            ArmRoute("GET", "{scope}/computes/{compute}", self._compute),
            ArmRoute("GET", "{scope}/discovery", self._discovery),
            ArmRoute("GET", "/discovery/workspaces/{guid}", self._discovery),
        ]

    async def _get(self, request: ArmRequest) -> ArmAnswer:
        scope = request.scope
        properties = {
            "workspaceId": scope.guid,
            "friendlyName": scope.name,
            "provisioningState": "Succeeded",
            "storageAccount": f"{scope.id}/storage",
            "discoveryUrl": f"{request.base_url}/discovery",
            "mlFlowTrackingUri": f"azureml://{request.base_url.partition('://')[2]}/mlflow/v1.0{scope.id}",
        }
        identity = {"type": "SystemAssigned", "principalId": scope.guid, "tenantId": scope.guid}
        outer = {
            "location": self._location,
            "tags": {},
            "identity": identity,
            "sku": {"name": "Basic", "tier": "Basic"},
        }
        return ArmAnswer(envelope(scope.id, "workspaces", properties, **outer))

    async def _discovery(self, request: ArmRequest) -> ArmAnswer:
        base = request.base_url
        return ArmAnswer(
            {"api": base, "history": base, "studio": base, "experimentation": base, "modelmanagement": base}
        )

    async def _list_computes(self, request: ArmRequest) -> ArmAnswer:
        return ArmAnswer(page([self._document(request.scope, name) for name in self._computes.values()]))

    async def _compute(self, request: ArmRequest) -> ArmAnswer:
        name = self._computes.get(request.names["compute"].lower())
        if not name:
            raise not_found("Compute", request.names["compute"])
        return ArmAnswer(self._document(request.scope, name))

    def _document(self, scope: Scope, name: str) -> dict[str, object]:
        size = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 1, "minNodeCount": 0}}
        properties = {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": size}
        return envelope(f"{scope.id}/computes/{name}", "computes", properties, location=self._location)
