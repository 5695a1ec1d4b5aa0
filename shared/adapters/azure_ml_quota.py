"""What a subscription may still use of a machine type, behind the port ``Quotas``: sizes and usages of Azure Machine Learning.

Owns the two calls and how they are matched. Knows nothing of how much is needed.
Wire format: learn.microsoft.com/rest/api/azureml/virtual-machine-sizes/list and .../usages/list.
"""

import asyncio

from shared.adapters import azure_ml_failures as failures
from shared.adapters.arm_names import workspace_name
from shared.adapters.arm_session import ArmCalls, Json
from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_inventory import IncompleteListError
from shared.domain.capacity import Quota
from shared.domain.outcomes import Failed

PAGES_MAX = 20


class AzureMlQuotas:
    """The port ``Quotas`` over real Azure, or over anything that speaks its wire protocol.

    ``answer_seconds`` bounds the wait for an answer: a signal is decided on before its source is answered.
    """

    def __init__(self, clients: AzureMlClients, answer_seconds: float) -> None:
        self._clients, self._answer_seconds = clients, answer_seconds

    async def quota(self, workspace: str, instance_type: str) -> Quota | Failed:
        """The dedicated cores of the type's family in the workspace's region. Raises nothing: every failure is a ``Failed``."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.to_thread(self._quota, workspace, instance_type)
        except TimeoutError:
            return Failed(retryable=True, reason=f"Azure did not answer within {self._answer_seconds:g} s")

    def _quota(self, workspace: str, instance_type: str) -> Quota | Failed:
        try:
            return read_quota(self._clients.calls(), workspace, instance_type)
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            return failures.failed_read(problem, f"the quota of {instance_type}")


def read_quota(arm: ArmCalls, workspace: str, instance_type: str) -> Quota | Failed:
    """The quota behind an instance type; ``Failed`` when Azure lists no such type, or no usage of its family."""
    location = str(arm.get(workspace)["location"]).replace(" ", "").lower()
    subscription = workspace_name(workspace).subscription
    place = f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
    sizes = arm.get(f"{place}/vmSizes").get("value") or []
    size = next((one for one in sizes if str(one.get("name", "")).lower() == instance_type.lower()), None)
    if size is None:
        return Failed(retryable=False, reason=f"{location} has no instance type {instance_type}")
    family = str(size["family"])
    usage = _usage(arm, f"{place}/usages", family)
    if usage is None:
        return Failed(retryable=False, reason=f"no usage of {family} is listed in {location}")
    return Quota(
        location=location,
        family=family,
        cores=int(size["vCPUs"]),
        used=int(usage.get("currentValue") or 0),
        limit=int(usage.get("limit") or 0),
    )


def _usage(arm: ArmCalls, path: str, family: str) -> Json | None:
    """The subscription's usage of a family: lists per workspace or cluster have the same name and a longer type."""
    page = arm.get(path)
    for _ in range(PAGES_MAX):
        found: list[Json] = page.get("value") or []
        for one in found:
            named = str((one.get("name") or {}).get("value", "")).lower() == family.lower()
            if named and "/workspaces/" not in str(one.get("type", "")).lower():
                return one
        following = page.get("nextLink")
        if not following:
            return None
        if not arm.is_own(str(following)):
            raise IncompleteListError(f"the list {path} goes on at another host")
        page = arm.get(str(following), api_version=None)
    return None
