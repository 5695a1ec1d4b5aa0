"""What was said to the local Azure Resource Manager and what it answered, one JSON line per exchange.

Owns the file. Judges nothing: tests hold each line against Azure's definitions. Never on by itself: answers of
``listKeys`` stand in it as they were given, and a run of hours would fill the disk.
"""

import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

FOLLOWED = ("location", "azure-asyncoperation", "retry-after", "x-ms-retry-after-ms")

Answering = Callable[[Request], Awaitable[Response]]


class Exchanges:
    """Passes requests on to ``answer`` and keeps both sides; a line is on disk before the client has its answer."""

    def __init__(self, answer: Answering, path: Path) -> None:
        self._answer, self._path = answer, path
        self._lock = threading.Lock()

    async def __call__(self, request: Request) -> Response:
        """One request."""
        sent = await request.body()
        response = await self._answer(request)
        line = json.dumps(
            {
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.query_params),
                "body": _parsed(sent),
                "status": response.status_code,
                "headers": {name: response.headers[name] for name in FOLLOWED if name in response.headers},
                "answer": _parsed(bytes(response.body)),
            }
        )
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return response


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")
