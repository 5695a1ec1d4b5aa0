"""Windows of event time: which stretch of the calendar a moment belongs to.

Owns lengths and alignment. Knows nothing of what is counted in a window, nor of the present.
Everything is UTC; a moment without a zone is taken as UTC, as the parsers do.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_A_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_WEEK = timedelta(weeks=1)
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_TEXT = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d|w|mo)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Length:
    """How long a window is: whole calendar months, or else a fixed duration. One of the two is zero."""

    months: int = 0
    duration: timedelta = timedelta()


def parse_length(text: str) -> Length:
    """Read ``30s``, ``1m``, ``1h``, ``1d``, ``7d``, ``1w`` or ``1mo``; raises ValueError with a sentence."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"a window length is a whole number and one of s, m, h, d, w, mo, like 7d: got {text!r}")
    count = int(match[1])
    if match[2] == "mo":
        return Length(months=count)
    return Length(duration=timedelta(seconds=count * _UNITS_S[match[2]]))


def window_of(at: datetime, length: str) -> tuple[datetime, datetime]:
    """The window [start, end) that holds a moment. Raises ValueError for a length that cannot be read.

    Months are calendar months (``3mo``: quarters); whole weeks begin on Monday; other lengths count from 1970.
    """
    return _window(at, parse_length(length))


class WindowFinder:
    """``window_of`` for many moments of one length: most lie in the same window as the one before."""

    def __init__(self, length: str) -> None:
        self.length = length
        self._parsed = parse_length(length)
        self._start = self._end = _EPOCH

    def start_of(self, at: datetime) -> datetime:
        """The start of the window that holds a moment, which must name its zone."""
        return self.around(at)[0]

    def around(self, at: datetime) -> tuple[datetime, datetime]:
        """The window [start, end) that holds a moment, which must name its zone."""
        if not self._start <= at < self._end:
            self._start, self._end = _window(at, self._parsed)
        return self._start, self._end


def _window(at: datetime, length: Length) -> tuple[datetime, datetime]:
    moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if length.months:
        first = (moment.year * 12 + moment.month - 1) // length.months * length.months
        return _month(first), _month(first + length.months)
    origin = _A_MONDAY if length.duration % _WEEK == timedelta() else _EPOCH
    start = origin + (moment - origin) // length.duration * length.duration
    return start, start + length.duration


def _month(count: int) -> datetime:
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
