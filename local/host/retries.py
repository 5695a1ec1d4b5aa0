"""Retry policies of functions: how often, and after how long, the host calls again.

Owns the reading of the policy that ``@app.retry`` wrote and the arithmetic of its delays. Does not wait and does not
call. In Azure they apply to Event Hubs and timer triggers only (functions-bindings-error-pages.md); the counts live
in memory and are lost with the instance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.host.durations import seconds_of

FOREVER = -1
_DOUBLINGS_MAX = 30


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``count_max`` retries after the first try (-1: without end), ``first_seconds`` apart, doubled up to a limit."""

    count_max: int
    first_seconds: float
    seconds_max: float

    def delay_seconds(self, retries: int) -> float | None:
        """How long to wait before the next retry when there have been some; None: no more of them."""
        if self.count_max != FOREVER and retries >= self.count_max:
            return None
        return min(self.first_seconds * 2.0 ** min(retries, _DOUBLINGS_MAX), self.seconds_max)


def retry_policy(settings: Mapping[str, Any]) -> RetryPolicy:
    """The policy as azure-functions describes it (``Function.get_settings_dict("retry_policy")``).

    Raises:
        ValueError: the strategy, the count or an interval is none.
    """
    count_max = int(settings["max_retry_count"])
    match settings.get("strategy"):
        case "fixed_delay":
            seconds = seconds_of(settings["delay_interval"] or "")
            return RetryPolicy(count_max, seconds, seconds)
        case "exponential_backoff":
            first_seconds = seconds_of(settings["minimum_interval"] or "")
            return RetryPolicy(count_max, first_seconds, seconds_of(settings["maximum_interval"] or ""))
        case strategy:
            raise ValueError(f"the retry strategy {strategy!r} is neither fixed_delay nor exponential_backoff")
