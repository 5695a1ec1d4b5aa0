"""What the reconciling chores need from Azure: to see what is there, without an event that tells of it.

Owns the promise. Knows no SDK. Nothing here writes, and nothing waits for a long operation.
"""

from typing import Protocol

from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.outcomes import Failed


class Inventory(Protocol):
    """What there is in Azure Machine Learning."""

    async def endpoint(self, workspace: str, endpoint: str) -> EndpointSeen | Failed:
        """An online endpoint with all of its deployments, or why it could not be seen. Raises nothing.

        Not there means that Azure says so of the endpoint itself, in a workspace that is there; a deployment that is left out
        is missing from a complete list. Whatever else went wrong is ``Failed``, with ``retry_after_seconds`` in its data where
        Azure named a time.
        """
        ...
