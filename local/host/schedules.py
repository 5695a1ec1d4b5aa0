"""When a timer is due next: NCRONTAB expressions and TimeSpans.

Owns their reading (azure-docs functions-bindings-timer). Pure: neither waits nor asks what time it is. All in UTC, as
Azure without WEBSITE_TIME_ZONE.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from local.host.durations import seconds_of

Schedule = Callable[[datetime], datetime]


def schedule_of(text: str) -> Schedule:
    """A function from a moment to the next one that is due, strictly later.

    Raises:
        ValueError: the text is neither five or six fields nor a TimeSpan above zero, or has no due moment at all.
    """
    if ":" in text:
        return _interval(text)
    expression = text.replace("?", "*")
    fields = expression.split()
    if len(fields) in {5, 6} and "*" not in {fields[-3][0], fields[-1][0]}:
        raise ValueError(f"{text!r}: NCRONTAB wants both days to match and cron either; the local host reads neither")

    def next_after(moment: datetime) -> datetime:
        return next(CronSim(expression, moment))

    try:
        next_after(datetime(2024, 1, 1, tzinfo=UTC))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{text!r} is no NCRONTAB expression: {error}") from error
    return next_after


def _interval(text: str) -> Schedule:
    interval = timedelta(seconds=seconds_of(text))
    if not interval:
        raise ValueError(f"{text!r} is no interval")
    return lambda moment: moment + interval
