"""What the ARM side needs from the processes that serve: the promise, so that tests can stand something lighter in.

Owns nothing else; ``deployments.Deployments`` is the real thing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from local.azure.deployments import DeploymentKey


class Serving(Protocol):
    """Starts and stops the process behind a deployment."""

    async def start(
        self, key: DeploymentKey, code: Path, script: str, model: Path, environment: Mapping[str, str]
    ) -> None:
        """Start and wait until it answers; raises with the log's text when it cannot start."""
        ...

    async def stop(self, key: DeploymentKey) -> None:
        """End the process; nothing happens when there is none."""
        ...
