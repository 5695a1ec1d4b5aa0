"""What the peer asks for, parsed once: a frame's untyped fields in, a typed performative or `FrameError` out.

Field positions: OASIS AMQP 1.0 parts 2 and 5. Only the fields that this peer acts on are kept. The module carries
nothing out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from local.azure.event_hubs.frames import Code, Frame, FrameError, Terminus
from local.azure.event_hubs.values import Described

_FRAME_BYTES_MIN = 512  # smaller limits are not allowed (part 2, section 2.4)
_MAX_UINT = 0xFFFFFFFF
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The peer is alive, or says something that asks for nothing, such as settling a settled message."""


@dataclass(frozen=True, slots=True)
class SaslInit:
    """How the peer wants to prove who it is."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class Open:
    """The peer's limits; it wants to hear from us at least every `idle_timeout_ms`, None if it does not care."""

    frame_bytes_max: int
    idle_timeout_ms: int | None


@dataclass(frozen=True, slots=True)
class Begin:
    """A new session."""

    channel: int
    next_outgoing_id: int


@dataclass(frozen=True, slots=True)
class Attach:
    """A new link; selector and epoch only matter to receivers of events."""

    channel: int
    terminus: Terminus
    initial_delivery_count: int
    selector: str | None
    epoch: int | None

    @property
    def address(self) -> str:
        """The node at our end."""
        return (self.terminus.source if self.terminus.is_receiver else self.terminus.target) or ""


@dataclass(frozen=True, slots=True)
class Flow:
    """Credit for one of our sending links, or (handle None) news of the session as a whole."""

    channel: int
    handle: int | None
    delivery_count: int
    credit: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A message, or a part of one; ids are None in the parts after the first."""

    channel: int
    handle: int
    delivery_id: int | None
    message_format: int | None
    is_settled: bool
    has_more: bool
    is_aborted: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Detach:
    """The end of a link."""

    channel: int
    handle: int


@dataclass(frozen=True, slots=True)
class End:
    """The end of a session."""

    channel: int


@dataclass(frozen=True, slots=True)
class Close:
    """The end of the connection."""


Performative = Heartbeat | SaslInit | Open | Begin | Attach | Flow | Transfer | Detach | End | Close


def parse_performative(frame: Frame) -> Performative:
    """What the frame asks for.

    Raises:
        FrameError: a field is missing, or is not of its type; or there is no such performative.
    """
    fields, channel = frame.fields, frame.channel
    match frame.code:
        case None | Code.DISPOSITION:
            return Heartbeat()
        case Code.SASL_INIT:
            return SaslInit(_required(fields, 0, str))
        case Code.OPEN:
            return _open(fields)
        case Code.BEGIN:
            return Begin(channel, _required(fields, 1, int))
        case Code.ATTACH:
            return _attach(channel, fields)
        case Code.FLOW:
            return Flow(channel, _optional(fields, 4, int), _or(fields, 5, 0), _or(fields, 6, 0))
        case Code.TRANSFER:
            return _transfer(channel, frame)
        case Code.DETACH:
            return Detach(channel, _required(fields, 0, int))
    return _parse_ending(frame)


def _parse_ending(frame: Frame) -> Performative:
    match frame.code:
        case Code.END:
            return End(frame.channel)
        case Code.CLOSE:
            return Close()
    raise FrameError(f"performative {frame.code} is not for this peer")


def _optional(fields: list[Any], index: int, kind: type[_T]) -> _T | None:
    value = fields[index]
    if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        return value
    raise FrameError(f"field {index} is {type(value).__name__}, not {kind.__name__}")


def _required(fields: list[Any], index: int, kind: type[_T]) -> _T:
    value = _optional(fields, index, kind)
    if value is None:
        raise FrameError(f"field {index} is missing")
    return value


def _or(fields: list[Any], index: int, default: _T) -> _T:
    value = _optional(fields, index, type(default))
    return default if value is None else value


def _open(fields: list[Any]) -> Open:
    frame_bytes_max = _or(fields, 2, _MAX_UINT)
    if frame_bytes_max < _FRAME_BYTES_MIN:
        raise FrameError(f"frames of at most {frame_bytes_max} bytes")
    return Open(frame_bytes_max, _optional(fields, 4, int))


def _transfer(channel: int, frame: Frame) -> Transfer:
    return Transfer(
        channel,
        handle=_required(frame.fields, 0, int),
        delivery_id=_optional(frame.fields, 1, int),
        message_format=_optional(frame.fields, 3, int),
        is_settled=_or(frame.fields, 4, False),
        has_more=_or(frame.fields, 5, False),
        is_aborted=_or(frame.fields, 9, False),
        payload=frame.payload,
    )


def _attach(channel: int, fields: list[Any]) -> Attach:
    source, target = _composite(fields, 5), _composite(fields, 6)
    terminus = Terminus(
        name=_required(fields, 0, str),
        handle=_required(fields, 1, int),
        is_receiver=_required(fields, 2, bool),
        source=_optional(source, 0, str),
        target=_optional(target, 0, str),
    )
    properties: dict[Any, Any] = _or(fields, 13, {})
    epoch = _optional([properties.get("com.microsoft:epoch")], 0, int)
    return Attach(channel, terminus, _or(fields, 9, 0), _selector(source), epoch)


def _composite(fields: list[Any], index: int) -> list[Any]:
    value = _optional(fields, index, Described)
    if value is not None and not isinstance(value.value, list):
        raise FrameError(f"field {index} is not a list of fields")
    room = [None] * 11  # a source has the most fields
    return room if value is None else value.value + room


def _selector(source: list[Any]) -> str | None:
    """The first filter; SDKs describe it by a symbol, and send it as a string."""
    value = next(iter(_or(source, 7, {}).values()), None)
    return _optional([value.value if isinstance(value, Described) else value], 0, str)
