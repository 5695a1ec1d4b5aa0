"""The base of every value that is stored or sent: frozen, closed, tagged with its own name.

Owns how values become JSON and back. Knows nothing of what they mean.
msgspec because one definition gives an immutable type, a tagged union, validation and a fast codec.
"""

from typing import Any, TypeVar

import msgspec

V = TypeVar("V", bound=msgspec.Struct)


class Value(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True, omit_defaults=True):
    """An immutable value. Its JSON carries its class name under ``kind``; defaults are left out."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An immutable value that only occurs inside another one, and so needs no tag."""


def encode(value: Any) -> bytes:
    """The JSON of a value, with its keys in a fixed order."""
    return msgspec.json.encode(value, order="deterministic")


def replace(value: V, **changes: Any) -> V:
    """A copy of a frozen value with some fields changed."""
    return msgspec.structs.replace(value, **changes)
