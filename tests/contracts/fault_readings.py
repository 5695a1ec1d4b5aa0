"""The faults of the wire, played to whatever only reads: each at each of its requests, one after the other.

Owns what is asked of every read: a failure with its reason, which may be tried again unless it is a refusal, says how long it is
asked to wait, and is never a value. Which read it is, and on which wire, is its caller's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.outcomes import ASKED_SECONDS, Failed
from tests.contracts.faulty_wire import ANY, Fault, FaultyWire, Request

REQUESTS_MAX = 40
WAIT = {"retry-after": "7"}
REFUSALS = {
    "409": ({"status": 409}, True),
    "429": ({"status": 429}, True),
    "429 with a time": ({"status": 429, "headers": WAIT}, True),
    "500": ({"status": 500}, True),
    "503": ({"status": 503, "headers": WAIT}, True),
    "401": ({"status": 401}, False),
    "403": ({"status": 403}, False),
    "lost": ({"is_lost": True}, True),
    "cut": ({"is_cut": True}, True),
    "null": ({"change": lambda _: None}, True),
}
PARTIAL = {"lost", "cut"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A read behind the wire. ``mended_later``: that who asks may not is tried again, since a person can mend it.

    ``until``: the moment from which a wait counts, where the failure names a moment and no time. ``repeats``: its client asks
    again by itself when an answer does not come whole, so that the value is there all the same.
    """

    wire: FaultyWire
    ask: Callable[[], Awaitable[Any]]
    on: Request = ANY
    mended_later: bool = False
    until: datetime | None = None
    repeats: bool = False


async def play(reading: Reading, how: str) -> int:
    """Play a fault to each request of a read; how many it has."""
    fault, retryable = REFUSALS[how]
    whole = await reading.ask() if reading.repeats else None
    for skipped in range(REQUESTS_MAX):
        reading.wire.play(Fault(reading.on, **fault, skipped=skipped))
        outcome = await reading.ask()
        if not reading.wire.is_played():
            break
        if reading.repeats and how in PARTIAL and outcome == whole:
            continue
        assert isinstance(outcome, Failed), (skipped, outcome)
        assert outcome.retryable is (retryable or reading.mended_later), (skipped, outcome)
        assert outcome.reason
        if "headers" in fault:
            assert _seconds_asked(reading, outcome) == 7.0, (skipped, outcome)
        elif fault.get("status") != 429:
            assert _seconds_asked(reading, outcome) == 0.0, (skipped, outcome)
    reading.wire.play()
    assert skipped >= 1, "a read asks"
    assert not isinstance(outcome, Failed), outcome
    return skipped


def _seconds_asked(reading: Reading, failed: Failed) -> float:
    if reading.until is not None:
        return (failed.until - reading.until).total_seconds() if failed.until else 0.0
    return float(failed.data.get(ASKED_SECONDS, 0.0))
