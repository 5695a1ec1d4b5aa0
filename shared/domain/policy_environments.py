"""What a policy says about where a model lives: workspaces, endpoints, and what a deployment runs on.

Owns the grammar of these sections. Knows no endpoint that exists (``adapters``).
"""

from typing import Literal

from pydantic import Field

from shared.domain.policy_section import Section
from shared.domain.policy_texts import ResourceId


class Environment(Section):
    """One workspace of a workload, and the endpoint that serves there."""

    workspace: ResourceId
    endpoint: str = ""
    kind: Literal["managed_online"] = "managed_online"

    @property
    def place(self) -> tuple[str, str]:
        """The workspace and the endpoint, as they are compared."""
        return self.workspace.lower(), self.endpoint.lower()


class Environments(Section):
    """Where a workload lives."""

    development: Environment
    staging: Environment
    production: Environment


class Deployment(Section):
    """What a deployment of the model runs on: assets registered beforehand, so nothing is uploaded."""

    code: str
    scoring_script: str = "score.py"
    environment: str
    instance_type: str = "Standard_DS3_v2"
    instance_count: int = Field(default=1, ge=1, le=50)
