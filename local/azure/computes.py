"""What the computes of a workspace are, told by their names: the seed names them, and nothing more is needed.

Owns the kinds and what Azure shows of each. Knows nothing of HTTP, of who uses them, or whether an instance runs.
Shapes: learn.microsoft.com/rest/api/azureml/compute/get.
"""

from typing import Any, Literal

INSTANCES = "ci-"  # what the names of compute instances begin with
CLUSTERS = "k8s-"  # and those of attached Kubernetes clusters
MACHINE = "STANDARD_DS3_V2"
DEFAULT_TYPE = "defaultinstancetype"  # which the extension makes in each cluster, with these resources
RESOURCES = {"requests": {"cpu": "100m", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
CONTAINER = {"containerResourceRequests": RESOURCES["requests"], "containerResourceLimits": RESOURCES["limits"]}

Kind = Literal["AmlCompute", "ComputeInstance", "Kubernetes"]


def kind_of(compute: str) -> Kind:
    """What a compute is."""
    name = compute.lower()
    if name.startswith(INSTANCES):
        return "ComputeInstance"
    return "Kubernetes" if name.startswith(CLUSTERS) else "AmlCompute"


def settings_of(compute: str, state: str) -> dict[str, Any]:
    """What Azure shows of its kind; ``state`` is an instance's."""
    match kind_of(compute):
        case "ComputeInstance":
            return {"vmSize": MACHINE, "state": state}
        case "Kubernetes":
            types = {DEFAULT_TYPE: {"nodeSelector": None, "resources": RESOURCES}}
            return {"namespace": "default", "defaultInstanceType": DEFAULT_TYPE, "instanceTypes": types}
        case "AmlCompute":
            return {"vmSize": MACHINE, "scaleSettings": {"maxNodeCount": 1, "minNodeCount": 0}}
