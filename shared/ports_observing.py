"""What the reconciling chores need from Azure: to see what is there, without an event that tells of it.

Owns the promise. Knows no SDK. Nothing here writes, and nothing waits for a long operation.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from shared.domain.compute_seen import ComputeSeen
from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.outcomes import Failed
from shared.domain.platform_signals import AlertFired, AlertResolved
from shared.domain.signals import ModelRegistered


class Inventory(Protocol):
    """What there is in Azure Machine Learning."""

    async def endpoint(self, workspace: str, endpoint: str) -> EndpointSeen | Failed:
        """An online endpoint with all of its deployments, or why it could not be seen. Raises nothing.

        Not there means that Azure says so of the endpoint itself, in a workspace that is there; a deployment that is left out
        is missing from a complete list. Whatever else went wrong is ``Failed``, with ``retry_after_seconds`` in its data where
        Azure named a time.
        """
        ...


class Computes(Protocol):
    """The computes of a workspace."""

    async def computes(self, workspace: str) -> tuple[ComputeSeen, ...] | Failed:
        """All of them as they are now, or why they could not be seen. Raises nothing."""
        ...


class Throttling(Protocol):
    """What Azure Resource Manager refused because there was too much of it."""

    def take(self) -> Mapping[str, int]:
        """How many requests of this process were answered 429 since the last time, by subscription."""
        ...


class AlertList(Protocol):
    """The alerts of Azure Monitor, read back: for those whose message was lost."""

    async def changed(
        self, scope: str, after: datetime, until: datetime
    ) -> tuple[AlertFired | AlertResolved, ...] | Failed:
        """The alerts on the resources of a scope that changed between two moments, the oldest change first, as they are now.

        Raises nothing; what cannot be read as an alert is left out.
        """
        ...


class ModelList(Protocol):
    """The registered models of a workspace."""

    async def registered(
        self, workspace: str, models: str, after: datetime, until: datetime
    ) -> tuple[ModelRegistered, ...] | Failed:
        """The versions that were registered between two moments, the oldest first, of the models whose name fits a glob.

        Each as the event would have told it, under a key of its own: who decides knows a version that it has seen. Raises nothing.
        """
        ...
