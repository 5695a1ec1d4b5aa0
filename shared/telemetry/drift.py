"""How far counts lie from a reference: effect sizes on the same bins, never p-values.

Owns the formulas. Knows nothing of features, windows or thresholds. Every function takes the counts of the reference
and of the window, bin by bin, and raises ValueError when they differ in length or one of them counted nothing.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.telemetry.profiles import Floats

SHARE_MIN = 1e-4  # an empty bin counts as this share, so that its logarithm exists
_TINY = 1e-300  # stands for 0 where it would divide, or be taken the logarithm of; what it stands beside is 0 then
_ALMOST_MINUS_ONE = -1.0 + 2.0**-53


class ChiSquared(NamedTuple):
    """How unlike two rows of counts are: the test's statistic, and two effect sizes between 0 and 1.

    ``cramers_v`` is that of the table as it was counted, ``balanced_v`` that of the same shares with as many rows on
    either side. Verdicts go by ``balanced_v``: the other shrinks with the smaller side, so that 5,000 rows and 50,000
    of the same shares would score differently against one reference.
    """

    statistic: float
    degrees_of_freedom: int
    cramers_v: float
    balanced_v: float


def psi(reference: npt.ArrayLike, window: npt.ArrayLike) -> float:
    """Population stability index: sum((q - p) * ln(q / p)) over bins, p the reference's shares and q the window's.

    Symmetric and at least 0; by custom 0.1 is worth a look and 0.2 or 0.25 is a shift (Siddiqi, Credit Risk
    Scorecards, 2006). Shares below ``SHARE_MIN`` are raised to it, without scaling the others down.
    """
    p, q = (np.maximum(shares, SHARE_MIN) for shares in _shares(reference, window))
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: npt.ArrayLike, window: npt.ArrayLike) -> float:
    """Jensen-Shannon distance: sqrt((KL(p, m) + KL(q, m)) / 2), m = (p + q) / 2, logarithms to base 2.

    A metric between 0 (equal) and 1 (disjoint) (Endres and Schindelin, IEEE Trans. Inf. Theory 49, 2003). Empty bins
    need no smoothing, since 0 * log 0 is 0.
    """
    p, q = _shares(reference, window)
    both, lean = p + q, (q - p) / np.maximum(p + q, _TINY)
    return float(np.sqrt(np.sum(divergence_terms(both, lean))))


def divergence_terms(both: Floats, lean: Floats) -> Floats:
    """Each bin's part in the squared Jensen-Shannon distance, from p + q and (q - p) / (p + q). Never negative.

    With m = (p + q) / 2 and t the lean, p = m (1 - t) and q = m (1 + t), so that the bin gives
    m ((1 + t) ln(1 + t) + (1 - t) ln(1 - t)). Written so, shares that are nearly equal do not cancel, and the distance
    keeps 15 digits behind the point; the sum of p ln(p / m) loses half of them in the square root.
    """
    terms, towards = np.maximum(lean, _ALMOST_MINUS_ONE), 1.0 + lean
    np.log1p(terms, out=terms)
    terms *= towards
    away = np.maximum(-lean, _ALMOST_MINUS_ONE)
    np.log1p(away, out=away)
    away *= np.subtract(1.0, lean, out=towards)
    terms += away
    terms *= both
    terms /= 4.0 * math.log(2.0)
    return terms


def ks(reference: npt.ArrayLike, window: npt.ArrayLike) -> float:
    """Kolmogorov-Smirnov statistic: the largest gap between the cumulative shares, measured at the edges.

    Only for bins in order. The true statistic is never smaller, and larger at most by the mass of one bin.
    """
    p, q = _shares(reference, window)
    return float(np.max(np.abs(np.cumsum(p) - np.cumsum(q))))


def chi_squared(reference: npt.ArrayLike, window: npt.ArrayLike) -> ChiSquared:
    """Pearson's chi-squared of the table of 2 rows and as many columns as bins hold anything, and Cramér's V.

    sum((observed - expected)^2 / expected), without continuity correction; V = sqrt(statistic / (n * 1)), since the
    smaller side of the table less one is 1 (Cramér, Mathematical Methods of Statistics, 1946, 21.9). In shares, w being
    the reference's part of all rows: V^2 = w (1 - w) sum((p - q)^2 / (w p + (1 - w) q)); balanced_v has w = 1/2.

    Biased upwards, as every V is: two samples of one distribution have a balanced_v of about
    sqrt(degrees_of_freedom * (1 / rows + 1 / reference rows)) / 2, so 5,000 rows in 10 bins give 0.02 of nothing.
    """
    p, q = _shares(reference, window)
    rows = float(np.sum(reference)), float(np.sum(window))
    squared = _squared_v(p, q, rows[0] / sum(rows))
    return ChiSquared(
        statistic=sum(rows) * squared,
        degrees_of_freedom=int(np.count_nonzero(p + q)) - 1,
        cramers_v=math.sqrt(squared),
        balanced_v=math.sqrt(_squared_v(p, q, 0.5)),
    )


def _squared_v(p: Floats, q: Floats, weight: float) -> float:
    """Cramér's V squared of shares p and q, when p makes up that ``weight`` of the rows."""
    return weight * (1.0 - weight) * float(np.sum((p - q) ** 2 / np.maximum(weight * p + (1.0 - weight) * q, _TINY)))


def _shares(reference: npt.ArrayLike, window: npt.ArrayLike) -> tuple[Floats, Floats]:
    one, other = np.asarray(reference, dtype=np.float64), np.asarray(window, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"counts of {one.shape} and {other.shape} are not of the same bins")
    if not one.sum() > 0 or not other.sum() > 0:
        raise ValueError("a distribution needs at least one count")
    return one / one.sum(), other / other.sum()
