"""How far counts lie from a reference: effect sizes on the same bins, never p-values.

Owns the formulas. Knows nothing of features, windows or thresholds. Every function takes the counts of the reference
and of the window, bin by bin, and raises ValueError when they differ in length or one of them counted nothing.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from shared.telemetry.profiles import Floats

SHARE_MIN = 1e-4  # an empty bin counts as this share, so that its logarithm exists


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
    middle = (p + q) / 2.0
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0
    return float(np.sqrt(max(divergence, 0.0)))


def ks(reference: npt.ArrayLike, window: npt.ArrayLike) -> float:
    """Kolmogorov-Smirnov statistic: the largest gap between the cumulative shares, measured at the edges.

    Only for bins in order. The true statistic is never smaller, and larger at most by the mass of one bin.
    """
    p, q = _shares(reference, window)
    return float(np.max(np.abs(np.cumsum(p) - np.cumsum(q))))


def _shares(reference: npt.ArrayLike, window: npt.ArrayLike) -> tuple[Floats, Floats]:
    one, other = np.asarray(reference, dtype=np.float64), np.asarray(window, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"counts of {one.shape} and {other.shape} are not of the same bins")
    if not one.sum() > 0 or not other.sum() > 0:
        raise ValueError("a distribution needs at least one count")
    return one / one.sum(), other / other.sum()


def _relative_entropy(p: Floats, q: Floats) -> Any:
    held = p > 0
    return np.sum(p[held] * np.log2(p[held] / q[held]))
