"""The ARM side of versioned assets: models, components, data, codes and environments, all of the same REST shape.

Owns get, list, create and the containers. Versions are immutable: the same PUT again answers 200, another one 409.
Registering a model raises ``ModelRegistered``. Response musts of the SDK: a model's ``flavors``, a container's ``latestVersion``.
"""

from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.assets import Asset, Assets
from local.azure.datastores import Datastores
from local.azure.documents import asset_document, envelope, page
from local.azure.effects import Effects
from local.azure.errors import ArmError
from local.azure.events import model_registered

KINDS = ("models", "components", "data", "codes", "environments")
_DEFAULTS: dict[str, dict[str, Any]] = {"models": {"flavors": {}, "modelType": "custom_model"}}


class AssetApi:
    """Routes for every kind of asset of a workspace or registry."""

    def __init__(self, datastores: Datastores, effects: Effects) -> None:
        self._assets = datastores.assets
        self._datastores = datastores
        self._effects = effects

    def routes(self) -> list[ArmRoute]:
        """Get and create versions, list versions, and the container of a name."""
        return [route for kind in KINDS for route in self._routes_of(kind)]

    def register(self, asset: Asset) -> None:
        """Keep a new version of a model and tell the world: the journal and Event Grid."""
        asset.properties = _complete(asset.kind, asset.properties)
        self._assets.add(asset)
        if asset.kind != "models":
            return
        self._effects.record("model_registered", asset.id, job=asset.properties.get("jobName"))
        if asset.scope.kind == "workspaces":
            self._effects.publish(model_registered(asset.scope.id, asset.name, asset.version, asset.properties))

    def _routes_of(self, kind: str) -> list[ArmRoute]:
        async def get(request: ArmRequest) -> ArmAnswer:
            return self._get(kind, request)

        async def put(request: ArmRequest) -> ArmAnswer:
            return self._put(kind, request)

        async def versions(request: ArmRequest) -> ArmAnswer:
            return self._list(kind, request)

        async def container(request: ArmRequest) -> ArmAnswer:
            return self._container(kind, request)

        async def containers(request: ArmRequest) -> ArmAnswer:
            found = self._assets.latest_of_each(request.scope.key, kind)
            return ArmAnswer(page([_container_document(self._assets, asset) for asset in found]))

        return [
            ArmRoute("GET", f"{{scope}}/{kind}", containers),
            ArmRoute("GET", f"{{scope}}/{kind}/{{name}}", container),
            ArmRoute("GET", f"{{scope}}/{kind}/{{name}}/versions", versions),
            ArmRoute("GET", f"{{scope}}/{kind}/{{name}}/versions/{{version}}", get),
            ArmRoute("PUT", f"{{scope}}/{kind}/{{name}}/versions/{{version}}", put),
        ]

    def _get(self, kind: str, request: ArmRequest) -> ArmAnswer:
        name, version = request.names["name"], request.names["version"]
        return ArmAnswer(asset_document(self._assets.get(request.scope.key, kind, name, version)))

    def _list(self, kind: str, request: ArmRequest) -> ArmAnswer:
        # Newest first whatever orderBy says: the SDK asks for "createdtime desc" and takes the first as the latest.
        found = self._assets.versions(request.scope.key, kind, request.names["name"])[::-1]
        found = [asset for asset in found if _has_tags(asset, request.query.get("tags", ""))]
        top = int(request.query.get("$top", len(found)))
        return ArmAnswer(page([asset_document(asset) for asset in found[:top]]))

    def _container(self, kind: str, request: ArmRequest) -> ArmAnswer:
        newest = self._assets.latest(request.scope.key, kind, request.names["name"])
        return ArmAnswer(_container_document(self._assets, newest))

    def _put(self, kind: str, request: ArmRequest) -> ArmAnswer:
        name, version = request.names["name"], request.names["version"]
        wanted = _complete(kind, request.body.get("properties") or {})
        existing = self._assets.find(request.scope.key, kind, name, version)
        if existing:
            return self._repeat(existing, wanted)
        asset = Asset(request.scope, kind, name, version, wanted)
        self._place(asset)
        self.register(asset)
        return ArmAnswer(asset_document(asset), 201)

    def _repeat(self, existing: Asset, wanted: dict[str, Any]) -> ArmAnswer:
        if _fixed(existing.properties) != _fixed(wanted):
            raise ArmError(
                409, "Conflict", f"{existing.kind} {existing.name}:{existing.version} exists and is immutable."
            )
        existing.properties = {**existing.properties, **wanted}
        self._effects.repeated(f"{existing.kind}_created", existing.id)
        return ArmAnswer(asset_document(existing))

    def _place(self, asset: Asset) -> None:
        address = asset.properties.get("modelUri") or asset.properties.get("dataUri")
        if isinstance(address, str) and address.startswith("azureml:"):
            asset.folder = self._datastores.resolve(address, asset.scope, asset.kind)


def _has_tags(asset: Asset, wanted: str) -> bool:
    """Whether an asset has all tags of a list such as ``a,b=1``: by name, or by name and value."""
    tags = asset.properties.get("tags") or {}
    asked = [part.partition("=") for part in wanted.split(",") if part]
    return all(name in tags and (not sign or tags[name] == value) for name, sign, value in asked)


def _complete(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in properties.items() if value is not None}
    return {"isArchived": False, "tags": {}, "properties": {}, **_DEFAULTS.get(kind, {}), **given}


def _fixed(properties: dict[str, Any]) -> dict[str, Any]:
    # Tags, properties and the description of a version may be edited; what it is may not.
    editable = {"tags", "properties", "description", "isArchived", "isAnonymous", "stage"}
    return {key: value for key, value in properties.items() if key not in editable}


def _container_document(assets: Assets, newest: Asset) -> dict[str, Any]:
    following = assets.next_version(newest.scope.key, newest.kind, newest.name)
    properties = {
        "latestVersion": newest.version,
        "nextVersion": following,
        "isArchived": False,
        "tags": {},
        "properties": {},
    }
    if newest.kind == "data":
        properties["dataType"] = newest.properties.get("dataType")
    return envelope(newest.id.partition("/versions/")[0], newest.kind, properties)
