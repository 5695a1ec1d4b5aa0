"""The names of Azure Resource Manager: taking a workspace id apart, and putting ids of endpoints and assets together.

Owns the shapes of ids only. Knows no SDK and sends nothing. Wire format: learn.microsoft.com/rest/api/azureml.
"""

import re
from dataclasses import dataclass
from typing import Literal

from shared.domain.commands import EndpointKind

AssetKind = Literal["models", "environments", "codes", "components"]

_WORKSPACE = re.compile(
    r"^/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<name>[^/]+)/?$",
    re.IGNORECASE,
)
_ASSET = re.compile(r"^(?:azureml:)?(?P<name>[A-Za-z0-9][\w.-]*)(?:(?P<mark>[:@])(?P<which>[\w.-]+))$")


class MalformedNameError(ValueError):
    """A reference is not one that Azure Machine Learning knows; a person has to correct the policy."""


@dataclass(frozen=True)
class WorkspaceName:
    """The three parts that name a workspace."""

    subscription: str
    group: str
    name: str


@dataclass(frozen=True)
class AssetName:
    """An asset of a workspace by version or by label; exactly one of the two is set."""

    name: str
    version: str | None = None
    label: str | None = None


def workspace_name(workspace: str) -> WorkspaceName:
    """The parts of a workspace's ARM id.

    Raises:
        MalformedNameError: when it is not the id of a workspace.
    """
    parts = _WORKSPACE.match(workspace)
    if parts is None:
        raise MalformedNameError(f"not the ARM id of an Azure ML workspace: {workspace!r}")
    return WorkspaceName(parts["subscription"], parts["group"], parts["name"])


def asset_name(reference: str) -> AssetName:
    """The parts of ``azureml:NAME:VERSION`` or ``azureml:NAME@LABEL``.

    Raises:
        MalformedNameError: when it is neither.
    """
    parts = _ASSET.match(reference)
    if parts is None:
        raise MalformedNameError(f"not azureml:NAME:VERSION or azureml:NAME@LABEL: {reference!r}")
    if parts["mark"] == ":":
        return AssetName(parts["name"], version=parts["which"])
    return AssetName(parts["name"], label=parts["which"])


def complete_id(reference: str) -> str | None:
    """The id that a reference already spells out in full (ARM or registry), else None."""
    bare = reference.removeprefix("azureml:") if reference.lower().startswith("azureml:/subscriptions/") else reference
    return bare if bare.lower().startswith(("/subscriptions/", "azureml://")) else None


def asset_id(workspace: str, kind: AssetKind, name: str, version: str) -> str:
    """The ARM id of one version of an asset of a workspace."""
    return f"{workspace.rstrip('/')}/{kind}/{name}/versions/{version}"


def endpoint_id(workspace: str, endpoint: str, kind: EndpointKind = "managed_online") -> str:
    """The ARM id of an endpoint; batch endpoints are resources of their own type."""
    return f"{workspace.rstrip('/')}/{'batch' if kind == 'batch' else 'online'}Endpoints/{endpoint}"


def deployment_id(workspace: str, endpoint: str, deployment: str, kind: EndpointKind = "managed_online") -> str:
    """The ARM id of a deployment of an endpoint."""
    return f"{endpoint_id(workspace, endpoint, kind)}/deployments/{deployment}"


def compute_id(workspace: str, compute: str) -> str:
    """The ARM id of a compute that is attached to a workspace, by its name; an id as it is."""
    return complete_id(compute) or f"{workspace.rstrip('/')}/computes/{compute}"


def job_id(workspace: str, job: str) -> str:
    """The ARM id of a job."""
    return f"{workspace.rstrip('/')}/jobs/{job}"


def brief(resource: str) -> str:
    """What a person needs of an ARM id or its URL: the part inside the workspace or registry."""
    path = resource.split("?", maxsplit=1)[0]
    inside = re.search(r"/(?:workspaces|registries)/(.+)$", path, re.IGNORECASE)
    return inside[1] if inside else path
