"""Computes of a workspace: what there is, behind the port ``Computes``, and stopping an instance.

Owns these calls and what counts as idle on the wire. Whether a person works on an instance cannot be seen there; a job can.
Wire format: learn.microsoft.com/rest/api/azureml/compute (list, get, stop).
"""

import asyncio
from datetime import datetime

from shared.adapters.arm_names import compute_id
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt, AzureMlClients
from shared.adapters.azure_ml_inventory import failed_look, listed
from shared.domain.commands import StopCompute
from shared.domain.compute_seen import ComputeSeen
from shared.domain.outcomes import Failed, Outcome, Skipped, Succeeded


class AzureMlComputes:
    """The port ``Computes`` over real Azure, or over anything that speaks its wire protocol."""

    def __init__(self, clients: AzureMlClients, answer_seconds: float) -> None:
        self._clients, self._answer_seconds = clients, answer_seconds

    async def computes(self, workspace: str) -> tuple[ComputeSeen, ...] | Failed:
        """Every compute of a workspace. Raises nothing: every failure is a ``Failed``."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.to_thread(self._computes, workspace)
        except TimeoutError:
            return Failed(retryable=True, reason=f"Azure did not answer within {self._answer_seconds:g} s")

    def _computes(self, workspace: str) -> tuple[ComputeSeen, ...] | Failed:
        try:
            return tuple(_seen(one) for one in listed(self._clients.calls(), f"{workspace}/computes"))
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            return failed_look(problem)


def begin_stop(command: StopCompute, attempt: Attempt) -> Outcome:
    """Stop an instance on which nothing runs; stopped or gone already: done; in use since it was found idle: ``Skipped``."""
    resource = compute_id(command.workspace, command.compute)
    document = attempt.arm.find(resource)
    found = document and _seen(document)
    if not found or found.state == "Stopped":
        return _stopped(command, found.state if found else "gone")
    if found.state == "Stopping":  # by an earlier try, the answer to which was lost, or by somebody else
        return attempt.started(resource)
    if not found.is_idle:
        return Skipped(reason=f"compute {command.compute} is in use again: it is a {found.kind}, {found.state}")
    if found.changed_at and found.changed_at > command.idle_since:  # while the order waited
        return Skipped(reason=f"compute {command.compute} was started again at {found.changed_at:%Y-%m-%d %H:%M} UTC")
    attempt.arm.post(f"{resource}/stop")
    return attempt.started(resource)


def look_stop(command: StopCompute, operation: str, attempt: Attempt) -> Outcome:
    """Stopped, or still stopping; or Azure could not."""
    document = attempt.arm.find(operation)
    if document is None or _seen(document).state == "Stopped":
        return _stopped(command, "Stopped" if document else "gone")
    if (_inner(document).get("lastOperation") or {}).get("operationStatus") == "StopFailed":
        return Failed(retryable=False, reason=f"compute {command.compute} could not be stopped: Azure says StopFailed")
    return attempt.started(operation)


def _stopped(command: StopCompute, how: str) -> Succeeded:
    return Succeeded(data={"compute": command.compute, "state": how})


def _seen(document: Json) -> ComputeSeen:
    properties, inner = document.get("properties") or {}, _inner(document)
    told = (inner.get("lastOperation") or {}).get("operationTime")
    return ComputeSeen(
        name=str(document.get("name") or str(document["id"]).rpartition("/")[2]),
        kind=str(properties.get("computeType") or ""),
        state=str(inner.get("state") or ""),
        changed_at=datetime.fromisoformat(str(told)) if told else None,
        stops_itself=bool(inner.get("idleTimeBeforeShutdown")),
    )


def _inner(document: Json) -> Json:
    found: Json = (document.get("properties") or {}).get("properties") or {}
    return found
