"""Columns of values that nobody checked.

Owns what a value counts as: a number, a category, a null, a type error. Each value is judged alone, so that how rows are batched
never matters; the fast ways are only ways to judge many at once with the same result. Nothing here raises on a value.

Numbers: numbers, booleans (0 and 1), and text that reads as a number. NaN, None and empty text are null. Infinities and
numbers too large for a float count in the outer bins. Everything else is a type error.
Categories: text, numbers and booleans, as their text. NaN and None are null. Lists and objects are type errors.
"""

import math
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.telemetry.profiles import EXTRAS, PREDICTION, CategoricalReference, Counts, Floats

TEXT_LENGTH_MAX = 64  # longer text is no number: reading it would cost time that a stranger decides on
_NULLS, _TYPE_ERRORS, _OUTSIDE = range(EXTRAS)
_WHOLE_MAX = 2**53  # up to here a float tells whole numbers apart


def transpose(rows: Sequence[dict[str, Any]], names: Sequence[str], pick: Any) -> Sequence[Sequence[Any]]:
    """The named columns of some rows (one or more); a missing value is None. ``pick`` takes all names at once."""
    try:
        picked = [pick(row) for row in rows]
    except KeyError:
        return [[row.get(name) for row in rows] for name in names]
    return [picked] if len(names) == 1 else list(zip(*picked, strict=True))


def numbers_of(column: Sequence[Any]) -> tuple[Floats, Sequence[int]]:
    """The column with NaN for nulls and for type errors, and where in it the latter are."""
    try:
        return _packed(column), ()
    except struct.error:
        parsed = [_number(value) for value in column]
    wrong = [place for place, value in enumerate(parsed) if value is None]
    return _packed([math.nan if value is None else value for value in parsed]), wrong


def _packed(column: Sequence[Any]) -> Floats:
    """Numbers to floats, several times faster than ``np.array``; struct.error when one is not a number."""
    return np.frombuffer(struct.pack(f"{len(column)}d", *column), dtype=np.float64)


def _number(value: Any) -> float | None:
    """The number that a value means: NaN for a null, None for a type error."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _number_in_text(value)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None


def _number_in_text(text: str) -> float | None:
    stripped = text.strip() if len(text) <= TEXT_LENGTH_MAX else text
    if not stripped:
        return math.nan
    try:
        return float(stripped) if len(stripped) <= TEXT_LENGTH_MAX else None
    except ValueError:
        return None


def prediction_of(row: dict[str, Any]) -> Any:
    """The value under ``prediction``, else the row's first number, else null."""
    if PREDICTION in row:
        return row[PREDICTION]
    return next((value for value in row.values() if isinstance(value, int | float)), None)


def count_categories(column: Sequence[Any], feature: CategoricalReference) -> Counts:
    """The bins of a column, followed by its nulls, type errors and values outside the reference."""
    counts = np.zeros(feature.bins + EXTRAS, dtype=np.int64)
    # Only text may be tallied by equality: to a dictionary 1, 1.0 and True are one key, and the first would name it.
    tally = Counter(column).items() if set(map(type, column)) <= {str, type(None)} else ((value, 1) for value in column)
    for value, count in tally:
        slot = _category_slot(value, feature)
        counts[slot] += count
        if slot == feature.bins - 1:
            counts[feature.bins + _OUTSIDE] += count
    return counts


def _category_slot(value: Any, feature: CategoricalReference) -> int:
    unlisted = feature.bins - 1
    if isinstance(value, str):
        return feature.index.get(value, unlisted)
    if value is None:
        return feature.bins + _NULLS
    if not isinstance(value, bool | int | float):
        return feature.bins + _TYPE_ERRORS
    if isinstance(value, float) and math.isnan(value):
        return feature.bins + _NULLS
    return next((feature.index[text] for text in _spellings(value) if text in feature.index), unlisted)


def _spellings(value: float) -> tuple[str, ...]:
    """How the training data may have written a number: a whole one in a column with gaps becomes 3.0."""
    if isinstance(value, bool):
        return (str(value), str(value).lower())
    if abs(value) > _WHOLE_MAX or value != int(value):
        return (str(value),) if isinstance(value, float) else ()
    return (str(int(value)), str(float(value)))
