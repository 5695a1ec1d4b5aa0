"""Schedules by cron expression and time zone: which texts are allowed, and what fell due between two moments.

Owns the arithmetic, over changes of daylight saving time too. Knows neither what a schedule starts nor what is remembered of it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

MISSED_MAX = 1000  # ticks of one outage that are counted; how many more there were helps nobody
ALLOWED = (
    "write five fields (minute, hour, day of month, month, day of week) of numbers, names (MON, JAN), "
    'lists, ranges and steps, such as "0 6 * * 1"'
)
# An hour that occurs twice confuses a search that begins in it: so it begins this much later, and passes over.
FOLD_MAX = timedelta(hours=3)


class Elapsed(NamedTuple):
    """The newest moment at which a schedule was due, and how many before it nobody heard of."""

    due: datetime
    missed: int


def checked_cron(text: str) -> str:
    """The text, if it is a cron expression of five fields. Raises ValueError that says what is allowed."""
    fields = text.split()
    if len(fields) == 6:
        raise ValueError(f"{text!r} has six fields, and neither seconds nor years are understood: {ALLOWED}")
    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{text!r} is no schedule ({str(error) or 'it is never due'}): {ALLOWED}") from None
    return " ".join(fields)


Cron = Annotated[str, AfterValidator(checked_cron)]


def elapsed(cron: str, timezone: str, after: datetime, now: datetime) -> Elapsed | None:
    """What fell due after a moment and until now: the newest, and how many were missed before it; None when nothing did."""
    ticks = [*islice(_back_from(cron, timezone, now, after), MISSED_MAX + 1)]
    return Elapsed(ticks[0], len(ticks) - 1) if ticks else None


def _back_from(cron: str, timezone: str, now: datetime, after: datetime) -> Iterator[datetime]:
    for tick in CronSim(cron, (now + FOLD_MAX).astimezone(ZoneInfo(timezone)), reverse=True):
        moment = tick.astimezone(UTC)
        if moment <= after:
            return
        if moment <= now:
            yield moment
