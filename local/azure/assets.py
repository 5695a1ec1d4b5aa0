"""Versioned assets: models, components, data, codes, environments of every workspace and registry.

Owns the store and the rules of versions (immutable, numbered upwards, newest last). Knows nothing of HTTP.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.azure.errors import not_found
from local.azure.references import AssetReference, Scope


def timestamp() -> str:
    """The present, as ARM writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass
class Asset:
    """One version of one asset. ``folder`` is where its content lies on this machine, when it has content."""

    scope: Scope
    kind: str
    name: str
    version: str
    properties: dict[str, Any]
    folder: Path | None = None
    created: str = field(default_factory=timestamp)

    @property
    def id(self) -> str:
        """The id that the REST API shows: an ARM id, or an ``azureml://`` one in a registry."""
        if self.scope.kind == "registries":
            return f"azureml://registries/{self.scope.name}/{self.kind}/{self.name}/versions/{self.version}"
        return f"{self.scope.id}/{self.kind}/{self.name}/versions/{self.version}"


class Assets:
    """All assets, by scope, kind and name; each a list of versions in the order of their creation."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str, str], list[Asset]] = {}
        self._guids: dict[str, str] = {}

    def know(self, scope: Scope) -> None:
        """Make a scope findable by the GUID that asset ids carry."""
        self._guids[scope.guid] = scope.key

    def add(self, asset: Asset) -> None:
        """Keep a new version."""
        key = (asset.scope.key, asset.kind, asset.name.lower())
        self._all.setdefault(key, []).append(asset)

    def versions(self, scope: str, kind: str, name: str) -> list[Asset]:
        """All versions, oldest first."""
        return self._all.get((scope, kind, name.lower()), [])

    def find(self, scope: str, kind: str, name: str, version: str) -> Asset | None:
        """One version, or None."""
        return next((asset for asset in self.versions(scope, kind, name) if asset.version == version), None)

    def get(self, scope: str, kind: str, name: str, version: str) -> Asset:
        """One version.

        Raises:
            ArmError: 404 when there is none.
        """
        found = self.find(scope, kind, name, version)
        if not found:
            raise not_found(kind, f"{name}:{version}")
        return found

    def latest(self, scope: str, kind: str, name: str) -> Asset:
        """The version that was added last.

        Raises:
            ArmError: 404 when there is none.
        """
        found = self.versions(scope, kind, name)
        if not found:
            raise not_found(kind, name)
        return found[-1]

    def latest_of_each(self, scope: str, kind: str) -> list[Asset]:
        """The newest version of every name of one kind."""
        return [assets[-1] for (owner, of, _), assets in self._all.items() if (owner, of) == (scope, kind)]

    def next_version(self, scope: str, kind: str, name: str) -> str:
        """The number after the highest one in use; versions that are not numbers are passed over."""
        numbers = [int(asset.version) for asset in self.versions(scope, kind, name) if asset.version.isdigit()]
        return str(max(numbers, default=0) + 1)

    def resolve(self, reference: AssetReference, here: Scope, kind: str) -> Asset:
        """The asset that a reference means, seen from a workspace; ``kind`` fills in for the short forms.

        Raises:
            ArmError: 404 when there is none.
        """
        scope = self._guids.get(reference.scope, reference.scope) or here.key
        of = reference.kind or kind
        if reference.version:
            return self.get(scope, of, reference.name, reference.version)
        return self.latest(scope, of, reference.name)
