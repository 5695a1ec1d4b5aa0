"""AMQP 1.0 values to bytes and back.

Wire formats: OASIS AMQP 1.0 part 1 (types). The module knows widths and limits; it does not know what a frame, a
message or an event is. Every AMQP type has its own Python type (`values`), so what was decoded can be encoded again
without changing its type. Whatever bytes come in, they either decode or raise `CodecError`, never anything else.
"""

from __future__ import annotations

import struct
import uuid
from typing import Any

from local.azure.event_hubs.values import (
    CONSTANTS,
    CONSTRUCTORS,
    FIXED_WIDTHS_BYTES,
    KINDS,
    NUMBERS,
    PACKED,
    RAW,
    SIZE_WIDTHS_BYTES,
    Array,
    Char,
    Described,
    Symbol,
    Ulong,
)

DEPTH_MAX = 32  # nested lists, maps, arrays and descriptors; deeper ones come from a broken or hostile peer


class CodecError(ValueError):
    """The bytes are not AMQP 1.0, or the value has no AMQP 1.0 encoding."""


def encode(value: Any) -> bytes:
    """The value's bytes, constructor first.

    Raises:
        CodecError: the value's type has no AMQP type (a plain `int` has none: say which width), or it is out of range.
    """
    if type(value) is Ulong and 0 <= value <= 0xFF:  # SDKs expect descriptors in this short form
        return bytes((0x53, value))
    if type(value) is bool:
        return b"\x41" if value else b"\x42"
    if type(value) is Described:
        return b"\x00" + encode(value.descriptor) + encode(value.value)
    return bytes((_constructor_of(type(value)),)) + _body_of(value)


def _constructor_of(kind: type) -> int:
    constructor = CONSTRUCTORS.get(kind)
    if constructor is None:
        raise CodecError(f"{kind.__name__} has no AMQP encoding")
    return constructor


def _body_of(value: Any) -> bytes:
    try:
        return _unchecked_body_of(value)
    except (struct.error, OverflowError, UnicodeEncodeError) as error:
        raise CodecError(f"{type(value).__name__} out of range: {error}") from error


def _unchecked_body_of(value: Any) -> bytes:
    packed = PACKED.get(type(value))
    if packed:
        return packed[1].pack(value)
    if isinstance(value, list | dict | Array):
        return _compound_body_of(value)
    match value:
        case None:
            return b""
        case bool():
            return b"\x01" if value else b"\x00"
        case uuid.UUID():
            return value.bytes
        case Char():
            return value.encode("utf-32-be")
        case str():
            return _sized(value.encode("ascii" if type(value) is Symbol else "utf-8"))
        case bytes():
            return bytes(value) if type(value) in RAW.values() else _sized(value)
    raise CodecError(f"{type(value).__name__} has no AMQP encoding")


def _compound_body_of(value: list[Any] | dict[Any, Any] | Array) -> bytes:
    match value:
        case list():
            return _counted(len(value), b"".join(map(encode, value)))
        case dict():
            pairs = (encode(key) + encode(item) for key, item in value.items())
            return _counted(2 * len(value), b"".join(pairs))
        case Array():
            return _counted(len(value.items), _items_of(value))


def _sized(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def _counted(count: int, body: bytes) -> bytes:
    return struct.pack(">II", len(body) + 4, count) + body


def _items_of(array: Array) -> bytes:
    if any(type(item) is not array.kind for item in array.items):
        raise CodecError(f"an array of {array.kind.__name__} holds nothing else")
    return bytes((_constructor_of(array.kind),)) + b"".join(map(_body_of, array.items))


def decode(buffer: bytes, at: int = 0) -> tuple[Any, int]:
    """The value that starts at `at`, and where it ends.

    Raises:
        CodecError: there is no complete, well-formed value there.
    """
    return _decode(buffer, at, DEPTH_MAX)


def skip(buffer: bytes, at: int) -> int:
    """Where the value that starts at `at` ends, read from its sizes alone.

    Raises:
        CodecError: the value is cut short or of no known width.
    """
    constructor = _take(buffer, at, 1)[0]
    if constructor == 0:
        return skip_described(buffer, at)[1]
    category, at = constructor >> 4, at + 1
    if category in FIXED_WIDTHS_BYTES:
        size_bytes = FIXED_WIDTHS_BYTES[category]
    elif category in SIZE_WIDTHS_BYTES:
        size_bytes, at = _read_size(buffer, at, SIZE_WIDTHS_BYTES[category])
    else:
        raise CodecError(f"no AMQP type has constructor 0x{constructor:02x}")
    _take(buffer, at, size_bytes)
    return at + size_bytes


def skip_described(buffer: bytes, at: int) -> tuple[int, int]:
    """Where the value behind a descriptor starts and ends; nesting descriptors in descriptors is refused."""
    if _take(buffer, at, 2)[1] == 0:
        raise CodecError("a descriptor that is itself described")
    start = skip(buffer, at + 1)
    if _take(buffer, start, 1)[0] == 0:
        raise CodecError("a described value that is itself described")
    return start, skip(buffer, start)


def _take(buffer: bytes, at: int, size_bytes: int) -> bytes:
    piece = buffer[at : at + size_bytes]
    if len(piece) != size_bytes:
        raise CodecError(f"{size_bytes} bytes wanted at {at}, {len(piece)} left")
    return piece


def _read_size(buffer: bytes, at: int, width_bytes: int) -> tuple[int, int]:
    return int.from_bytes(_take(buffer, at, width_bytes), "big"), at + width_bytes


def _decode(buffer: bytes, at: int, depth: int) -> tuple[Any, int]:
    constructor = _take(buffer, at, 1)[0]
    if constructor == 0:
        _refuse_depth(depth)
        descriptor, at = _decode(buffer, at + 1, depth - 1)
        value, at = _decode(buffer, at, depth - 1)
        return Described(descriptor, value), at
    return _decode_as(constructor, buffer, at + 1, depth)


def _refuse_depth(depth: int) -> None:
    if depth == 0:
        raise CodecError(f"nested deeper than {DEPTH_MAX}")


def _decode_as(constructor: int, buffer: bytes, at: int, depth: int) -> tuple[Any, int]:
    if constructor in CONSTANTS:
        return CONSTANTS[constructor], at
    if constructor == 0x45:
        return [], at
    category = constructor >> 4
    if category in FIXED_WIDTHS_BYTES:
        end = at + FIXED_WIDTHS_BYTES[category]
        return _fixed(constructor, _take(buffer, at, end - at)), end
    if category not in SIZE_WIDTHS_BYTES or constructor not in KINDS:
        raise CodecError(f"no AMQP type has constructor 0x{constructor:02x}")
    size_bytes, at = _read_size(buffer, at, SIZE_WIDTHS_BYTES[category])
    body = _take(buffer, at, size_bytes)
    if category in (0xA, 0xB):
        return _text(KINDS[constructor], body), at + size_bytes
    return _compound(KINDS[constructor], body, SIZE_WIDTHS_BYTES[category], depth), at + size_bytes


def _fixed(constructor: int, body: bytes) -> Any:
    if constructor in NUMBERS:
        kind, form = NUMBERS[constructor]
        return kind(form.unpack(body)[0])
    if constructor in RAW:
        return RAW[constructor](body)
    match constructor:
        case 0x56 if body in (b"\x00", b"\x01"):
            return body == b"\x01"
        case 0x73:
            return Char(_decoded(body, "utf-32-be"))
        case 0x98:
            return uuid.UUID(bytes=body)
    raise CodecError(f"no AMQP value is 0x{constructor:02x} {body.hex()}")


def _text(kind: type, body: bytes) -> Any:
    if kind is bytes:
        return body
    return kind(_decoded(body, "ascii" if kind is Symbol else "utf-8"))


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise CodecError(str(error)) from error


def _compound(kind: type, body: bytes, width_bytes: int, depth: int) -> Any:
    _refuse_depth(depth)
    count, at = _read_size(body, 0, width_bytes)
    if count > len(body):  # a bound on memory: an item takes a byte, but for arrays of constants, which nobody sends
        raise CodecError(f"{count} items in {len(body)} bytes")
    constructor = None
    if kind is Array:
        constructor, at = _take(body, at, 1)[0], at + 1
        if constructor not in KINDS:
            raise CodecError(f"arrays of constructor 0x{constructor:02x} are not read")
    items = []
    for _ in range(count):
        item, at = _decode(body, at, depth - 1) if constructor is None else _decode_as(constructor, body, at, depth - 1)
        items.append(item)
    if at != len(body):
        raise CodecError(f"{len(body) - at} bytes left over in a {kind.__name__}")
    return _built(kind, items, constructor)


def _built(kind: type, items: list[Any], constructor: int | None) -> Any:
    if constructor is not None:
        return Array(KINDS[constructor], tuple(items))
    if kind is list:
        return items
    if len(items) % 2:
        raise CodecError("a map without its last value")
    try:
        return dict(zip(items[::2], items[1::2], strict=True))
    except TypeError as error:
        raise CodecError(f"no map key: {error}") from error
