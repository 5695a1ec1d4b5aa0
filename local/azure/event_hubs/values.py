"""A Python type for every AMQP 1.0 type, and the table of constructor codes that announces each on the wire.

Codes and widths: OASIS AMQP 1.0 part 1, section 1.6. AMQP's string, binary, boolean, null, uuid, double, list and map
are Python's own types. This module knows no way from value to bytes; that is `codec`.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from typing import Any


class Symbol(str):
    """An ASCII name from a constrained domain; equal to the string of the same letters."""

    __slots__ = ()


class Char(str):
    """One Unicode code point."""

    __slots__ = ()


class Ubyte(int):
    """An integer of 0 to 2**8 - 1."""


class Byte(int):
    """An integer of -2**7 to 2**7 - 1."""


class Ushort(int):
    """An integer of 0 to 2**16 - 1."""


class Short(int):
    """An integer of -2**15 to 2**15 - 1."""


class Uint(int):
    """An integer of 0 to 2**32 - 1."""


class Int(int):
    """An integer of -2**31 to 2**31 - 1."""


class Ulong(int):
    """An integer of 0 to 2**64 - 1."""


class Long(int):
    """An integer of -2**63 to 2**63 - 1."""


class Timestamp(int):
    """Milliseconds since 1970-01-01 UTC."""


class Float(float):
    """A binary float of 32 bits; a plain `float` is AMQP's double."""

    __slots__ = ()


class Decimal32(bytes):
    """Four bytes of decimal number, passed through unread."""

    __slots__ = ()


class Decimal64(bytes):
    """Eight bytes of decimal number, passed through unread."""

    __slots__ = ()


class Decimal128(bytes):
    """Sixteen bytes of decimal number, passed through unread."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that says what it means."""

    descriptor: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one type; `kind` is their Python type (`type(None)` for nulls)."""

    kind: type
    items: tuple[Any, ...]


PACKED: dict[type, tuple[int, struct.Struct]] = {
    Ubyte: (0x50, struct.Struct(">B")),
    Byte: (0x51, struct.Struct(">b")),
    Ushort: (0x60, struct.Struct(">H")),
    Short: (0x61, struct.Struct(">h")),
    Uint: (0x70, struct.Struct(">I")),
    Int: (0x71, struct.Struct(">i")),
    Float: (0x72, struct.Struct(">f")),
    Ulong: (0x80, struct.Struct(">Q")),
    Long: (0x81, struct.Struct(">q")),
    float: (0x82, struct.Struct(">d")),
    Timestamp: (0x83, struct.Struct(">q")),
}
SHORT_FORMS: dict[int, tuple[type, struct.Struct]] = {
    0x52: (Uint, struct.Struct(">B")),
    0x53: (Ulong, struct.Struct(">B")),
    0x54: (Int, struct.Struct(">b")),
    0x55: (Long, struct.Struct(">b")),
}
NUMBERS = {code: (kind, form) for kind, (code, form) in PACKED.items()} | SHORT_FORMS
CONSTANTS: dict[int, Any] = {0x40: None, 0x41: True, 0x42: False, 0x43: Uint(0), 0x44: Ulong(0)}
RAW: dict[int, type] = {0x74: Decimal32, 0x84: Decimal64, 0x94: Decimal128}
# The constructor that announces each type in front of a value, or once in front of all items of an array.
CONSTRUCTORS: dict[type, int] = {
    type(None): 0x40,
    bool: 0x56,
    Char: 0x73,
    uuid.UUID: 0x98,
    bytes: 0xB0,
    str: 0xB1,
    Symbol: 0xB3,
    list: 0xD0,
    dict: 0xD1,
    Array: 0xF0,
    **{kind: code for kind, (code, _) in PACKED.items()},
    **{kind: code for code, kind in RAW.items()},
}
KINDS = {code: kind for kind, code in CONSTRUCTORS.items()} | {code: kind for code, (kind, _) in SHORT_FORMS.items()}
KINDS |= {0xA0: bytes, 0xA1: str, 0xA3: Symbol, 0x45: list, 0xC0: list, 0xC1: dict, 0xE0: Array}
KINDS |= {code: type(value) for code, value in CONSTANTS.items()}
FIXED_WIDTHS_BYTES = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
SIZE_WIDTHS_BYTES = {0xA: 1, 0xC: 1, 0xE: 1, 0xB: 4, 0xD: 4, 0xF: 4}
