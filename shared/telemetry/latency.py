"""Latency in logarithmic bins: 256 of them from 1 ms to 60 s, each 4.4 % wider than the one before.

Owns the bins and what can be read from them: quantiles and their confidence bounds. Knows nothing of deployments.
What is faster than 1 ms counts in the first bin, what is slower than 60 s in the last.
"""

from collections.abc import Sequence

import numpy as np

from shared.domain.sequences import quantile_ranks
from shared.telemetry.profiles import Counts, Floats

BINS = 256
LATENCY_MS_MIN = 1.0
LATENCY_MS_MAX = 60_000.0
DURATION_MS_MAX = 86_400_000.0  # a day: nothing that a request log says of longer ones is worth a bigger sum

_EDGES: Floats = np.geomspace(LATENCY_MS_MIN, LATENCY_MS_MAX, BINS + 1)
_INNER: Floats = _EDGES[1:-1]


def count_latencies(durations_ms: Sequence[float]) -> tuple[Counts, int]:
    """The log bins of some durations, and their sum in whole µs. What is not a number is left out; negatives are 0."""
    values = np.array(durations_ms, dtype=np.float64)
    values = np.clip(values[~np.isnan(values)], 0.0, DURATION_MS_MAX)
    counts = np.bincount(np.searchsorted(_INNER, values), minlength=BINS).astype(np.int64)
    return counts, int(np.rint(values * 1_000).astype(np.int64).sum())


def quantile_ms(counts: Counts, share: float) -> float:
    """The latency below which a share of the requests lies: within a bin, evenly spread on the log scale.

    At most half a bin (2.2 %) from the truth when the bin is full of requests. 0 without requests.
    """
    through = np.cumsum(counts)
    if through[-1] == 0:
        return 0.0
    rank = share * float(through[-1])
    found = int(np.searchsorted(through, rank)) if rank > 0 else int(np.flatnonzero(counts)[0])
    inside = (rank - float(through[found] - counts[found])) / float(counts[found])
    return float(_EDGES[found] * (_EDGES[found + 1] / _EDGES[found]) ** inside)


def quantile_bounds_ms(counts: Counts, share: float, chance: float) -> tuple[float, float]:
    """Between which latencies the true quantile lies: each bound but for the chance, however often one looks.

    From the order statistics: nothing is assumed of the distribution, and the bins' outer edges are taken, so coverage is
    never less. Too few requests bound one side only: the lower bound is then 0, the upper 60 s.
    """
    through = np.cumsum(counts)
    requests = int(through[-1])
    if requests == 0:
        return 0.0, 0.0
    low, high = quantile_ranks(requests, share, chance)
    first = int(np.searchsorted(through, low)) if low else 0
    last = int(np.searchsorted(through, high)) if high <= requests else BINS - 1
    return (float(_EDGES[first]) if first else 0.0), float(_EDGES[last + 1])
