"""Maintenance windows: hours of the week, by a place's own clock, in which nothing new is begun.

Owns when one is open and when it ends, over changes of daylight saving time too. Knows nothing of what is held.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, StringConstraints

from shared.domain.policy_section import Section
from shared.domain.policy_texts import TimeZone

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _quoted(value: object) -> object:
    if isinstance(value, int):  # YAML 1.1 reads 22:00 as a number to the base of sixty
        raise ValueError('write the time of day in quotes, such as "22:00"')  # noqa: TRY004  # pydantic wants it so
    return value


Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), BeforeValidator(_quoted)]


class MaintenanceWindow(Section):
    """From one time of day to another, on the days that it begins on; past midnight when ``to`` is not after ``from``."""

    days: tuple[Day, ...] = Field(default=WEEK, min_length=1, description="the days on which the window begins")
    begins: Clock = Field(alias="from")
    ends: Clock = Field(alias="to")
    timezone: TimeZone = "UTC"

    def open_until(self, now: datetime) -> datetime | None:
        """When the window that is open at a moment ends, in UTC; None when none is open."""
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        spans = [self._span(today - timedelta(days=back)) for back in (1, 0) if self._begins_on(today, back)]
        return max((end for start, end in spans if start <= now < end), default=None)

    def _begins_on(self, today: date, back: int) -> bool:
        return WEEK[(today - timedelta(days=back)).weekday()] in self.days

    def _span(self, day: date) -> tuple[datetime, datetime]:
        last = day if self.ends > self.begins else day + timedelta(days=1)
        return min(self._moments(day, self.begins)), max(self._moments(last, self.ends))

    def _moments(self, day: date, clock: str) -> tuple[datetime, datetime]:
        """A time of day, as the two moments that it may be: they differ when the clock is put back, or skips it."""
        local = datetime.combine(day, time.fromisoformat(clock), ZoneInfo(self.timezone))
        return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
