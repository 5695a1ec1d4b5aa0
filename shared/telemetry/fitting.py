"""Rows that hold a value of the wrong type for their feature, found without judging every value.

Owns which rows of a batch those are; what counts as a type error is ``columns``'s to say, and a test compares the two.
A column of plain numbers or texts is passed at the price of looking at the types of its values.
"""

from collections.abc import Sequence
from typing import Any

from shared.telemetry.columns import TEXT_LENGTH_MAX
from shared.telemetry.profiles import CategoricalReference, NumericReference, ReferenceProfile

_NEVER_WRONG = {
    NumericReference: {int, float, bool, type(None)},
    CategoricalReference: {str, int, float, bool, type(None)},
}


def misfits(rows: Sequence[Any], profile: ReferenceProfile) -> set[int]:
    """The places of rows with a type error in at least one input of the profile. What is no object is none of them."""
    objects = [(place, row) for place, row in enumerate(rows) if isinstance(row, dict)]
    found: set[int] = set()
    for name in profile.inputs:
        feature = profile.features[name]
        column = [row.get(name) for _, row in objects]
        if not set(map(type, column)) <= _NEVER_WRONG[type(feature)]:
            numeric = isinstance(feature, NumericReference)
            found |= {place for (place, _), value in zip(objects, column, strict=True) if _is_wrong(value, numeric)}
    return found


def _is_wrong(value: Any, numeric: bool) -> bool:  # noqa: FBT001 - a fact about the feature, not a switch
    if value is None or isinstance(value, int | float):
        return False
    if not isinstance(value, str):
        return True
    return numeric and not _reads_as_number(value)


def _reads_as_number(text: str) -> bool:
    if len(text) > TEXT_LENGTH_MAX:
        return False
    try:
        float(text.strip() or "0")
    except ValueError:
        return False
    return True
