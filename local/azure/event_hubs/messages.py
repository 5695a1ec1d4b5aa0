"""AMQP 1.0 messages as Event Hubs stores them: takes batches apart, stamps events, and writes and reads small messages.

Wire formats: OASIS AMQP 1.0 part 3 (messaging), and the batch format 0x80013700 of Event Hubs, one data section per
encoded event. Properties, application properties, body and footer of an event pass through byte for byte. The module
knows nothing of links or of partitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.azure.event_hubs.codec import CodecError, decode, encode, skip_described
from local.azure.event_hubs.values import Described, Int, Long, Symbol, Timestamp, Ulong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BATCH_FORMAT = 0x80013700
HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES = 0x70, 0x71, 0x72, 0x73
APPLICATION_PROPERTIES, DATA, SEQUENCE, VALUE, FOOTER = 0x74, 0x75, 0x76, 0x77, 0x78
_SECTIONS = range(HEADER, FOOTER + 1)
PARTITION_KEY = Symbol("x-opt-partition-key")
_SEQUENCE_NUMBER = Symbol("x-opt-sequence-number")
_OFFSET = Symbol("x-opt-offset")
_ENQUEUED_TIME = Symbol("x-opt-enqueued-time")
_MESSAGE_ID, _CORRELATION_ID = 0, 5


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the service adds to an event when it stores it."""

    sequence_number: int
    offset: int
    enqueued_at_ms: int
    partition_key: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """A message to `$cbs` or `$management`."""

    message_id: Any
    application_properties: dict[Any, Any]
    value: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request: an HTTP-like status, its words, and a value."""

    status: int
    description: str
    value: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Section:
    code: int
    start: int
    value_start: int
    end: int


def _sections(message: bytes) -> Iterator[_Section]:
    at = 0
    while at < len(message):
        code, _ = decode(message, at + 1)
        if message[at] != 0 or code not in _SECTIONS:
            raise CodecError(f"no message section at {at}")
        value_start, end = skip_described(message, at)
        yield _Section(int(code), at, value_start, end)
        at = end


def _value(message: bytes, section: _Section) -> Any:
    return decode(message, section.value_start)[0]


def _map(message: bytes, section: _Section) -> dict[Any, Any]:
    value = _value(message, section)
    if not isinstance(value, dict):
        raise CodecError(f"section 0x{section.code:02x} is not a map")
    return value


def _annotations(message: bytes) -> dict[Any, Any]:
    return next((_map(message, section) for section in _sections(message) if section.code == ANNOTATIONS), {})


def partition_key_of(message: bytes) -> str | None:
    """The partition key that the sender annotated, if any.

    Raises:
        CodecError: not a message.
    """
    key = _annotations(message).get(PARTITION_KEY)
    return None if key is None else str(key)


def unbatch(message: bytes, message_format: int) -> list[bytes]:
    """The encoded events of one transferred message: itself, or what a batch of them holds.

    Raises:
        CodecError: the message, or an event in it, is not well-formed.
    """
    if message_format != BATCH_FORMAT:
        return [message]
    return [_bytes(message, section) for section in _sections(message) if section.code == DATA]


def _bytes(message: bytes, section: _Section) -> bytes:
    value = _value(message, section)
    if not isinstance(value, bytes):
        raise CodecError("a data section without bytes")
    return value


def stamped(message: bytes, stamp: Stamp) -> bytes:
    """The event as receivers get it: the service's annotations added, delivery annotations dropped, the rest as sent.

    Raises:
        CodecError: not a message.
    """
    annotations = {
        **_annotations(message),
        _SEQUENCE_NUMBER: Long(stamp.sequence_number),
        _OFFSET: str(stamp.offset),
        _ENQUEUED_TIME: Timestamp(stamp.enqueued_at_ms),
    }
    if stamp.partition_key is not None:
        annotations[PARTITION_KEY] = stamp.partition_key
    header, rest = b"", []
    for section in _sections(message):
        if section.code == HEADER:
            header = message[section.start : section.end]
        elif section.code not in (DELIVERY_ANNOTATIONS, ANNOTATIONS):
            rest.append(message[section.start : section.end])
    return b"".join((header, encode(Described(Ulong(ANNOTATIONS), annotations)), *rest))


def body_of(message: bytes) -> bytes:
    """The data sections, joined; empty for a message whose body is an AMQP value or sequence."""
    return b"".join(_bytes(message, section) for section in _sections(message) if section.code == DATA)


def application_properties_of(message: bytes) -> dict[Any, Any]:
    """The application properties; empty when there are none."""
    sections = (section for section in _sections(message) if section.code == APPLICATION_PROPERTIES)
    return next((_map(message, section) for section in sections), {})


def event(body: bytes, properties: Mapping[str, str]) -> bytes:
    """An event with one data section."""
    data = encode(Described(Ulong(DATA), body))
    return encode(Described(Ulong(APPLICATION_PROPERTIES), dict(properties))) + data if properties else data


def parse_request(message: bytes) -> Request:
    """The parts of a request that its answer depends on.

    Raises:
        CodecError: no message id, or not well-formed.
    """
    sections = {section.code: section for section in _sections(message)}
    properties = _value(message, sections[PROPERTIES]) if PROPERTIES in sections else None
    if not isinstance(properties, list) or not properties or properties[_MESSAGE_ID] is None:
        raise CodecError("a request without a message id")
    application_properties = application_properties_of(message)
    value = _value(message, sections[VALUE]) if VALUE in sections else None
    return Request(properties[_MESSAGE_ID], application_properties, value)


def encode_reply(request: Request, reply: Reply) -> bytes:
    """The message that the requester correlates by its own message id."""
    status = {"status-code": Int(reply.status), "status-description": reply.description}
    return b"".join(
        (
            encode(Described(Ulong(PROPERTIES), [None] * _CORRELATION_ID + [request.message_id] + [None] * 7)),
            encode(Described(Ulong(APPLICATION_PROPERTIES), status)),
            encode(Described(Ulong(VALUE), reply.value)),
        )
    )
