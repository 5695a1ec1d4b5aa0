"""Requests as they are answered, told as Azure Monitor's traffic log tells them: for endpoints that have no such log.

Owns the timing and the record, in the shape of `AmlOnlineEndpointTrafficLog`. It knows nothing of rows, queues or threads.
What never reaches the scoring script cannot be told: requests that a router refused, or that died with the process.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from .packing import LINES_MAX, Message, Source

SERVED_BYTES = 200  # what one takes while it waits
FAILED = 500
FRAME = len(b'{"records":[]}')


class Served(NamedTuple):
    """One request that was answered; it counts as one row. `at` is in seconds since 1970."""

    at: float
    status: int
    milliseconds: float
    rows: int = 1
    size: int = SERVED_BYTES


class Request:
    """One request while it is served: `with collector.request() as request:` around all of `run`.

    Its status is 200, or 500 when an exception leaves the block, which goes on as if nobody had looked. A script that
    answers with another status says so: `request.status = 400`.
    """

    def __init__(self, tell: Callable[[float, object, float], None] | None) -> None:
        self.status: object = 200
        self._tell = tell
        self._at = self._began = 0.0

    def __enter__(self) -> Self:
        self._at, self._began = time.time(), time.perf_counter()  # noqa: TID251 -- this package is the edge
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._tell is not None:
            took = (time.perf_counter() - self._began) * 1000
            self._tell(self._at, self.status if error is None else FAILED, took)


def status_of(said: Any) -> int:
    """What a script said its status is.

    Raises:
        ValueError: it is no HTTP status code.
        Exception: whatever it raises when it is no number.
    """
    status = int(said)
    if not 100 <= status <= 599:
        raise ValueError("no HTTP status code")
    return status


def told(requests: Iterable[Served], source: Source, bytes_max: int) -> list[Message]:
    """As few messages as hold the requests, in their order."""
    return list(_messages([_record(one, source) for one in requests], bytes_max))


def _messages(records: list[bytes], bytes_max: int) -> Iterator[Message]:
    part: list[bytes] = []
    size = FRAME
    for record in records:
        if part and (size + len(record) + 1 > bytes_max or len(part) == LINES_MAX):
            yield _message(part)
            part, size = [], FRAME
        part.append(record)
        size += len(record) + 1
    if part:
        yield _message(part)


def _message(records: list[bytes]) -> Message:
    return Message(b'{"records":[' + b",".join(records) + b"]}", len(records))


def _record(served: Served, source: Source) -> bytes:
    endpoint, _, deployment = source.deployment_resource_id.rpartition("/deployments/")
    at = datetime.fromtimestamp(served.at, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    record = {
        "time": f"{at}Z",
        "resourceId": endpoint,
        "category": "AmlOnlineEndpointTrafficLog",
        "operationName": "outerloop-emitter",
        "properties": {
            "DeploymentName": deployment,
            "ResponseCode": str(served.status),
            "ModelStatusCode": str(served.status),
            "TotalDurationMs": round(served.milliseconds, 3),
        },
    }
    return json.dumps(record, separators=(",", ":")).encode()
