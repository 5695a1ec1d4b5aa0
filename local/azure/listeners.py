"""Sockets on loopback and the web servers behind them, inside one event loop.

Owns the start and end of uvicorn servers. Sockets are bound before anything is composed, because addresses of one part
are settings of another.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

_FAREWELL_SECONDS = 0.5


def bind_loopback() -> socket.socket:
    """A listening socket on a free port of 127.0.0.1."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    return bound


def port_of(bound: socket.socket) -> int:
    """The port that a socket was given."""
    return int(bound.getsockname()[1])


class _Quiet(uvicorn.Server):
    """A server that leaves signals to the process, which has more than one server to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Listener:
    """One application served on one socket, with TLS when it has a certificate."""

    def __init__(self, app: ASGIApp, bound: socket.socket, chain: Path | None = None, key: Path | None = None) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=60,
            ssl_certfile=chain,
            ssl_keyfile=key,
        )
        self._server = _Quiet(config)
        self._socket = bound
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; returns once requests are taken.

        Raises:
            RuntimeError: the server ended before it had started.
        """
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                raise RuntimeError("The server ended before it had started")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Finish what is being answered, for half a second at most, and close the socket."""
        self._server.should_exit = True
        if self._task:
            await asyncio.wait([self._task], timeout=_FAREWELL_SECONDS)
            # Clients keep connections open for minutes; there is nothing left to say on them.
            self._server.force_exit = True
            await self._task
        self._socket.close()
