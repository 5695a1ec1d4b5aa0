"""Model versions in Azure Machine Learning behind the port ``MarkedModels``: which version a pipeline registered.

Owns the convention: the pipeline tags the version with the mark of the command that started it. Reads only.
"""

import asyncio

from azure.core.exceptions import HttpResponseError

from shared.adapters import azure_ml_failures as failures
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
            tagged = self._tagged(f"{workspace}/models/{model}/versions", mark)
        except HttpResponseError as problem:
            return "" if problem.status_code == 404 else _failed(problem)
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            return _failed(problem)
        return tagged[0] if tagged else ""

    def _tagged(self, path: str, mark: str) -> list[str]:
        found = self._clients.calls().get(path, **NEWEST, tags=f"{MODEL_TAG}={mark}").get("value") or []
        # The filter is the service's help; what counts is the tag itself.
        return [str(one["name"]) for one in found if (one["properties"].get("tags") or {}).get(MODEL_TAG) == mark]


def _failed(problem: Exception) -> Failed:
    outcome = failures.classify(problem, None)
    return outcome if isinstance(outcome, Failed) else Failed(retryable=True, reason=outcome.reason)
