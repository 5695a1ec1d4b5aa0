"""Labelled data in Azure Machine Learning behind the port ``Datasets``: how many rows an asset says that it holds.

Owns the convention: Azure ML counts no rows, so whoever publishes a version of the asset tags it with ``rows``. Reads tags
only, never the data. Knows nothing of policies or of what the figure is compared with.
"""

import asyncio
from collections.abc import Mapping

from shared.adapters import azure_ml_failures as failures
from shared.adapters.arm_names import asset_name
from shared.adapters.azure_ml_client import AzureMlClients
from shared.domain.outcomes import Failed

ROWS_TAG = "rows"


class AzureMlDatasets:
    """The port ``Datasets`` over real Azure, or over anything that speaks its wire protocol.

    ``answer_seconds`` bounds the wait for an answer: a signal is decided on before its source is answered.
    """

    def __init__(self, clients: AzureMlClients, answer_seconds: float) -> None:
        self._clients, self._answer_seconds = clients, answer_seconds

    async def rows(self, workspace: str, data: str) -> int | Failed | None:
        """The tag ``rows`` of a version, or of the newest one. Raises nothing: every failure is a ``Failed``."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.to_thread(self._rows, workspace, data)
        except TimeoutError:
            return Failed(retryable=True, reason=f"Azure did not answer within {self._answer_seconds:g} s")

    def _rows(self, workspace: str, data: str) -> int | Failed | None:
        try:
            wanted = asset_name(data)
            found = self._clients.workspace(workspace).data.get(wanted.name, version=wanted.version, label=wanted.label)
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            return failures.failed_read(problem, f"the rows of {data}")
        return rows_of(found.tags or {})


def rows_of(tags: Mapping[str, str]) -> int | None:
    """The number in the tag ``rows``; None when it is missing or no whole number."""
    text = str(tags.get(ROWS_TAG, "")).strip()
    return int(text) if text.isascii() and text.isdigit() else None
