"""The clients of Azure Machine Learning: one MLClient for each workspace and one ARM session, built at first use.

Owns credentials, cloud addresses and time-outs, and what one attempt at a command carries. Knows no command.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.credentials import TokenCredential

from shared.adapters.arm_names import workspace_name
from shared.adapters.arm_session import CONNECT_TIMEOUT_SECONDS, PUBLIC_ARM, ArmCalls, ArmSession
from shared.adapters.arm_throttling import ArmThrottling
from shared.domain.ids import derive
from shared.domain.outcomes import Started

PUBLIC_REGISTRY_DISCOVERY = "https://eastus.api.azureml.ms/"  # as azure-ai-ml has it for the public cloud
PUBLIC_DATA_PLANE = "https://ml.azure.com"


class AzureMlClients:
    """Clients that share one credential.

    ``cloud`` overrides the public cloud's addresses, with the keys of azure-ai-ml's ``cloud_metadata``: azure_portal,
    resource_manager, active_directory, aml_resource_id, storage_endpoint, registry_discovery_endpoint; None is the
    public cloud. ``call_timeout_seconds`` bounds all direct calls of one command together, and each call of an MLClient.
    """

    def __init__(
        self,
        credential_factory: Callable[[], TokenCredential],
        cloud: Mapping[str, str] | None,
        call_timeout_seconds: float,
    ) -> None:
        self._credential_factory = credential_factory
        self._cloud = dict(cloud) if cloud is not None else None
        self.call_timeout_seconds = call_timeout_seconds
        self.throttling = ArmThrottling()
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None
        self._session: ArmSession | None = None
        self._data_plane: ArmSession | None = None
        self._workspaces: dict[str, Any] = {}

    @property
    def registry_discovery(self) -> str:
        """The address that knows in which region a registry lives, without a slash at its end."""
        return self._address("registry_discovery_endpoint", PUBLIC_REGISTRY_DISCOVERY)

    def calls(self) -> ArmCalls:
        """Direct calls for one command, with a fresh time budget."""
        with self._lock:
            if self._session is None:
                self._session = ArmSession(
                    self._token_source(), self._address("resource_manager", PUBLIC_ARM), self.throttling
                )
            return ArmCalls(self._session, self.call_timeout_seconds)

    def data_plane_calls(self) -> ArmCalls:
        """Calls of one command to endpoints that authenticate by Entra ID, with a fresh time budget."""
        with self._lock:
            if self._data_plane is None:
                audience = self._address("aml_resource_id", PUBLIC_DATA_PLANE)
                self._data_plane = ArmSession(self._token_source(), audience)
            return ArmCalls(self._data_plane, self.call_timeout_seconds)

    def workspace(self, workspace: str) -> Any:
        """The MLClient of a workspace, by its ARM id; the same one every time.

        Raises:
            MalformedNameError: when it is not the id of a workspace.
        """
        with self._lock:
            key = workspace.lower().rstrip("/")
            if key not in self._workspaces:
                self._workspaces[key] = self._build(workspace)
            return self._workspaces[key]

    def data_plane_token(self) -> str:
        """A token for endpoints that authenticate by Entra ID. Never log it."""
        with self._lock:
            credential = self._token_source()
        return credential.get_token(f"{self._address('aml_resource_id', PUBLIC_DATA_PLANE)}/.default").token

    def _build(self, workspace: str) -> Any:
        from azure.ai.ml import MLClient  # noqa: PLC0415 - a second and 100 MB, only where a job needs it

        name = workspace_name(workspace)
        return MLClient(
            self._token_source(),
            name.subscription,
            name.group,
            name.name,
            enable_telemetry=False,
            show_progress=False,
            retry_total=0,  # repeats belong to the queue, where they are counted
            connection_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=self.call_timeout_seconds,
            raw_response_hook=self._noted,  # of azure-core: called for every answer
            **self._cloud_arguments(),
        )

    def _noted(self, answered: Any) -> None:
        """Count what Azure throttles of the calls that azure-ai-ml makes by itself."""
        self.throttling.note(answered.http_request.url, answered.http_response.status_code)

    def _cloud_arguments(self) -> dict[str, Any]:
        if self._cloud is None:
            return {}
        # azure-ai-ml keeps clouds by name for the whole process and never replaces one: the name is made of the content.
        name = derive("cloud", *(f"{key}={self._cloud[key]}" for key in sorted(self._cloud)))
        return {"cloud": f"outerloop-{name}", "cloud_metadata": dict(self._cloud)}

    def _token_source(self) -> TokenCredential:
        if self._credential is None:
            self._credential = self._credential_factory()
        return self._credential

    def _address(self, key: str, public: str) -> str:
        return ((self._cloud or {}).get(key) or public).rstrip("/")


@dataclass(frozen=True)
class Attempt:
    """What one attempt at a command works with: its calls, its moment, and when a long operation is to be asked about again."""

    clients: AzureMlClients
    arm: ArmCalls
    now: datetime
    again: datetime

    def started(self, operation: str) -> Started:
        """A long operation is under way; ask again after the poll interval."""
        return Started(operation=operation, look_again_at=self.again)
