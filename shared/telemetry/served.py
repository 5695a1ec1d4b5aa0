"""Requests over the windows of the rules: buckets of traffic added up into longer windows, and their measures.

Owns the step from the short buckets that a rollout's decisions read to the windows that are closed. A bucket belongs to the
window in which it begins. Knows nothing of single requests (``traffic``), nor of limits.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import chain

from shared.domain.telemetry_signals import TrafficMeasured
from shared.telemetry.calendar import WindowFinder
from shared.telemetry.latency import quantile_ms
from shared.telemetry.partials import ENDS, Partial, TrafficPartial, WindowKey


def widened(partials: Iterable[Partial], lengths: Mapping[str, Collection[str]]) -> list[TrafficPartial]:
    """The requests of some buckets, once for each window length that the rules watch their deployment with.

    ``lengths`` are by deployment key. A length that is that of the buckets is left out: the bucket is the window.
    Raises ValueError for a length that cannot be read.
    """
    finders = {length: WindowFinder(length) for length in set(chain.from_iterable(lengths.values()))}
    wide: dict[WindowKey, TrafficPartial] = {}
    for bucket in partials:
        if isinstance(bucket, TrafficPartial):
            for length in lengths.get(bucket.deployment.key, ()):
                if length != bucket.length:
                    grown = replace(bucket, start=finders[length].start_of(bucket.start), length=length)
                    known = wide.get(grown.key)
                    wide[grown.key] = known.plus(grown) if known else grown
    return list(wide.values())


def measured(window: TrafficPartial) -> TrafficMeasured:
    """The measures of one window of requests."""
    counts, ended = window.latency_counts, dict(zip(ENDS, window.ended, strict=True))
    delay_ms = ended.pop("delay_sum_us") / 1_000
    return TrafficMeasured(
        requests=window.requests,
        **ended,
        delay_ms_mean=delay_ms / ended["delayed"] if ended["delayed"] else 0.0,
        latency_p50_ms=quantile_ms(counts, 0.50),
        latency_p90_ms=quantile_ms(counts, 0.90),
        latency_p95_ms=quantile_ms(counts, 0.95),
        latency_p99_ms=quantile_ms(counts, 0.99),
    )
