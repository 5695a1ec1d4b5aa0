"""The small texts that a policy is written with: durations, limits, money, names, ids, time zones.

Owns how each is read, written and refused. Knows nothing of the sections that they stand in (``policy``).
"""

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints

from shared.domain.durations import format_duration, parse_duration
from shared.domain.limits import Limit, parse_limit
from shared.domain.money import Money, parse_money


def _duration(value: object) -> object:
    # A bare number would be read as seconds, also where days were meant.
    return value if isinstance(value, timedelta) else parse_duration(str(value))


def _limit(value: object) -> object:
    return parse_limit(value) if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{name!r} is no time zone: write an IANA name such as Europe/Berlin or UTC") from None
    return name


_DAYS = {"mo": 31.0, "w": 7.0, "d": 1.0, "h": 1 / 24, "m": 1 / 1_440, "s": 1 / 86_400}
_DAYS_MAX = 3_720.0  # 120 months: a longer window never ends, and some lengths have no calendar


def window_days(length: str) -> float:
    """How long a window is at most, in days, given its length as the policy writes it."""
    unit = "mo" if length.endswith("mo") else length[-1]
    return float(length.removesuffix(unit)) * _DAYS[unit]


def _at_most_ten_years(length: str) -> str:
    if window_days(length) > _DAYS_MAX:
        raise ValueError(f"{length} is too long for a window: write at most 120mo")
    return length


def _money(value: object) -> object:
    return value if isinstance(value, Money) else parse_money(str(value))


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(format_duration, return_type=str)]
LimitText = Annotated[Limit, BeforeValidator(_limit), PlainSerializer(str, return_type=str)]
MoneyText = Annotated[Money, BeforeValidator(_money), PlainSerializer(str, return_type=str)]
Persistence = Annotated[str, StringConstraints(pattern=r"^[1-9]\d? of [1-9]\d?$")]
WindowLength = Annotated[
    str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}(s|m|h|d|w|mo)$"), AfterValidator(_at_most_ten_years)
]
ResourceId = Annotated[str, StringConstraints(pattern=r"(?i)^/subscriptions/[^/]+/resourcegroups/[^/]+/providers/.+")]
StorageId = Annotated[
    str,
    StringConstraints(
        pattern=r"(?i)^/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.storage/storageaccounts/[^/]+/?$"
    ),
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
TimeZone = Annotated[str, AfterValidator(_zone)]
