"""Serves an ASGI app on the loopback interface from inside a running event loop.

Owns the socket and the server's life. Leaves signals to the process, which stops more than this.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"
GOODBYE_SECONDS_MAX = 5


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """No signals are taken from the process."""
        yield


class WebServer:
    """One listening socket and the server behind it."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GOODBYE_SECONDS_MAX,
        )
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    def start(self, port: int) -> str:
        """Listen (port 0: any free one) and give the URL; connections are accepted from now on.

        Raises:
            OSError: the port is taken.
        """
        listening = socket.create_server((HOST, port))
        self._serving = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listening]))
        return f"http://{HOST}:{listening.getsockname()[1]}"

    async def stop(self) -> None:
        """Finish the requests under way, for ``GOODBYE_SECONDS_MAX``, and close."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
