"""One client's connection: handshakes, sessions, heartbeats, and a clean end.

Reads frames and hands them to sessions; holds the only socket. What a link leads to is decided by the session.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from local.azure.event_hubs import frames
from local.azure.event_hubs.codec import CodecError
from local.azure.event_hubs.frames import AMQP_HEADER, SASL_HEADER, Fault, FrameError, read_frame
from local.azure.event_hubs.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    End,
    Flow,
    Heartbeat,
    Open,
    Performative,
    SaslInit,
    Transfer,
    parse_performative,
)
from local.azure.event_hubs.session import Session

if TYPE_CHECKING:
    from local.azure.event_hubs.namespace import Namespace
    from local.azure.event_hubs.tokens import Door

UNSENT_BYTES_MAX = 1 << 20  # written but not taken by the client; more events wait in their partition
SESSIONS_MAX = 256
_CONTAINER_ID = "local-event-hubs"
_MECHANISMS = ("ANONYMOUS", "MSSBCBS")  # Azure's; both let anybody in, the token on $cbs is what counts
_LOG = logging.getLogger(__name__)


class Connection:
    """Serves one client until either side closes."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Door, namespace: Namespace
    ) -> None:
        self.peer_frame_bytes_max = frames.FRAME_BYTES_MAX
        self._reader = reader
        self._writer = writer
        self._door = door
        self._namespace = namespace
        self._sessions: dict[int, Session] = {}
        self._heartbeat: asyncio.Task[None] | None = None
        self._drain: asyncio.Task[None] | None = None
        self._is_closed = False

    async def run(self) -> None:
        """Serves the client; returns when it is gone. A client that breaks the protocol is told so, and logged."""
        try:
            while not self._is_closed:
                self._handle(await read_frame(self._reader))
        except (FrameError, CodecError) as error:
            _LOG.warning("an Event Hubs client broke the protocol: %s", error)
            self.close(Fault("amqp:connection:framing-error", str(error)))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            _LOG.debug("an Event Hubs client left without a word: %s", error)
        finally:
            await self._end()

    def close(self, fault: Fault | None = None) -> None:
        """Says goodbye and hangs up once that is sent; `run` returns soon after."""
        if not self._is_closed:
            self._is_closed = True
            self.write(frames.close(fault))
            self._writer.close()

    def abort(self) -> None:
        """Hangs up at once, for clients that do not even read the goodbye."""
        self._writer.transport.abort()

    def write(self, data: bytes) -> None:
        """Sends whole frames, without waiting."""
        if not self._writer.is_closing():
            self._writer.write(data)

    def has_room(self) -> bool:
        """Whether messages may be written now; if not, all sessions are pumped once there is room."""
        if self._writer.transport.get_write_buffer_size() <= UNSENT_BYTES_MAX:
            return not self._writer.is_closing()
        if self._drain is None:
            self._drain = asyncio.create_task(self._pump_after_drain())
        return False

    async def _pump_after_drain(self) -> None:
        with suppress(ConnectionError):  # `run` meets the same end, and cleans up
            await self._writer.drain()
            self._drain = None
            for session in tuple(self._sessions.values()):
                session.pump()

    async def _beat(self, pause_s: float) -> None:
        while True:
            await asyncio.sleep(pause_s)
            self.write(frames.EMPTY_FRAME)

    async def _end(self) -> None:
        for session in self._sessions.values():
            session.leave()
        tasks = [task for task in (self._heartbeat, self._drain) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    def _handle(self, incoming: frames.Frame | bytes) -> None:
        if isinstance(incoming, bytes):
            self._shake_hands(incoming)
        else:
            self._act(parse_performative(incoming))

    def _shake_hands(self, header: bytes) -> None:
        if header not in (AMQP_HEADER, SASL_HEADER):  # the answer names what would do (part 2, section 2.2)
            self.write(SASL_HEADER)
            raise FrameError(f"protocol {header!r}")
        self.write(header)
        if header == SASL_HEADER:
            self.write(frames.sasl_mechanisms(_MECHANISMS))

    def _act(self, asked: Performative) -> None:
        match asked:
            case Heartbeat():
                return
            case SaslInit():
                self._authenticate(asked)
            case Open():
                self._open(asked)
            case Begin():
                self._begin(asked)
            case End():
                self._end_session(asked)
            case Close():
                self.close()
            case Attach() | Flow() | Transfer() | Detach():
                self._pass_on(asked)

    def _authenticate(self, asked: SaslInit) -> None:
        is_known = asked.mechanism in _MECHANISMS
        self.write(frames.sasl_outcome(0 if is_known else 1))
        if not is_known:
            raise FrameError(f"SASL mechanism {asked.mechanism}")

    def _open(self, asked: Open) -> None:
        self.peer_frame_bytes_max = min(asked.frame_bytes_max, frames.FRAME_BYTES_MAX)
        self.write(frames.open_connection(_CONTAINER_ID))
        if asked.idle_timeout_ms and self._heartbeat is None:
            self._heartbeat = asyncio.create_task(self._beat(asked.idle_timeout_ms / 3000))  # three in each timeout

    def _begin(self, asked: Begin) -> None:
        if asked.channel in self._sessions or len(self._sessions) >= SESSIONS_MAX:
            raise FrameError(f"channel {asked.channel} is taken, or too many sessions are open")
        self._sessions[asked.channel] = Session(asked, self, self._door, self._namespace)

    def _pass_on(self, asked: Attach | Flow | Transfer | Detach) -> None:
        session = self._sessions.get(asked.channel)
        if session:  # else: azure-eventhub goes on to detach its links after it ended their session
            session.handle(asked)

    def _end_session(self, asked: End) -> None:
        session = self._sessions.pop(asked.channel, None)
        if session:
            session.leave()
            self.write(frames.end(asked.channel))
