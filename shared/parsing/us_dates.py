"""Dates as some of Azure's older schemas write them: ``6/1/2018``, ``3/22/2019 1:36:31 PM`` and, of budgets,
``11/17/2021 5:40:29 PM -08:00``; month first.

Owns that one format. Every other time is read by ``fields``.
"""

import re
from datetime import UTC, datetime
from typing import Any

from shared.parsing.fields import FieldError, shown, time_of

_US = re.compile(
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"
    r"(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[AP]M)?"
    r"(?:\s*(?P<offset>[+-]\d{2}:\d{2}|Z))?)?",
    re.IGNORECASE | re.ASCII,
)
NOON_HOURS = 12
_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


def date_of(value: Any, name: str) -> datetime:
    """A moment in UTC from a date of the United States, with or without a time, or from ISO 8601. Raises FieldError."""
    match = _US.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return time_of(value, name)
    part = {key: int(text or 0) for key, text in match.groupdict().items() if key not in ("half", "offset")}
    try:
        part["hour"] = _hour(part["hour"], match["half"])
        zone = time_of(f"2000-01-01T00:00:00{match['offset'] or 'Z'}", name)
        return datetime(**part, tzinfo=UTC) + (zone - _MIDNIGHT)
    except (ValueError, OverflowError) as error:
        raise FieldError("malformed_field", f"{name} is {shown(value)}: expected month/day/year") from error


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= NOON_HOURS:
        raise ValueError(hour)
    return hour % NOON_HOURS + (NOON_HOURS if half.upper() == "PM" else 0)
