"""Sharing a model version into a registry: looking whether it is there, and asking for the copy.

Owns the registry's discovery and its import call. Waits for nothing: ``MLClient.models.share`` sends the same request,
but follows it to its end and swaps the client's state meanwhile. Knows nothing of deployments.
Wire format: as azure-ai-ml 1.35.2 sends it (registry data plane 2021-10-01-dataplanepreview).
"""

from dataclasses import dataclass

from shared.adapters.azure_ml_client import Attempt
from shared.domain.commands import ShareModel
from shared.domain.outcomes import Outcome, Succeeded

REGISTRY_API_VERSION = "2021-10-01-dataplanepreview"


@dataclass(frozen=True)
class _Registry:
    """Where a registry's data plane answers."""

    url: str

    def model(self, command: ShareModel) -> str:
        return f"{self.url}/models/{command.model}/versions/{command.version}"


def begin_share(command: ShareModel, attempt: Attempt) -> Outcome:
    """Ask the registry to copy the version; present already: done, since versions never change."""
    registry = _discover(command, attempt)
    if attempt.arm.find(registry.model(command), REGISTRY_API_VERSION) is not None:
        return _present(command)
    workspace = attempt.arm.get(command.workspace)
    source = (
        f"azureml://locations/{workspace['location']}/workspaces/{workspace['properties']['workspaceId']}"
        f"/models/{command.model}/versions/{command.version}"
    )
    properties = {
        "referenceType": "Id",
        "destinationName": command.model,
        "destinationVersion": command.version,
        "sourceAssetId": source,
    }
    attempt.arm.post(f"{registry.url}/import", {"properties": properties}, REGISTRY_API_VERSION)
    return attempt.started(registry.model(command))


def look_share(command: ShareModel, operation: str, attempt: Attempt) -> Outcome:
    """Present in the registry, or still on its way. A copy that Azure gives up shows only as one that never arrives."""
    if attempt.arm.find(operation, REGISTRY_API_VERSION) is not None:
        return _present(command)
    return attempt.started(operation)


def _present(command: ShareModel) -> Succeeded:
    reference = f"azureml://registries/{command.registry}/models/{command.model}/versions/{command.version}"
    return Succeeded(data={"model_ref": reference})


def _discover(command: ShareModel, attempt: Attempt) -> _Registry:
    url = f"{attempt.clients.registry_discovery}/registrymanagement/v1.0/registries/{command.registry}/discovery"
    found = attempt.arm.get(url, api_version=None)
    front = f"{found['primaryRegionResourceProviderUri'].rstrip('/')}/mferp/managementfrontend"
    scope = f"/subscriptions/{found['subscriptionId']}/resourceGroups/{found['resourceGroup']}"
    return _Registry(f"{front}{scope}/providers/Microsoft.MachineLearningServices/registries/{command.registry}")
