"""What a value becomes before it is sent: plain JSON, whatever a scoring script passed.

Pure. Owns which values are plain and what the others turn into: a number, a text, or null. It knows nothing of rows'
meaning, of queues or of messages. NumPy and pandas are served by what their values can do, and never imported.
"""

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import chain
from typing import Any
from uuid import UUID

DEPTH_MAX = 16  # deeper values become null
VALUES_MAX = 1_000_000  # of one call, inside nested ones
INTEGER_BITS_MAX = 1_024  # larger than any float

_DICT = frozenset({dict})
_PLAIN = frozenset({int, float, str, bool, type(None)})


class TooManyValuesError(ValueError):
    """A call holds more nested or odd values than are worth a request's time."""


def plain_rows(rows: list[Any]) -> list[dict[str, Any]]:
    """The rows themselves when each is a dict of plain values (not-a-number included), else plain ones.

    Raises:
        TypeError, ValueError: a row is no mapping.
        TooManyValuesError: nested values without an end.
    """
    if _DICT.issuperset(map(type, rows)) and _PLAIN.issuperset(map(type, chain.from_iterable(map(dict.values, rows)))):
        return rows
    conversion = _Conversion()
    return [{_key(name): conversion.of(value, 1) for name, value in dict(row).items()} for row in rows]


def plain_values(values: list[Any]) -> list[Any]:
    """The same for single values. Raises TooManyValuesError."""
    if _PLAIN.issuperset(map(type, values)):
        return values
    conversion = _Conversion()
    return [conversion.of(value, 1) for value in values]


def finite(value: Any) -> Any:
    """A plain value as JSON can hold it: numbers that are infinite or none become null, and so does what is too deep."""
    return _Conversion().of(value, 0)


class _Conversion:
    """The values of one call; it ends however they refer to each other."""

    def __init__(self) -> None:
        self._left = VALUES_MAX

    def of(self, value: Any, depth: int) -> Any:
        """A plain value. Raises TooManyValuesError, and nothing else whatever the value does."""
        if type(value) in _PLAIN:
            return value if _is_finite(value) else None
        if depth > DEPTH_MAX:
            return None
        try:
            return self._of_odd(value, depth)
        except TooManyValuesError:
            raise
        except Exception:  # noqa: BLE001 -- a value may be anything; null is what is told of it
            return None

    def _of_odd(self, value: Any, depth: int) -> Any:
        """A value of another type: a subclass of a plain one, a container, or what says itself how it reads."""
        if isinstance(value, Enum):
            return self.of(value.value, depth + 1)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, float):
            return self.of(float.__float__(value), depth + 1)
        if isinstance(value, int):
            return self.of(int.__int__(value), depth + 1)
        if isinstance(value, Mapping):
            self._spend(len(value))
            return {_key(name): self.of(inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return self._of_several(value, depth)
        if isinstance(value, bytes | bytearray):
            return value.decode()
        return self._of_speaking(value, depth)

    def _of_several(self, values: Iterable[Any], depth: int) -> list[Any]:
        listed = list(values)
        self._spend(len(listed))
        if _PLAIN.issuperset(map(type, listed)):
            return [value if _is_finite(value) else None for value in listed]
        return [self.of(value, depth + 1) for value in listed]

    def _of_speaking(self, value: Any, depth: int) -> Any:
        """Times, NumPy and pandas values, tensors, decimals; null for what has no better word."""
        if hasattr(value, "isoformat"):
            return value.isoformat() if value == value else None  # noqa: PLR0124 -- pandas' NaT is not itself
        if getattr(getattr(value, "dtype", None), "kind", "") in ("M", "m"):
            return str(value) if value == value else None  # noqa: PLR0124 -- the same, NumPy's
        if hasattr(value, "tolist"):
            self._check(value)
            return self.of(value.tolist(), depth + 1)
        if hasattr(value, "__float__"):
            return self.of(float(value), depth + 1)
        return str(value) if isinstance(value, UUID) else None

    def _check(self, array: Any) -> None:
        """Refuse an array before it is made a list of."""
        size = getattr(array, "size", 0)
        if isinstance(size, int) and size > self._left:
            self._spend(size)

    def _spend(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise TooManyValuesError(f"more than {VALUES_MAX} nested values in one call")


def _is_finite(value: Any) -> bool:
    """Whether JSON can hold a plain value as it is."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is not int or value.bit_length() <= INTEGER_BITS_MAX


def _key(name: Any) -> str:
    return name if type(name) is str else str(name)
