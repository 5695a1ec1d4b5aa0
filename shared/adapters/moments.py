"""Moments as whole numbers, so that rows sort by them.

Owns the unit, microseconds since 1970. Knows nothing of the stores that sort.
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """A moment as whole microseconds since 1970. Raises TypeError for a moment without a time zone."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The moment, in UTC, of a number of microseconds since 1970."""
    return _EPOCH + microseconds * _MICROSECOND
