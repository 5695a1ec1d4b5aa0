"""Dates as some of Azure's older schemas write them: ``6/1/2018`` and ``3/22/2019 1:36:31 PM``, month first.

Owns that one format. Every other time is read by ``fields``.
"""

import re
from datetime import UTC, datetime
from typing import Any

from shared.parsing.fields import FieldError, shown, time_of

_US = re.compile(
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"
    r"(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[AP]M)?)?",
    re.IGNORECASE | re.ASCII,
)
NOON_HOURS = 12


def date_of(value: Any, name: str) -> datetime:
    """A moment in UTC from a date of the United States, with or without a time, or from ISO 8601. Raises FieldError."""
    match = _US.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return time_of(value, name)
    part = {key: int(text or 0) for key, text in match.groupdict().items() if key != "half"}
    try:
        part["hour"] = _hour(part["hour"], match["half"])
        return datetime(**part, tzinfo=UTC)
    except ValueError as error:
        raise FieldError("malformed_field", f"{name} is {shown(value)}: expected month/day/year") from error


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= NOON_HOURS:
        raise ValueError(hour)
    return hour % NOON_HOURS + (NOON_HOURS if half.upper() == "PM" else 0)
