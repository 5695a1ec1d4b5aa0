"""The workspace itself as a resource, and its computes.

Owns their documents. ``mlFlowTrackingUri`` has the ``azureml://`` scheme that Azure uses: the same address with https
is what MLflow clients call.
"""

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.computes import kind_of, settings_of
from local.azure.documents import envelope, page
from local.azure.effects import Effects
from local.azure.errors import ArmError, not_found
from local.azure.operations import Operations
from local.azure.references import Scope


class WorkspaceApi:
    """Routes for workspaces; ``computes`` are names that exist in every workspace."""

    def __init__(
        self, scopes: dict[str, Scope], computes: list[str], location: str, operations: Operations, effects: Effects
    ) -> None:
        self._scopes, self._operations, self._effects = scopes, operations, effects
        self._states: dict[str, str] = {}  # of compute instances, by id
        self._computes = {name.lower(): name for name in computes}
        self._location = location

    def routes(self) -> list[ArmRoute]:
        """The workspace, its discovery document and its computes."""
        return [
            ArmRoute("GET", "{scope}", self._get),
            ArmRoute("GET", "{scope}/computes", self._list_computes),
            ArmRoute("GET", "{scope}/computes/{compute}", self._compute),
            ArmRoute("POST", "{scope}/computes/{compute}/stop", self._stop),
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
        return ArmAnswer(self._document(request.scope, self._name(request)))

    def _name(self, request: ArmRequest) -> str:
        name = self._computes.get(request.names["compute"].lower())
        if not name:
            raise not_found("Compute", request.names["compute"])
        return name

    async def _stop(self, request: ArmRequest) -> ArmAnswer:
        name, scope = self._name(request), request.scope
        if kind_of(name) != "ComputeInstance":
            raise ArmError(400, "BadRequest", f"{name} is no compute instance: only those are stopped.")
        place = f"{scope.id}/computes/{name}"
        if self._states.get(place, "Running") != "Running":
            raise ArmError(409, "Conflict", f"{name} is {self._states[place]}.")
        self._states[place] = "Stopping"
        operation = self._operations.start(self._end(place))
        return ArmAnswer(status=202, headers=self._operations.headers(request, operation))

    async def _end(self, place: str) -> None:
        self._states[place] = "Stopped"
        self._effects.record("compute_stopped", place)

    def _document(self, scope: Scope, name: str) -> dict[str, object]:
        place = f"{scope.id}/computes/{name}"
        inner = settings_of(name, self._states.get(place, "Running"))
        properties = {"computeType": kind_of(name), "provisioningState": "Succeeded", "properties": inner}
        return envelope(place, "computes", properties, location=self._location)
