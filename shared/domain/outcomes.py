"""What came of a command: a closed set, classified where the failure was seen.

Owns the five outcomes and the evidence they carry. Knows nothing of SDKs, status codes or retries.
"""

from datetime import datetime, timedelta
from typing import Literal

from shared.domain.values import Part, Value, replace

ASKED_SECONDS = "retry_after_seconds"  # in the data of a read that failed: how long its target asks to be left alone
LISTED_WITHIN = timedelta(minutes=10)  # after a run has ended: a model version that it registered is listed by then


class Succeeded(Value, frozen=True, kw_only=True):
    """The effect is there. ``data`` holds what later decisions need (metrics, versions, counts), as text or numbers."""

    data: dict[str, str | float] = {}


class Started(Value, frozen=True, kw_only=True):
    """A long operation was accepted. Nobody waits: ``look_again_at`` says when to ask for ``operation`` by GET.

    ``since``: when it was, which is said where it is recorded.
    """

    operation: str
    look_again_at: datetime
    since: datetime | None = None


class Failed(Value, frozen=True, kw_only=True):
    """There is no effect. ``retryable`` says whether the same command may succeed later; ``reason`` is for a person.

    ``until``: the target asks not to be tried again before.
    """

    retryable: bool
    reason: str
    data: dict[str, str | float] = {}
    until: datetime | None = None


class Unknown(Value, frozen=True, kw_only=True):
    """The call may or may not have had its effect (a time-out after sending); ``on_unknown`` says what is next."""

    reason: str


class Refusal(Part, frozen=True, kw_only=True):
    """A limit across workloads had no room: which one (``code`` for machines), how much is committed, until when."""

    code: Literal["fleet_limit", "budget_reserved"]
    text: str
    observed: float
    limit: str
    until: datetime


class Skipped(Value, frozen=True, kw_only=True):
    """Not done on purpose: a limit, a stale plan, a pause. ``until`` says when it may be tried again, if ever."""

    reason: str
    until: datetime | None = None
    refusals: tuple[Refusal, ...] = ()


Outcome = Succeeded | Started | Failed | Unknown | Skipped
Final = Succeeded | Failed | Skipped


def asked_wait(failed: Failed) -> timedelta:
    """How long the target of a read that failed asks to be left alone; no time when it names none."""
    return timedelta(seconds=float(failed.data.get(ASKED_SECONDS, 0.0)))


def dated(failed: Failed, now: datetime) -> Failed:
    """The failure of a command, with the moment until which its target asks to be left alone in place of a time."""
    if ASKED_SECONDS not in failed.data:
        return failed
    data = {key: value for key, value in failed.data.items() if key != ASKED_SECONDS}
    return replace(failed, data=data, until=now + asked_wait(failed))
