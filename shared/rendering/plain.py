"""Values as plain JSON types, for whoever reads the loop by machine.

Owns the shape: every field is there, also at its default, times are ISO 8601 in UTC, and tagged values carry ``kind``.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.domain.values import Value


def plain(value: Any) -> Any:
    """A value as dicts, lists, text and numbers. Bytes are read as UTF-8, what is none is replaced."""
    if isinstance(value, msgspec.Struct):
        kind = {"kind": type(value).__struct_config__.tag} if isinstance(value, Value) else {}
        return kind | {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return msgspec.to_builtins(value)
