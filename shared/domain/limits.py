"""How often something may happen: so many times in any window of a given length.

Owns the arithmetic of limits. Knows nothing of what is limited, nor of where past times are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.durations import format_duration, parse_duration

COUNT_MAX = 50  # so many past times are kept, so no limit beyond it could ever hold


@dataclass(frozen=True, slots=True)
class Limit:
    """``count`` times within any ``window``."""

    count: int
    window: timedelta

    def __str__(self) -> str:
        return f"{self.count}/{format_duration(self.window)}"

    def free_at(self, past: Iterable[datetime], now: datetime) -> datetime | None:
        """None when once more is within the limit now, else the moment from which it is."""
        recent = sorted(at for at in past if at > now - self.window)
        if len(recent) < self.count:
            return None
        return recent[len(recent) - self.count] + self.window


def parse_limit(text: str) -> Limit:
    """The limit that a text such as ``2/1d`` means. Raises ValueError that says what is allowed."""
    count, slash, window = text.partition("/")
    if not slash or not count.isdigit() or int(count) < 1:
        raise ValueError(f"{text!r} is no limit: write how many in which time, such as 2/1d")
    if int(count) > COUNT_MAX:
        raise ValueError(f"{text!r} is too wide a limit: at most {COUNT_MAX} can be counted")
    return Limit(int(count), parse_duration(window))
