"""What is different about the documents of batch endpoints and their deployments.

Owns these shapes only: the default deployment where online endpoints have a traffic map, and the cluster where they have instances.
Sends nothing (``azure_ml_endpoints``, ``azure_ml_deployments``).
Wire format: learn.microsoft.com/rest/api/azureml/batch-endpoints and batch-deployments, 2025-12-01.
"""

from shared.adapters.arm_names import compute_id
from shared.adapters.arm_session import Json
from shared.domain.commands import BatchSettings, DeployModel

PREDICTIONS = "predictions.csv"  # rows that run() returned, appended: what Azure ML calls it when nobody says otherwise
RETRIES_MAX = 3


def default_of(document: Json) -> dict[str, int]:
    """The traffic map that a default deployment stands for: all of it, or none when there is no default."""
    name = (document["properties"].get("defaults") or {}).get("deploymentName")
    return {str(name): 100} if name else {}


def with_default(properties: Json, traffic: dict[str, int]) -> Json:
    """The properties of an endpoint with the default that a traffic map stands for; what else is there is kept."""
    others = {key: value for key, value in properties.items() if key != "defaults"}
    return {**others, **({"defaults": {"deploymentName": next(iter(traffic))}} if traffic else {})}


def settings_of(command: DeployModel, settings: BatchSettings) -> Json:
    """Where and how the deployment scores, as its document says it."""
    return {
        "compute": compute_id(command.workspace, settings.compute),
        "resources": {"instanceCount": command.instance_count},
        "miniBatchSize": settings.mini_batch_size,
        "maxConcurrencyPerInstance": settings.concurrency,
        "errorThreshold": settings.error_threshold,
        "retrySettings": {"maxRetries": RETRIES_MAX, "timeout": f"PT{settings.timeout_seconds}S"},
        "outputAction": "AppendRow",
        "outputFileName": PREDICTIONS,
    }
