"""The registered models of a workspace behind the port ``ModelList``: the newest versions first, and no further than is asked for.

Owns these reads, and how a version becomes what its event would have said. Writes nothing; knows nothing of promotions.
Wire format: learn.microsoft.com/rest/api/azureml (model-containers, model-versions); the order is the one that azure-ai-ml asks for.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from shared.adapters.arm_session import ArmCalls, Json
from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_inventory import failed_look, listed
from shared.domain.ids import derive
from shared.domain.outcomes import Failed
from shared.domain.signals import ModelRegistered

NAMES_MAX = 50  # of models that fit one glob
PAGE = "25"  # versions: rarely are more registered between two looks
Versions = tuple[ModelRegistered, ...]


class AzureMlModels:
    """The port ``ModelList`` over real Azure, or over anything that speaks its wire protocol."""

    def __init__(self, clients: AzureMlClients, answer_seconds: float) -> None:
        self._clients, self._answer_seconds = clients, answer_seconds

    async def registered(self, workspace: str, models: str, after: datetime, until: datetime) -> Versions | Failed:
        """The versions of this time, the oldest first. Raises nothing: every failure is a ``Failed``."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.to_thread(self._registered, workspace, models, after, until)
        except TimeoutError:
            return Failed(retryable=True, reason=f"Azure did not answer within {self._answer_seconds:g} s")

    def _registered(self, workspace: str, models: str, after: datetime, until: datetime) -> Versions | Failed:
        try:
            arm = self._clients.calls()
            names = _names(arm, workspace, models)
            if len(names) > NAMES_MAX:
                return Failed(retryable=False, reason=f"more than {NAMES_MAX} models of {workspace} fit {models}")
            found = [signal for name in names for signal in _versions(arm, workspace, name, after, until)]
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            return failed_look(problem)
        return tuple(sorted(found, key=lambda signal: signal.occurred_at))


def _names(arm: ArmCalls, workspace: str, models: str) -> list[str]:
    if not set(models) & set("*?["):
        return [models]
    names = (str(one["name"]) for one in listed(arm, f"{workspace}/models"))
    return [name for name in names if fnmatchcase(name, models)]


def _versions(arm: ArmCalls, workspace: str, name: str, after: datetime, until: datetime) -> Iterator[ModelRegistered]:
    path = f"{workspace}/models/{name}/versions"
    if arm.find(f"{workspace}/models/{name}") is None:
        arm.get(workspace)  # none was ever registered, unless it is the workspace that is not there
        return
    for document in listed(arm, path, **{"$orderBy": "createdtime desc", "$top": PAGE}):
        created = _created(document)
        if created <= after:
            return
        if created <= until:
            yield _signal(workspace.lower().rstrip("/"), name, document, created)


def _created(document: Json) -> datetime:
    moment = datetime.fromisoformat(str(document["systemData"]["createdAt"]))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _signal(workspace: str, name: str, document: Json, created: datetime) -> ModelRegistered:
    properties, version = document["properties"], str(document["name"])
    return ModelRegistered(
        source=workspace,
        dedup_key=derive("signal", "listed model", workspace, name, version),
        occurred_at=created,
        subject=f"models/{name}:{version}",
        workspace=workspace,
        model_name=name,
        model_version=version,
        tags=_texts(properties.get("tags")),
        properties=_texts(properties.get("properties")),
    )


def _texts(values: Json | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (values or {}).items() if value is not None}
