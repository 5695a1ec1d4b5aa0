"""Durations as people write them in a policy: ``30s``, ``5m``, ``12h``, ``3d``, ``2w``.

Owns their reading and writing. Calendar lengths (``1mo``) are window lengths, not durations: see ``telemetry.calendar``.
"""

import re
from datetime import timedelta

_UNITS_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def parse_duration(text: str) -> timedelta:
    """The duration that a text such as ``1h30m`` means. Raises ValueError that says what is allowed."""
    parts = _PATTERN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(
            f"{text!r} is no duration: write a number and a unit of ms, s, m, h, d or w, such as 30m or 1h30m"
        )
    return timedelta(seconds=sum(float(number) * _UNITS_SECONDS[unit] for number, unit in parts))


def format_duration(duration: timedelta) -> str:
    """The shortest text that ``parse_duration`` reads back, to the millisecond."""
    milliseconds = round(duration.total_seconds() * 1000)
    for unit in ("w", "d", "h", "m", "s"):
        size = round(_UNITS_SECONDS[unit] * 1000)
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"
