"""What a deployment served, summed up for a decision.

Owns the step from requests to partials and from partials to a ``TrafficSample``. Knows nothing of limits or verdicts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from shared.domain.observations import DeploymentRef, RequestServed, TrafficSample
from shared.telemetry.latency import BINS, count_latencies, quantile_bounds_ms, quantile_ms
from shared.telemetry.partials import TrafficPartial


def count_requests(
    deployment: DeploymentRef, start: datetime, length: str, requests: Sequence[RequestServed]
) -> TrafficPartial:
    """The partial of some requests of one deployment in one bucket. Failed requests count in the latencies too."""
    counts, sum_us = count_latencies([request.duration_ms for request in requests])
    return TrafficPartial(
        deployment=deployment,
        start=start,
        length=length,
        requests=len(requests),
        failed=sum(request.failed for request in requests),
        latency_sum_us=sum_us,
        latency_counts=counts,
    )


def summarise(partials: Iterable[TrafficPartial]) -> TrafficSample:
    """Requests, failures and latency percentiles over all the partials given, whatever their buckets.

    The bounds of the 95th percentile hold with 95 % confidence; with too few requests for an upper bound
    (fewer than 72) it is 60 s, the end of the bins. Without requests everything is 0.
    """
    counts, requests, failed = np.zeros(BINS, dtype=np.int64), 0, 0
    for partial in partials:
        counts += partial.latency_counts
        requests += partial.requests
        failed += partial.failed
    lower, upper = quantile_bounds_ms(counts, 0.95)
    return TrafficSample(
        requests=requests,
        failed=failed,
        latency_p50_ms=quantile_ms(counts, 0.50),
        latency_p95_ms=quantile_ms(counts, 0.95),
        latency_p95_ms_lower=lower,
        latency_p95_ms_upper=upper,
    )
