"""Long-running operations: work that goes on after ARM has answered, and the addresses where it can be watched.

Owns the states InProgress, Succeeded and Failed, and the two ways of watching: ``Azure-AsyncOperation`` (a status
document) and ``Location`` (202 until done, then 204). ``x-ms-retry-after-ms`` is sent because azure-core ignores
``Retry-After: 0`` and would then poll every 30 s.
"""

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.errors import ArmError, not_found

_PREFIX = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/local"
_RETRY = {"x-ms-retry-after-ms": "50"}


@dataclass
class Operation:
    """What became of some work so far."""

    id: str
    status: str = "InProgress"
    error: dict[str, str] | None = None

    def document(self) -> dict[str, Any]:
        """The status document."""
        found: dict[str, Any] = {"id": self.id, "name": self.id, "status": self.status}
        return found | ({"error": self.error} if self.error else {"properties": {}})


class Operations:
    """Runs work in the background and remembers how each piece ended."""

    def __init__(self) -> None:
        self._all: dict[str, Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> Operation:
        """Begin; a raised error becomes the operation's ``Failed`` with the error's text."""
        operation = Operation(uuid.uuid4().hex)
        self._all[operation.id] = operation
        task = asyncio.create_task(_run(operation, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation

    async def stop(self) -> None:
        """Cancel whatever is still under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def headers(self, request: ArmRequest, operation: Operation) -> dict[str, str]:
        """The headers by which a client follows the operation."""
        base = request.base_url + _PREFIX.format(subscription=request.scope.subscription)
        version = request.query.get("api-version", "")
        return {
            "Azure-AsyncOperation": f"{base}/mfeOperationsStatus/{operation.id}?api-version={version}",
            "Location": f"{base}/mfeOperationResults/{operation.id}?api-version={version}",
            **_RETRY,
        }

    def routes(self) -> list[ArmRoute]:
        """The addresses where operations are watched; the SDK also asks for them behind the registry's prefix."""
        return [
            ArmRoute("GET", _PREFIX + "/mfeOperationsStatus/{operation}", self._status),
            ArmRoute("GET", _PREFIX + "/mfeOperationResults/{operation}", self._result),
        ]

    async def _status(self, request: ArmRequest) -> ArmAnswer:
        return ArmAnswer(self._get(request).document(), headers=_RETRY)

    async def _result(self, request: ArmRequest) -> ArmAnswer:
        operation = self._get(request)
        if operation.status == "InProgress":
            here = f"{request.base_url}{request.path}?api-version={request.query.get('api-version', '')}"
            return ArmAnswer(status=202, headers={"Location": here, **_RETRY})
        if operation.error:
            raise ArmError(400, operation.error["code"], operation.error["message"])
        return ArmAnswer(status=204)

    def _get(self, request: ArmRequest) -> Operation:
        found = self._all.get(request.names["operation"])
        if not found:
            raise not_found("Operation", request.names["operation"])
        return found


async def _run(operation: Operation, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ArmError as error:
        operation.status, operation.error = "Failed", {"code": error.code, "message": error.message}
    except Exception as error:  # noqa: BLE001 - the operation is where the outcome is recorded
        operation.status, operation.error = "Failed", {"code": "InternalServerError", "message": str(error)}
    else:
        operation.status = "Succeeded"
