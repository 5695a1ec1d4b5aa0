"""The ARM side of quota: which machine types there are, and how many cores of their families are used.

Owns the table of sizes and the limits. Usage is counted from the deployments that exist, with the fifth that Azure reserves.
Shapes: learn.microsoft.com/rest/api/azureml/virtual-machine-sizes/list and .../usages/list.
"""

import math
from collections import Counter
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.endpoints import Endpoints

PLACE = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
SIZES = {  # name: family, cores, memory in GiB
    "Standard_DS2_v2": ("standardDSv2Family", 2, 7.0),
    "Standard_DS3_v2": ("standardDSv2Family", 4, 14.0),
    "Standard_DS4_v2": ("standardDSv2Family", 8, 28.0),
    "Standard_F4s_v2": ("standardFSv2Family", 4, 8.0),
    "Standard_NC6s_v3": ("standardNCSv3Family", 6, 112.0),
}
RESERVED = 1.2
LIMIT = 100  # cores of each family, unless set otherwise


class QuotaApi:
    """Routes for sizes and usages; ``limits`` may be changed while it serves."""

    def __init__(self, endpoints: Endpoints, limits: dict[str, int] | None = None) -> None:
        self._endpoints = endpoints
        self.limits = {family: LIMIT for family, _, _ in SIZES.values()} | (limits or {})

    def routes(self) -> list[ArmRoute]:
        """What a region has, and what of it is used."""
        return [
            ArmRoute("GET", f"{PLACE}/vmSizes", self._sizes),
            ArmRoute("GET", f"{PLACE}/usages", self._usages),
        ]

    async def _sizes(self, _: ArmRequest) -> ArmAnswer:
        return ArmAnswer({"value": [_size(name) for name in SIZES]})

    async def _usages(self, request: ArmRequest) -> ArmAnswer:
        used = self._used()
        return ArmAnswer(
            {"value": [_usage(request, family, used[family], limit) for family, limit in self.limits.items()]}
        )

    def _used(self) -> Counter[str]:
        used: Counter[str] = Counter()
        sizes = {name.lower(): size for name, size in SIZES.items()}
        managed = (endpoint for endpoint in self._endpoints if not endpoint.on_cluster)
        for deployment in (one for endpoint in managed for one in endpoint.deployments.values()):
            document = deployment.document
            size = sizes.get(str((document.get("properties") or {}).get("instanceType", "")).lower())
            if size:
                instances = int((document.get("sku") or {}).get("capacity") or 1)
                used[size[0]] += math.ceil(instances * RESERVED - 1e-9) * size[1]
        return used


def _size(name: str) -> dict[str, Any]:
    family, cores, memory = SIZES[name]
    return {
        "name": name,
        "family": family,
        "vCPUs": cores,
        "gpus": 0,
        "osVhdSizeMB": 1047552,
        "maxResourceVolumeMB": 28672,
        "memoryGB": memory,
        "lowPriorityCapable": True,
        "premiumIO": True,
        "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
    }


def _usage(request: ArmRequest, family: str, used: int, limit: int) -> dict[str, Any]:
    place = request.path.rpartition("/")[0]
    return {
        "id": f"{place}/usages/{family}",
        "amlWorkspaceLocation": request.names["location"],
        "type": "Microsoft.MachineLearningServices/usages",
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": family, "localizedValue": f"{family} Cluster Dedicated vCPUs"},
    }
