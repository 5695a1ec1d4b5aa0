"""Which endpoints exist, how their traffic is split, and which deployments stand behind them.

Owns the facts only, in memory. Knows nothing of HTTP, of ARM's shapes, or of the processes that serve: the ARM side
(``online_endpoints``, ``online_deployments``) writes here, the scoring router reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.azure.errors import ArmError


@dataclass
class Deployment:
    """One deployment: the document that ARM shows, and its provisioning state (``Updating``, ``Succeeded``, ...)."""

    name: str
    document: dict[str, Any]
    state: str = "Creating"
    error: str = ""


@dataclass
class Endpoint:
    """One online endpoint. ``traffic`` is in percent by deployment name, 0 or 100 in all; ``key`` is its bearer key."""

    workspace: str
    name: str
    key: str
    document: dict[str, Any]
    traffic: dict[str, int] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    state: str = "Creating"
    busy: str | None = None
    mirror: dict[str, int] = field(default_factory=dict)  # percent of the requests that a deployment gets a copy of

    @property
    def on_cluster(self) -> bool:
        """Whether it is made on an attached Kubernetes cluster."""
        return bool((self.document.get("properties") or {}).get("compute"))

    def check_compute(self, properties: dict[str, Any]) -> None:
        """Whether a deployment is of the endpoint's own kind.

        Raises:
            ArmError: 400 otherwise.
        """
        wanted = "Kubernetes" if self.on_cluster else "Managed"
        if properties.get("endpointComputeType") != wanted:
            raise ArmError(400, "BadRequest", f"Deployments of endpoint {self.name} have endpointComputeType {wanted}")

    def claim(self, operation: str) -> None:
        """Begin an operation on the endpoint or on one of its deployments.

        Raises:
            ArmError: 409 Conflict while another operation is under way, as Azure does.
        """
        if self.busy:
            raise ArmError(409, "Conflict", f"Endpoint {self.name} has an operation under way: {self.busy}")
        self.busy = operation

    def release(self) -> None:
        """End the operation that was claimed."""
        self.busy = None

    def check_traffic(self, traffic: dict[str, int]) -> None:
        """Whether a split may be set: every deployment is known and the sum is 0 or 100.

        Raises:
            ArmError: 400 otherwise.
        """
        unknown = sorted(set(traffic) - set(self.deployments))
        if unknown:
            raise ArmError(400, "BadRequest", f"Traffic names deployments that do not exist: {', '.join(unknown)}")
        if sum(traffic.values()) not in {0, 100} or any(share < 0 for share in traffic.values()):
            raise ArmError(400, "BadRequest", f"Traffic must sum to 0 or 100, not {sum(traffic.values())}")

    def check_mirror(self, mirror: dict[str, int], traffic: dict[str, int]) -> None:
        """Whether requests may be mirrored so: to one deployment that takes none itself, and at most half of them.

        Raises:
            ArmError: 400 otherwise.
        """
        shares = {name: share for name, share in mirror.items() if share}
        unknown = sorted(set(mirror) - set(self.deployments))
        if unknown:
            raise ArmError(
                400, "BadRequest", f"Mirror traffic names deployments that do not exist: {', '.join(unknown)}"
            )
        if len(shares) > 1 or any(not 0 <= share <= 50 for share in mirror.values()):
            raise ArmError(400, "BadRequest", "Mirror traffic goes to one deployment, and is 50 percent at most")
        if shares and self.on_cluster:
            raise ArmError(400, "BadRequest", "Mirror traffic is not supported for Kubernetes online endpoints")
        both = sorted(name for name in shares if traffic.get(name))
        if both:
            raise ArmError(400, "BadRequest", f"{both[0]} cannot receive both live and mirrored traffic")


class Endpoints:
    """All endpoints of all workspaces, by lower-case workspace id and name (names are case-insensitive)."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Endpoint] = {}

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(list(self._all.values()))

    def get(self, workspace: str, name: str) -> Endpoint | None:
        """The endpoint, or None."""
        return self._all.get((workspace.lower(), name.lower()))

    def of(self, workspace: str) -> list[Endpoint]:
        """The endpoints of one workspace, oldest first."""
        return [endpoint for (owner, _), endpoint in self._all.items() if owner == workspace.lower()]

    def add(self, endpoint: Endpoint) -> None:
        """Keep a new endpoint, or replace the one of the same name."""
        self._all[endpoint.workspace.lower(), endpoint.name.lower()] = endpoint

    def remove(self, endpoint: Endpoint) -> None:
        """Forget an endpoint; gone already is fine."""
        self._all.pop((endpoint.workspace.lower(), endpoint.name.lower()), None)
