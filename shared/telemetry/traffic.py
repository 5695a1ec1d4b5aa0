"""What a deployment served, summed up for a decision.

Owns the step from requests to partials and from partials to a ``TrafficSample``. Knows nothing of limits or verdicts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from shared.domain.observations import DeploymentRef, RequestServed, TrafficSample
from shared.telemetry.latency import BINS, DURATION_MS_MAX, count_latencies, quantile_bounds_ms, quantile_ms
from shared.telemetry.partials import ENDED_NONE, ENDS, TrafficPartial
from shared.telemetry.profiles import Counts

THROTTLED, MODEL_FAILED = 429, 424


def count_requests(
    deployment: DeploymentRef, start: datetime, length: str, requests: Sequence[RequestServed]
) -> TrafficPartial:
    """The partial of some requests of one deployment in one bucket. Failed requests count in the latencies too."""
    counts, sum_us = count_latencies([request.duration_ms for request in requests])
    unusual = [request for request in requests if request.delay_ms or request.failed or request.status_code >= 400]
    return TrafficPartial(
        deployment=deployment,
        start=start,
        length=length,
        requests=len(requests),
        failed=sum(request.failed for request in unusual),
        latency_sum_us=sum_us,
        latency_counts=counts,
        ended=_ended(unusual) if unusual else ENDED_NONE,
    )


def end_of(request: RequestServed) -> str:
    """Which of ``ENDS`` counts a request by how it ended; empty when it ended well.

    Azure answers 424 for a model that failed, and 429 for what it throttles (Microsoft Learn, HTTP status codes of online
    endpoints); every other 4xx is the caller's.
    """
    status, model = request.status_code, request.model_status_code or 0
    if status == THROTTLED:
        return "throttled"
    if status == MODEL_FAILED or (model >= 400 and status >= 400):
        return "model_errors"
    if status >= 500:
        return "server_errors"
    return "client_errors" if status >= 400 else ""


def _ended(requests: Iterable[RequestServed]) -> tuple[int, ...]:
    counted: Counter[str] = Counter()
    for request in requests:
        counted[end_of(request)] += 1
        if request.delay_ms > 0:
            counted["delayed"] += 1
            counted["delay_sum_us"] += round(min(request.delay_ms, DURATION_MS_MAX) * 1_000)
    return tuple(counted[name] for name in ENDS)


def summarise(partials: Iterable[TrafficPartial], chance: float) -> TrafficSample:
    """Requests, failures and latency percentiles over all the partials given, whatever their buckets.

    Each bound of the 95th percentile holds but for the chance, however often one looks; with too few requests for an
    upper bound (fewer than about 150) it is 60 s, the end of the bins. Without requests everything is 0.
    """
    counts, requests, failed = np.zeros(BINS, dtype=np.int64), 0, 0
    for partial in partials:
        counts += partial.latency_counts
        requests += partial.requests
        failed += partial.failed
    return _sample(counts, requests, failed, chance)


def sample_of_bins(bins: Iterable[tuple[int | None, int, int]], chance: float) -> TrafficSample:
    """As ``summarise``, of requests and failures by latency bin that somebody else counted; None: of no known latency.

    Raises ValueError for a bin that there is not, and for counts that cannot be.
    """
    counts, requests, failed = np.zeros(BINS, dtype=np.int64), 0, 0
    for number, of, bad in bins:
        if not 0 <= bad <= of or not 0 <= (number or 0) < BINS:
            raise ValueError(f"{of} requests in latency bin {number}, {bad} of them failed")
        if number is not None:
            counts[number] += of
        requests += of
        failed += bad
    return _sample(counts, requests, failed, chance)


def _sample(counts: Counts, requests: int, failed: int, chance: float) -> TrafficSample:
    lower, upper = quantile_bounds_ms(counts, 0.95, chance)
    return TrafficSample(
        requests=requests,
        failed=failed,
        latency_p50_ms=quantile_ms(counts, 0.50),
        latency_p95_ms=quantile_ms(counts, 0.95),
        latency_p95_ms_lower=lower,
        latency_p95_ms_upper=upper,
    )
