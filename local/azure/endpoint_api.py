"""The ARM side of online endpoints: create, look, change traffic, keys, delete.

Owns the REST shapes and the order of things: a change is refused while another is under way, and traffic takes effect
when its operation ends. Deployments of an endpoint are ``deployment_api``'s; requests to it are the scoring router's.
"""

import asyncio
import secrets
from collections.abc import Iterable
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.computes import kind_of
from local.azure.deployments import DeploymentKey
from local.azure.documents import envelope, page
from local.azure.effects import Effects
from local.azure.endpoints import Endpoint, Endpoints
from local.azure.errors import ArmError, not_found
from local.azure.operations import Operations
from local.azure.references import Scope
from local.azure.serving import Serving

ENDPOINT = "{scope}/onlineEndpoints/{endpoint}"


def find_endpoint(endpoints: Endpoints, request: ArmRequest) -> Endpoint:
    """The endpoint that the path names.

    Raises:
        ArmError: 404 when there is none.
    """
    found = endpoints.get(request.scope.key, request.names["endpoint"])
    if not found:
        raise not_found("OnlineEndpoint", request.names["endpoint"])
    return found


class EndpointApi:
    """Routes for the online endpoints of a workspace. ``settle_seconds`` is how long a change of traffic takes."""

    def __init__(
        self,
        endpoints: Endpoints,
        operations: Operations,
        serving: Serving,
        effects: Effects,
        computes: Iterable[str],
        settle_seconds: float = 0.1,
    ) -> None:
        self._endpoints = endpoints
        self._operations = operations
        self._serving = serving
        self._effects = effects
        self._computes = {name.lower() for name in computes}
        self._settle_seconds = settle_seconds

    def routes(self) -> list[ArmRoute]:
        """Everything about endpoints but their deployments."""
        return [
            ArmRoute("GET", "{scope}/onlineEndpoints", self._list),
            ArmRoute("GET", ENDPOINT, self._get),
            ArmRoute("PUT", ENDPOINT, self._put),
            ArmRoute("PATCH", ENDPOINT, self._patch),
            ArmRoute("DELETE", ENDPOINT, self._delete),
            ArmRoute("POST", f"{ENDPOINT}/listKeys", self._list_keys),
        ]

    async def _list(self, request: ArmRequest) -> ArmAnswer:
        found = self._endpoints.of(request.scope.key)
        return ArmAnswer(page([endpoint_document(one, request.scope, request.base_url) for one in found]))

    async def _get(self, request: ArmRequest) -> ArmAnswer:
        return ArmAnswer(self._document(find_endpoint(self._endpoints, request), request))

    async def _list_keys(self, request: ArmRequest) -> ArmAnswer:
        endpoint = find_endpoint(self._endpoints, request)
        return ArmAnswer({"primaryKey": endpoint.key, "secondaryKey": endpoint.key})

    async def _put(self, request: ArmRequest) -> ArmAnswer:
        endpoint = self._endpoints.get(request.scope.key, request.names["endpoint"])
        return self._change(endpoint, request) if endpoint else self._create(request)

    async def _patch(self, request: ArmRequest) -> ArmAnswer:
        # Azure's definitions let a PATCH of an endpoint name tags and the identity; traffic takes a PUT.
        if set(request.body) - {"tags", "identity"}:
            raise ArmError(400, "BadRequest", "A PATCH of an endpoint changes its tags or its identity only.")
        endpoint = find_endpoint(self._endpoints, request)
        endpoint.document = {**endpoint.document, "tags": request.body.get("tags") or {}}
        return ArmAnswer(self._document(endpoint, request))

    def _create(self, request: ArmRequest) -> ArmAnswer:
        name = request.names["endpoint"]
        if len(name) < 3 or len(name) > 32:
            raise ArmError(400, "BadRequest", "An endpoint's name has 3 to 32 characters.")
        endpoint = Endpoint(request.scope.key, name, secrets.token_urlsafe(24), _kept(request.body))
        endpoint.check_traffic(_traffic(request.body) or {})
        compute = str(endpoint.document["properties"].get("compute") or "").rpartition("/")[2]
        if compute and compute.lower() not in self._computes:
            raise ArmError(400, "BadRequest", f"Compute {compute} is not attached to this workspace.")
        if compute and kind_of(compute) != "Kubernetes":
            text = f"Compute {compute} is of type {kind_of(compute)}: an endpoint needs one of type Kubernetes."
            raise ArmError(400, "BadRequest", text)
        self._endpoints.add(endpoint)
        return self._begin(endpoint, request, None)

    def _change(self, endpoint: Endpoint, request: ArmRequest) -> ArmAnswer:
        traffic = _traffic(request.body)
        endpoint.check_traffic(traffic or {})
        mirror = _mirror(request.body)
        live = endpoint.traffic if traffic is None else traffic
        endpoint.check_mirror(endpoint.mirror if mirror is None else mirror, live)
        answer = self._begin(endpoint, request, traffic, mirror)
        changes = _kept(request.body)
        endpoint.document = {**changes, "properties": {**endpoint.document["properties"], **changes["properties"]}}
        return answer

    def _begin(
        self,
        endpoint: Endpoint,
        request: ArmRequest,
        traffic: dict[str, int] | None,
        mirror: dict[str, int] | None = None,
    ) -> ArmAnswer:
        endpoint.claim("the endpoint is being updated")
        endpoint.state = "Updating"
        operation = self._operations.start(self._settle(endpoint, request.scope, traffic, mirror))
        return ArmAnswer(self._document(endpoint, request), 201, self._operations.headers(request, operation))

    async def _settle(
        self, endpoint: Endpoint, scope: Scope, traffic: dict[str, int] | None, mirror: dict[str, int] | None
    ) -> None:
        try:
            await asyncio.sleep(self._settle_seconds)
            if mirror is not None and mirror != endpoint.mirror:
                endpoint.mirror = mirror
                self._effects.record("mirror_set", endpoint_id(endpoint, scope), mirror=mirror)
            if traffic is not None:
                self._set_traffic(endpoint, scope, traffic)
            endpoint.state = "Succeeded"
        finally:
            endpoint.release()

    def _set_traffic(self, endpoint: Endpoint, scope: Scope, traffic: dict[str, int]) -> None:
        before = {name: share for name, share in endpoint.traffic.items() if share}
        changed = before != {name: share for name, share in traffic.items() if share}
        endpoint.traffic = traffic
        self._effects.record("traffic_set", endpoint_id(endpoint, scope), traffic=traffic, changed=changed)

    async def _delete(self, request: ArmRequest) -> ArmAnswer:
        endpoint = self._endpoints.get(request.scope.key, request.names["endpoint"])
        if not endpoint:
            return ArmAnswer(status=204)
        endpoint.claim("the endpoint is being deleted")
        endpoint.state = "Deleting"
        operation = self._operations.start(self._remove(endpoint))
        return ArmAnswer(status=202, headers=self._operations.headers(request, operation))

    async def _remove(self, endpoint: Endpoint) -> None:
        for name in endpoint.deployments:
            await self._serving.stop(DeploymentKey(endpoint.workspace, endpoint.name, name))
        self._endpoints.remove(endpoint)

    def _document(self, endpoint: Endpoint, request: ArmRequest) -> dict[str, Any]:
        return endpoint_document(endpoint, request.scope, request.base_url)


def endpoint_id(endpoint: Endpoint, scope: Scope) -> str:
    """The ARM id of an endpoint."""
    return f"{scope.id}/onlineEndpoints/{endpoint.name}"


def endpoint_document(endpoint: Endpoint, scope: Scope, base_url: str) -> dict[str, Any]:
    """An endpoint as the REST API shows it."""
    kept = dict(endpoint.document)
    properties = {
        "authMode": "Key",
        **kept.pop("properties", {}),
        "traffic": endpoint.traffic,
        "mirrorTraffic": endpoint.mirror,
        "provisioningState": endpoint.state,
        "scoringUri": f"{base_url}/score/{scope.subscription}/{scope.group}/{scope.name}/{endpoint.name}",
        "swaggerUri": f"{base_url}/swagger/{endpoint.name}",
        "properties": {},
    }
    identity = {"type": "SystemAssigned", "principalId": scope.guid, "tenantId": scope.guid}
    return envelope(endpoint_id(endpoint, scope), "onlineEndpoints", properties, **{**kept, "identity": identity})


def _traffic(body: dict[str, Any]) -> dict[str, int] | None:
    return _percents(body, "traffic")


def _mirror(body: dict[str, Any]) -> dict[str, int] | None:
    return _percents(body, "mirrorTraffic")


def _percents(body: dict[str, Any], name: str) -> dict[str, int] | None:
    found = (body.get("properties") or {}).get(name)
    return None if found is None else {str(deployment): int(share) for deployment, share in found.items()}


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    properties = {
        key: value
        for key, value in (body.get("properties") or {}).items()
        if value is not None and key in {"authMode", "description", "publicNetworkAccess", "compute"}
    }
    outer = {"location": body.get("location") or "local", "tags": body.get("tags") or {}}
    return {**outer, **({} if properties.get("compute") else {"kind": "Managed"}), "properties": properties}
