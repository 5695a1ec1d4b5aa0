"""Model versions in Azure Machine Learning behind the port ``MarkedModels``: which version a pipeline registered.

Owns the convention: the pipeline tags the version with the mark of the command that started it. Reads only.
"""

import asyncio

from azure.core.exceptions import HttpResponseError

from shared.adapters import azure_ml_failures as failures
from shared.adapters.arm_session import ArmCalls
from shared.adapters.azure_ml_client import AzureMlClients
from shared.domain.ci_runs import MODEL_TAG
from shared.domain.outcomes import Failed

NEWEST = {"$orderBy": "createdtime desc", "$top": "50"}


class AzureMlMarkedModels:
    """The port over real Azure, or over anything that speaks its wire protocol."""

    def __init__(self, clients: AzureMlClients) -> None:
        self._clients = clients

    async def version(self, workspace: str, model: str, mark: str) -> str | Failed:
        """The newest version that carries the mark as its tag; empty when none does. Raises nothing."""
        return await asyncio.to_thread(self._version, workspace, model, mark)

    def _version(self, workspace: str, model: str, mark: str) -> str | Failed:
        try:
            tagged = _tagged(self._clients.calls(), workspace, model, mark)
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            return failures.failed_read(problem, f"the versions of {model}")
        return tagged[0] if tagged else ""


def _tagged(arm: ArmCalls, workspace: str, model: str, mark: str) -> list[str]:
    try:
        found = arm.get(f"{workspace}/models/{model}/versions", **NEWEST, tags=f"{MODEL_TAG}={mark}")
    except HttpResponseError as problem:
        if problem.status_code != 404:
            raise
        arm.get(workspace)  # none was ever registered, unless it is the workspace that is not there
        return []
    # The filter is the service's help; what counts is the tag itself.
    return [
        str(one["name"])
        for one in found.get("value") or []
        if (one["properties"].get("tags") or {}).get(MODEL_TAG) == mark
    ]
