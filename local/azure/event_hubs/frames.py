"""AMQP 1.0 frames: reads them off a stream, and builds every performative this peer sends.

Wire formats: OASIS AMQP 1.0 parts 2 (transport) and 5 (security). All builders write every field of a performative,
nulls too: azure-eventhub's client indexes the fields without looking at their count and crashes on shorter lists. The
module knows no connection state.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from local.azure.event_hubs.codec import CodecError, decode, encode
from local.azure.event_hubs.values import Array, Described, Symbol, Ubyte, Uint, Ulong, Ushort

if TYPE_CHECKING:
    import asyncio

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
FRAME_BYTES_MAX = 1 << 20  # what Azure announces, and the SDK's own default
MESSAGE_BYTES_MAX = 1 << 20  # the standard tier's limit for one send
WINDOW_TRANSFERS = 65535
IDLE_TIMEOUT_MS = 240_000  # Azure's; announced so that clients send heartbeats, not enforced
TRANSFER_OVERHEAD_BYTES = 128  # more than header, performative and descriptor of one transfer take
EMPTY_FRAME = struct.pack(">IBBH", 8, 2, 0, 0)
_AMQP, _SASL = 0, 1
_HEAD = struct.Struct(">IBBH")
_FIELDS_MAX = 14  # of attach, the longest performative


class Code(IntEnum):
    """Descriptors of the performatives."""

    OPEN = 0x10
    BEGIN = 0x11
    ATTACH = 0x12
    FLOW = 0x13
    TRANSFER = 0x14
    DISPOSITION = 0x15
    DETACH = 0x16
    END = 0x17
    CLOSE = 0x18
    SASL_MECHANISMS = 0x40
    SASL_INIT = 0x41
    SASL_OUTCOME = 0x44


_ERROR, _ACCEPTED, _REJECTED, _SOURCE, _TARGET = 0x1D, 0x24, 0x25, 0x28, 0x29


class FrameError(ValueError):
    """The stream does not hold AMQP 1.0 frames; nothing after this point can be understood."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a link, a message or the connection is refused: an AMQP error condition and words for people."""

    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: `code` is None for a heartbeat; `fields` always has room for every field, absent ones are None."""

    channel: int
    code: int | None
    fields: list[Any]
    payload: bytes


async def read_frame(reader: asyncio.StreamReader) -> Frame | bytes:
    """The next frame, or the eight bytes of a protocol header.

    Raises:
        FrameError: what comes is neither.
        asyncio.IncompleteReadError: the stream ended.
    """
    head = await reader.readexactly(_HEAD.size)
    if head.startswith(b"AMQP"):
        return head
    size_bytes, words, _, channel = _HEAD.unpack(head)
    if not _HEAD.size <= 4 * words <= size_bytes <= FRAME_BYTES_MAX:
        raise FrameError(f"a frame of {size_bytes} bytes with its body at word {words}")
    rest = await reader.readexactly(size_bytes - _HEAD.size)
    return parse_frame(channel, rest[4 * words - _HEAD.size :])


def parse_frame(channel: int, body: bytes) -> Frame:
    """The frame with this body.

    Raises:
        FrameError: the body does not start with a performative.
    """
    if not body:
        return Frame(channel, None, [], b"")
    try:
        performative, end = decode(body)
    except CodecError as error:
        raise FrameError(str(error)) from error
    if not (
        isinstance(performative, Described)
        and isinstance(performative.value, list)
        and isinstance(performative.descriptor, int)
        and len(performative.value) <= _FIELDS_MAX
    ):
        raise FrameError(f"no performative: {performative!r}"[:200])
    fields = performative.value + [None] * (_FIELDS_MAX - len(performative.value))
    return Frame(channel, int(performative.descriptor), fields, body[end:])


def described(code: int, *fields: Any) -> Described:
    """A composite value with these fields, as messages and performatives are made of."""
    return Described(Ulong(code), list(fields))


def _frame(channel: int, code: int, *fields: Any, payload: bytes = b"", kind: int = _AMQP) -> bytes:
    body = encode(described(code, *fields))
    return _HEAD.pack(_HEAD.size + len(body) + len(payload), 2, kind, channel) + body + payload


def _error(fault: Fault | None) -> Described | None:
    return described(_ERROR, Symbol(fault.condition), fault.description, None) if fault else None


def sasl_mechanisms(names: tuple[str, ...]) -> bytes:
    """The mechanisms that the peer may choose from."""
    names_array = Array(Symbol, tuple(map(Symbol, names)))
    return _frame(0, Code.SASL_MECHANISMS, names_array, kind=_SASL)


def sasl_outcome(code: int) -> bytes:
    """0 lets the peer in, 1 refuses its credentials."""
    return _frame(0, Code.SASL_OUTCOME, Ubyte(code), None, kind=_SASL)


def open_connection(container_id: str) -> bytes:
    """This peer's limits for the connection."""
    limits = Uint(FRAME_BYTES_MAX), Ushort(0xFFFF), Uint(IDLE_TIMEOUT_MS)
    return _frame(0, Code.OPEN, container_id, None, *limits, *[None] * 4, {})


def begin(channel: int, next_outgoing_id: int) -> bytes:
    """The answer to the peer's session on the same channel number."""
    windows = Uint(WINDOW_TRANSFERS), Uint(WINDOW_TRANSFERS)
    return _frame(
        channel, Code.BEGIN, Ushort(channel), Uint(next_outgoing_id), *windows, Uint(0xFFFFFFFF), None, None, {}
    )


@dataclass(frozen=True, slots=True)
class Terminus:
    """Who is attached to what: the peer's own words, echoed in the answer."""

    name: str
    handle: int
    is_receiver: bool
    source: str | None
    target: str | None


def attach(channel: int, terminus: Terminus) -> bytes:
    """The answer to the peer's link, with the roles swapped; messages up to `MESSAGE_BYTES_MAX` are taken."""
    return _frame(
        channel,
        Code.ATTACH,
        terminus.name,
        Uint(terminus.handle),
        not terminus.is_receiver,
        Ubyte(2),  # the sender settles as it likes
        Ubyte(0),  # the receiver settles first
        described(_SOURCE, terminus.source, *[None] * 10),
        described(_TARGET, terminus.target, *[None] * 6),
        None,
        None,
        Uint(0),
        Ulong(MESSAGE_BYTES_MAX),
        None,
        None,
        {},
    )


@dataclass(frozen=True, slots=True)
class Ids:
    """The session's transfer numbers as this peer sees them."""

    next_incoming: int
    next_outgoing: int


def flow(channel: int, ids: Ids, handle: int, delivery_count: int, credit: int) -> bytes:
    """Allows the sending peer `credit` more messages after the first `delivery_count`."""
    window = Uint(WINDOW_TRANSFERS)
    session = Uint(ids.next_incoming), window, Uint(ids.next_outgoing), window
    return _frame(channel, Code.FLOW, *session, Uint(handle), Uint(delivery_count), Uint(credit), *[None] * 4)


def transfers(channel: int, handle: int, delivery_id: int, message: bytes, peer_frame_bytes_max: int) -> list[bytes]:
    """One settled message in as many frames as the peer's frame size asks for."""
    step = peer_frame_bytes_max - TRANSFER_OVERHEAD_BYTES
    tag = struct.pack(">I", delivery_id)
    opening = Uint(handle), Uint(delivery_id), tag, Uint(0), True
    return [
        _frame(
            channel,
            Code.TRANSFER,
            *opening,
            start + step < len(message),
            *[None] * 5,
            payload=message[start : start + step],
        )
        for start in range(0, len(message), step)
    ]


def disposition(channel: int, delivery_id: int, fault: Fault | None) -> bytes:
    """Settles the peer's message: accepted, or rejected because of the fault."""
    state = described(_REJECTED, _error(fault)) if fault else described(_ACCEPTED)
    return _frame(channel, Code.DISPOSITION, True, Uint(delivery_id), Uint(delivery_id), True, state, None)


def detach(channel: int, handle: int, fault: Fault | None = None) -> bytes:
    """Closes a link, for a reason or because the peer asked for it."""
    return _frame(channel, Code.DETACH, Uint(handle), True, _error(fault))


def end(channel: int, fault: Fault | None = None) -> bytes:
    """Ends a session."""
    return _frame(channel, Code.END, _error(fault))


def close(fault: Fault | None = None) -> bytes:
    """Closes the connection."""
    return _frame(0, Code.CLOSE, _error(fault))
