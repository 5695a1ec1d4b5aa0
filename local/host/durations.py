"""The TimeSpan text that host.json, retry policies and timers use for durations.

Owns that one format ("[d.]hh:mm:ss[.fffffff]", .NET's constant format) and nothing else.
"""

import re

_TIME_SPAN = re.compile(r"^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,7})?)$")


def seconds_of(time_span: str) -> float:
    """The seconds that a TimeSpan text means.

    Raises:
        ValueError: the text is not a TimeSpan.
    """
    match = _TIME_SPAN.match(time_span)
    if match is None:
        raise ValueError(f"{time_span!r} is not a TimeSpan such as 00:00:10")
    days, hours, minutes, seconds = match.groups()
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
