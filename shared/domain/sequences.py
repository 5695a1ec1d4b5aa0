"""Bounds of a share that hold at every look: confidence sequences for yes-or-no observations.

Owns the one formula, and knows nothing of requests, latencies or rollouts. An interval such as Wilson's holds at one look
that was chosen beforehand; looked at again and again, it is sooner or later wrong by chance. These bounds hold at all
looks together, so one may look as often as one likes and stop when one likes.

The method is the mixture of H. Robbins (Statistical methods related to the law of the iterated logarithm, Annals of
Mathematical Statistics 41, 1970) with the Beta(1/2, 1/2) weights of Krichevsky and Trofimov (1981). Under the true share p
the ratio of the mixture's likelihood to that of p is a martingale that starts at 1, so by Ville's inequality it ever reaches
1 / chance with at most that chance (S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform, nonparametric,
nonasymptotic confidence sequences, Annals of Statistics 49, 2021). Nothing is approximated, however small the sample.
"""

import math
from collections.abc import Callable

_HALVINGS = 60  # of an interval within 0 and 1: beyond the precision of a number


def evidence(hits: int, of: int, share: float) -> float:
    """How strongly so many hits speak against a true share, as a logarithm; infinite when they are impossible under it.

    Whatever the number of looks, it reaches ``log(1 / chance)`` for the true share with at most that chance.
    """
    misses = of - hits
    if (hits and share <= 0.0) or (misses and share >= 1.0):
        return math.inf
    mixture = _log_beta(hits + 0.5, misses + 0.5) - math.log(math.pi)  # Beta(1/2, 1/2) integrates to pi
    likelihood = (hits * math.log(share) if hits else 0.0) + (misses * math.log1p(-share) if misses else 0.0)
    return mixture - likelihood


def lower_bound(hits: int, of: int, chance: float) -> float:
    """The share lies above it at all looks together, but for the chance; 0 without observations."""
    if hits == 0:
        return 0.0
    # The evidence falls from infinity to below the threshold between a share of 0 and the observed one.
    return _turn(0.0, hits / of, lambda share: evidence(hits, of, share) >= -math.log(chance))


def upper_bound(hits: int, of: int, chance: float) -> float:
    """The share lies below it at all looks together, but for the chance; 1 without observations."""
    return 1.0 - lower_bound(of - hits, of, chance)


def quantile_ranks(of: int, share: float, chance: float) -> tuple[int, int]:
    """The ranks (1 = smallest) between whose values a quantile lies, each side but for the chance, at all looks together.

    At the true quantile the observations below it are yes-or-no with that share (Howard and Ramdas, Sequential estimation
    of quantiles, Bernoulli 28, 2022). Rank 0, or one more than there are observations, says that no such value exists.
    """
    threshold, mode = -math.log(chance), math.floor(of * share)
    low = _last(0, mode, lambda hits: evidence(hits, of, share) >= threshold)
    high = _last(0, of - mode - 1, lambda misses: evidence(of - misses, of, share) >= threshold)
    return low + 1, of - high


def _last(first: int, last: int, holds: Callable[[int], bool]) -> int:
    """The last of these numbers for which it holds, when it holds up to there and not beyond; -1 for none."""
    low, high = first - 1, last + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _turn(low: float, high: float, holds: Callable[[float], bool]) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
