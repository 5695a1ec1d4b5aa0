"""Silences: for some time a person does not want to hear of something, and says who, why and until when.

Owns the silence as a value, the two wishes about it, and which of them covers a name. Knows nothing of what is held back.
"""

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from shared.domain.heard import Heard
from shared.domain.values import Part


class Silence(Part, frozen=True, kw_only=True):
    """``what`` is a glob of rules and kinds of incidents, such as ``data_drift`` or ``*``. In force until ``until``."""

    id: str
    what: str
    by: str
    comment: str
    until: datetime


class SilenceAdded(Heard, frozen=True, kw_only=True):
    """A person asked for quiet about something of a workload."""

    workload: str
    what: str
    by: str
    comment: str
    until: datetime


class SilenceExpired(Heard, frozen=True, kw_only=True):
    """A person ended a silence before its time."""

    workload: str
    silence_id: str
    by: str
    why: str = ""


def covering(silences: Iterable[Silence], names: Iterable[str], now: datetime) -> Silence | None:
    """The silence that lasts longest of those that cover one of these names now."""
    wanted = tuple(names)
    found = [known for known in silences if now < known.until and any(fnmatchcase(name, known.what) for name in wanted)]
    return max(found, key=lambda known: (known.until, known.id), default=None)
