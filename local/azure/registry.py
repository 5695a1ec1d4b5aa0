"""Registries: where they are, and how a workspace's model or environment is copied into one.

Owns discovery and the import. Everything else about a registry's assets is ``asset_api``'s, under the registry's scope.
An import answers 202 with ``Location`` only, ending in an empty 204: given a body, the SDK takes the upload path.
"""

import shutil
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.assets import Asset
from local.azure.datastores import Datastores
from local.azure.effects import Effects
from local.azure.errors import ArmError, not_found
from local.azure.operations import Operations
from local.azure.references import Scope, parse_reference

_SHARED = {"models": "model_shared", "environments": "environment_shared"}


class RegistryApi:
    """Routes of registries."""

    def __init__(
        self,
        registries: dict[str, Scope],
        datastores: Datastores,
        operations: Operations,
        effects: Effects,
    ) -> None:
        self._registries = registries
        self._assets = datastores.assets
        self._datastores = datastores
        self._operations = operations
        self._effects = effects

    def routes(self) -> list[ArmRoute]:
        """Discovery and import."""
        return [
            ArmRoute("GET", "/registrymanagement/v1.0/registries/{registry}/discovery", self._discovery),
            ArmRoute("POST", "{scope}/import", self._import),
        ]

    async def _discovery(self, request: ArmRequest) -> ArmAnswer:
        registry = self._registries.get(request.names["registry"].lower())
        if not registry:
            raise not_found("Registry", request.names["registry"])
        return ArmAnswer(
            {
                "registryName": registry.name,
                "tenantId": registry.guid,
                "primaryRegion": "local",
                "regions": ["local"],
                "subscriptionId": registry.subscription,
                "resourceGroup": registry.group,
                "workspaceName": registry.name,
                "primaryRegionResourceProviderUri": f"{request.base_url}/",
            }
        )

    async def _import(self, request: ArmRequest) -> ArmAnswer:
        properties = request.body.get("properties") or request.body
        source = self._source(properties, request.scope)
        operation = self._operations.start(self._copy(source, request.scope, properties))
        followed = self._operations.headers(request, operation)
        return ArmAnswer(status=202, headers={key: followed[key] for key in ("Location", "x-ms-retry-after-ms")})

    def _source(self, properties: dict[str, Any], scope: Scope) -> Asset:
        text = str(properties.get("assetId") or properties.get("sourceAssetId") or "")
        reference = parse_reference(text)
        if not reference:
            raise ArmError(400, "UserError", f"Not an asset id: {text}")
        kind = "environments" if "/environments/" in text else "models"
        return self._assets.resolve(reference, scope, kind)

    async def _copy(self, source: Asset, registry: Scope, properties: dict[str, Any]) -> None:
        name = properties.get("destinationName") or source.name
        version = properties.get("destinationVersion") or source.version
        existing = self._assets.find(registry.key, source.kind, name, version)
        if existing:
            self._effects.repeated(_SHARED[source.kind], existing.id)
            return
        copy = Asset(registry, source.kind, name, version, dict(source.properties))
        if source.folder:
            copy.folder = self._datastores.folder(registry) / source.kind / name / version
            shutil.copytree(source.folder, copy.folder, dirs_exist_ok=True)
            copy.properties["modelUri"] = f"{copy.id}/content"
        self._assets.add(copy)
        self._effects.record(_SHARED[source.kind], copy.id, source=source.id)
