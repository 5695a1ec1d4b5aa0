"""What a deployment served by minutes that somebody else summed up: Azure Monitor keeps counts and percentiles, and no request.

Owns what may be made of such minutes. Counts add up, so errors are bounded as ours are. Percentiles do not: those of a minute
are those of its few requests, nobody tells how they were computed, and no bound follows. Knows no wire format and no limits.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.domain.observations import TrafficSample

PERCENTILE_REQUESTS_MIN = (
    20  # of fewer, the 95th percentile is the largest: a small share would look fast beside a large one
)


@dataclass(frozen=True, slots=True)
class MinuteServed:
    """One minute of one deployment. A percentile that nobody told is None. Counts are averages, and so need not be whole."""

    requests: float = 0.0
    failed: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None


def sample_of_minutes(minutes: Iterable[MinuteServed]) -> TrafficSample:
    """The sum of all minutes, and the mean of their percentiles, each weighing as many requests as it had.

    Only minutes with at least ``PERCENTILE_REQUESTS_MIN`` requests tell a latency; ``latency_requests`` says of how many.
    """
    every = list(minutes)
    busy = [one for one in every if one.requests >= PERCENTILE_REQUESTS_MIN and one.p95_ms is not None]
    return TrafficSample(
        requests=round(sum(one.requests for one in every)),
        failed=round(sum(one.failed for one in every)),
        latency_p50_ms=_mean(busy, lambda one: one.p50_ms),
        latency_p95_ms=_mean(busy, lambda one: one.p95_ms),
        latency_bounded=False,
        latency_requests=round(sum(one.requests for one in busy)),
    )


def _mean(minutes: list[MinuteServed], percentile: Callable[[MinuteServed], float | None]) -> float:
    told = [(one.requests, value) for one in minutes if (value := percentile(one)) is not None]
    weight = sum(requests for requests, _ in told)
    return sum(requests * value for requests, value in told) / weight if weight else 0.0
