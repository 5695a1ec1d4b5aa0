"""Sharing a model version or an environment into a registry: looking whether it is there, and asking for the copy.

Owns the registry's discovery and its import call. Waits for nothing: ``MLClient.models.share`` sends the same request,
but follows it to its end and swaps the client's state meanwhile. Knows nothing of deployments.
Wire format: as azure-ai-ml 1.35.2 sends it (registry data plane 2021-10-01-dataplanepreview).
"""

from dataclasses import dataclass
from typing import Literal

from azure.core.exceptions import HttpResponseError

from shared.adapters import azure_ml_failures as failures
from shared.adapters.arm_names import asset_name
from shared.adapters.azure_ml_client import Attempt
from shared.domain.commands import ShareEnvironment, ShareModel
from shared.domain.outcomes import Failed, Outcome, Succeeded

REGISTRY_API_VERSION = "2021-10-01-dataplanepreview"

ShareCommand = ShareModel | ShareEnvironment


@dataclass(frozen=True)
class _Asset:
    """What is copied: one version of an asset, called the same in the workspace and in the registry."""

    kind: Literal["models", "environments"]
    name: str
    version: str

    @property
    def path(self) -> str:
        return f"/{self.kind}/{self.name}/versions/{self.version}"


def begin_share(command: ShareCommand, attempt: Attempt) -> Outcome:
    """Ask the registry to copy the version; present already: done, since versions never change."""
    registry, asset = _discover(command.registry, attempt), _asset(command, attempt)
    target = f"{registry}{asset.path}"
    if attempt.arm.find(target, REGISTRY_API_VERSION) is not None:
        return _present(command, target)
    workspace = attempt.arm.get(command.workspace)
    source = (
        f"azureml://locations/{workspace['location']}/workspaces/{workspace['properties']['workspaceId']}{asset.path}"
    )
    properties = {
        "referenceType": "Id",
        "destinationName": asset.name,
        "destinationVersion": asset.version,
        "sourceAssetId": source,
    }
    copying = attempt.arm.order(f"{registry}/import", {"properties": properties}, REGISTRY_API_VERSION)
    return attempt.started(f"{target} {copying}".rstrip())


def look_share(command: ShareCommand, operation: str, attempt: Attempt) -> Outcome:
    """Present in the registry, given up, or still on its way.

    The operation is the version's address in the registry, and behind it where Azure says what became of the copy. Without
    the second, one that never arrives stays on its way.
    """
    target, _, copying = operation.partition(" ")
    if attempt.arm.find(target, REGISTRY_API_VERSION) is not None:
        return _present(command, target)
    given_up = _why_given_up(copying, attempt) if copying else ""
    if given_up:
        kind, name, _, version = target.rsplit("/", 4)[1:]
        reason = f"{kind}/{name}:{version} was not copied into registry {command.registry}: {given_up}"
        return Failed(retryable=False, reason=reason)
    return attempt.started(operation)


def _why_given_up(copying: str, attempt: Attempt) -> str:
    """What Azure says of a copy that it gave up: as a status document, or by refusing; empty while it works on it."""
    try:
        document = attempt.arm.get(copying, api_version=None)
    except HttpResponseError as problem:
        if failures.is_transient(problem):
            raise
        return "" if problem.status_code == 404 else failures.told(problem)  # 404, forgotten: only the version can tell
    if document.get("status") not in {"Failed", "Canceled"}:
        return ""
    error = document.get("error") or {}
    return f"{document['status']}, {error.get('code', 'no code')}: {error.get('message', 'no message')}"


def _asset(command: ShareCommand, attempt: Attempt) -> _Asset:
    """The version to be copied. A label costs one read, and is followed once: what it names later is another order's."""
    if isinstance(command, ShareModel):
        return _Asset("models", command.model, command.version)
    named = asset_name(command.environment)
    version = named.version
    if version is None:
        environments = attempt.clients.workspace(command.workspace).environments
        version = str(environments.get(named.name, label=named.label).version)
    return _Asset("environments", named.name, version)


def _present(command: ShareCommand, target: str) -> Succeeded:
    kind, name, _, version = target.rsplit("/", 4)[1:]
    reference = f"azureml://registries/{command.registry}/{kind}/{name}/versions/{version}"
    return Succeeded(data={"model_ref" if isinstance(command, ShareModel) else "environment_ref": reference})


def _discover(registry: str, attempt: Attempt) -> str:
    """Where the registry's data plane answers."""
    url = f"{attempt.clients.registry_discovery}/registrymanagement/v1.0/registries/{registry}/discovery"
    found = attempt.arm.get(url, api_version=None)
    front = f"{found['primaryRegionResourceProviderUri'].rstrip('/')}/mferp/managementfrontend"
    scope = f"/subscriptions/{found['subscriptionId']}/resourceGroups/{found['resourceGroup']}"
    return f"{front}{scope}/providers/Microsoft.MachineLearningServices/registries/{registry}"
