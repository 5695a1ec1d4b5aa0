"""The envelope that ARM puts around every resource, and pages of them.

Owns the shape; the properties are the business of each resource.
"""

from typing import Any

from local.azure.assets import Asset, timestamp
from local.azure.references import PROVIDER


def envelope(resource_id: str, kind: str, properties: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    """One resource: id, name, type, systemData and properties; ``more`` holds location, identity, sku, tags."""
    created = more.pop("created", None) or timestamp()
    return {
        "id": resource_id,
        "name": resource_id.rsplit("/", 1)[-1],
        "type": f"{PROVIDER}/workspaces/{kind}",
        "systemData": {"createdAt": created, "createdBy": "local", "createdByType": "User", "lastModifiedAt": created},
        "properties": properties,
        **more,
    }


def asset_document(asset: Asset) -> dict[str, Any]:
    """One version of an asset."""
    return envelope(asset.id, f"{asset.kind}/versions", asset.properties, created=asset.created)


def page(values: list[dict[str, Any]]) -> dict[str, Any]:
    """A list as ARM pages it: one page, and so no ``nextLink``."""
    return {"value": values}
