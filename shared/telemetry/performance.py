"""How well predictions met the labels that came later: the measures of classification and of regression.

Owns the formulas and their confidence bounds. Knows nothing of how predictions and labels were brought together, nor of
limits. A measure that does not exist for some pairs says why instead of being 0; no function raises on a value.

Bounds hold with 95 % confidence, each side with 97.5 %. A verdict takes the side that favours the model.
"""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.telemetry.profiles import Floats

CONFIDENCE = 0.95
THRESHOLD = 0.5
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2.0)
_BISECTIONS = 60  # halve an interval of 1 until nothing is left of it
_HUGE_IS_INFINITE = np.errstate(over="ignore", invalid="ignore")  # and an infinite mean is undefined
_ROUNDING = float(np.finfo(np.float64).eps)  # the least distance to 0 and 1 at which a logarithm is taken


class Undefined(StrEnum):
    """Why a measure does not exist."""

    NO_PAIRS = "no_pairs"
    ONE_CLASS = "one_class"
    NOT_BINARY = "labels_are_not_0_and_1"
    NOT_PROBABILITIES = "predictions_are_not_between_0_and_1"
    NONE_POSITIVE = "no_positive_labels"
    NONE_PREDICTED = "none_predicted_positive"
    LABELS_ALL_EQUAL = "labels_all_equal"
    TOO_FEW_GROUPS = "fewer_than_two_groups_of_enough_pairs"
    NONE_SELECTED = "no_group_was_selected"
    TOO_LARGE = "errors_too_large_for_a_float"


class Measure(NamedTuple):
    """A number, and between which bounds the true one lies when they are known; or the reason why there is none."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    undefined: Undefined | None = None


class Pairs(NamedTuple):
    """Finite predictions, each with its finite label. ``left_out`` counts pairs of which either was not."""

    predictions: Floats
    labels: Floats
    left_out: int = 0


def pairs_of(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> Pairs:
    """The pairs that can be measured. Raises ValueError when there are not as many labels as predictions."""
    guessed, true = np.asarray(predictions, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if guessed.shape != true.shape or guessed.ndim != 1:
        raise ValueError(f"predictions of {guessed.shape} and labels of {true.shape} are not pairs")
    finite = np.isfinite(guessed) & np.isfinite(true)
    return Pairs(guessed[finite], true[finite], int(len(finite) - np.count_nonzero(finite)))


def auc(pairs: Pairs) -> Measure:
    """Area under the ROC curve: how often a positive is scored above a negative, a tie counting one half.

    From the sum of midranks: AUC = (R1 - n1 (n1 + 1) / 2) / (n1 n0) (Hanley and McNeil, Radiology 143, 1982).
    Bounds by ``auc_bounds``.
    """
    if reason := _not_binary(pairs):
        return Measure(None, undefined=reason)
    positive = pairs.labels == 1.0
    positives, negatives = int(positive.sum()), int(len(positive) - positive.sum())
    if not positives or not negatives:
        return Measure(None, undefined=Undefined.ONE_CLASS)
    above = float(_midranks(pairs.predictions)[positive].sum()) - positives * (positives + 1) / 2.0
    area = above / (float(positives) * negatives)
    return Measure(area, *auc_bounds(area, positives, negatives))


def auc_bounds(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """The areas that are ``_Z`` of their own standard errors away, which is Wilson's idea applied to Hanley and McNeil.

    Variance of an area a by Hanley and McNeil (1982), in the form that Newcombe recommends as method 5 (Statistics in
    Medicine 25, 2006): a (1 - a) (1 + N (1 - a) / (2 - a) + N a / (1 + a)) / (n1 n0), N = (n1 + n0) / 2 - 1. Unlike the
    usual a ± z s the bounds stay within 0 and 1, and a perfect area of ten pairs has a lower bound that says so.
    """
    return _farthest(area, 0.0, positives, negatives), _farthest(area, 1.0, positives, negatives)


def accuracy(pairs: Pairs, threshold: float = THRESHOLD) -> Measure:
    """The share of predictions on the right side of the threshold. At it, a prediction is positive. Bounds by Wilson."""
    if reason := _not_binary(pairs):
        return Measure(None, undefined=reason)
    return proportion(*_counted((pairs.predictions >= threshold) == (pairs.labels == 1.0)), Undefined.NO_PAIRS)


def precision(pairs: Pairs, threshold: float = THRESHOLD) -> Measure:
    """The share of positive labels among what was predicted positive. Bounds by Wilson."""
    if reason := _not_binary(pairs):
        return Measure(None, undefined=reason)
    right = pairs.labels[pairs.predictions >= threshold] == 1.0
    return proportion(*_counted(right), Undefined.NONE_PREDICTED)


def recall(pairs: Pairs, threshold: float = THRESHOLD) -> Measure:
    """The share of positive labels that was predicted positive. Bounds by Wilson."""
    if reason := _not_binary(pairs):
        return Measure(None, undefined=reason)
    found = pairs.predictions[pairs.labels == 1.0] >= threshold
    return proportion(*_counted(found), Undefined.NONE_POSITIVE)


def f1(pairs: Pairs, threshold: float = THRESHOLD) -> Measure:
    """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall (van Rijsbergen, 1979). Without bounds."""
    if reason := _not_binary(pairs):
        return Measure(None, undefined=reason)
    guessed, true = pairs.predictions >= threshold, pairs.labels == 1.0
    both = int(guessed.sum()) + int(true.sum())
    if not both:
        return Measure(None, undefined=Undefined.NONE_POSITIVE)
    return Measure(2.0 * int((guessed & true).sum()) / both)


def brier(pairs: Pairs) -> Measure:
    """Mean of (prediction - label)^2 over probabilities (Brier, Monthly Weather Review 78, 1950). Lower is better."""
    if reason := _not_binary(pairs) or _not_probabilities(pairs):
        return Measure(None, undefined=reason)
    return _mean((pairs.predictions - pairs.labels) ** 2)


def log_loss(pairs: Pairs) -> Measure:
    """Mean of -ln of the probability that was given to what happened, kept 2.2e-16 away from 0 as scikit-learn does."""
    if reason := _not_binary(pairs) or _not_probabilities(pairs):
        return Measure(None, undefined=reason)
    likely = np.clip(np.where(pairs.labels == 1.0, pairs.predictions, 1.0 - pairs.predictions), _ROUNDING, 1.0)
    return _mean(-np.log(np.minimum(likely, 1.0 - _ROUNDING)))


@_HUGE_IS_INFINITE
def mae(pairs: Pairs) -> Measure:
    """Mean absolute error, in the unit of the label."""
    return _mean(np.abs(pairs.predictions - pairs.labels))


@_HUGE_IS_INFINITE
def rmse(pairs: Pairs) -> Measure:
    """Root of the mean squared error, in the unit of the label; its bounds are the roots of that mean's."""
    squared = _mean((pairs.predictions - pairs.labels) ** 2)
    return Measure(_root(squared.value), _root(squared.lower), _root(squared.upper), squared.undefined)


@_HUGE_IS_INFINITE
def bias(pairs: Pairs) -> Measure:
    """Mean of prediction - label: above 0 when the model says too much."""
    return _mean(pairs.predictions - pairs.labels, low=-math.inf)


@_HUGE_IS_INFINITE
def r2(pairs: Pairs) -> Measure:
    """1 - sum of squared errors / sum of squares about the labels' mean: 1 is perfect, 0 the mean's own. No bounds."""
    if not len(pairs.labels):
        return Measure(None, undefined=Undefined.NO_PAIRS)
    if np.all(pairs.labels == pairs.labels[0]):
        return Measure(None, undefined=Undefined.LABELS_ALL_EQUAL)
    about_mean = np.sum((pairs.labels - pairs.labels.mean()) ** 2)
    unexplained = float(np.sum((pairs.predictions - pairs.labels) ** 2)) / about_mean
    return Measure(1.0 - unexplained) if math.isfinite(unexplained) else Measure(None, undefined=Undefined.TOO_LARGE)


CLASSIFICATION: Mapping[str, Callable[[Pairs, float], Measure]] = {
    "auc": lambda pairs, _: auc(pairs),
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "brier": lambda pairs, _: brier(pairs),
    "log_loss": lambda pairs, _: log_loss(pairs),
}
REGRESSION: Mapping[str, Callable[[Pairs], Measure]] = {"mae": mae, "rmse": rmse, "r2": r2, "bias": bias}


def measure(metric: str, pairs: Pairs, threshold: float = THRESHOLD) -> Measure:
    """The measure of that name, of ``CLASSIFICATION`` or ``REGRESSION``; raises KeyError for any other."""
    return CLASSIFICATION[metric](pairs, threshold) if metric in CLASSIFICATION else REGRESSION[metric](pairs)


def proportion(hits: int, of: int, otherwise: Undefined = Undefined.NO_PAIRS) -> Measure:
    """A share, with Wilson's score interval (E. B. Wilson, JASA 22, 1927); ``otherwise`` says why when of is 0."""
    if not of:
        return Measure(None, undefined=otherwise)
    share, spread = hits / of, _Z * _Z / of
    middle = share + spread / 2.0
    reach = math.sqrt(spread * (share * (1.0 - share) + spread / 4.0))
    lower, upper = ((middle + side) / (1.0 + spread) for side in (-reach, reach))
    return Measure(share, max(0.0, min(lower, share)), min(1.0, max(upper, share)))


def _counted(hits: npt.NDArray[np.bool_]) -> tuple[int, int]:
    return int(np.count_nonzero(hits)), len(hits)


def _mean(losses: Floats, low: float = 0.0) -> Measure:
    """The mean and mean ± z s / sqrt(n) (central limit), no lower than losses can be. One loss has no bounds."""
    if not len(losses):
        return Measure(None, undefined=Undefined.NO_PAIRS)
    mean = float(losses.mean())
    if not math.isfinite(mean):
        return Measure(None, undefined=Undefined.TOO_LARGE)
    if len(losses) == 1:
        return Measure(mean)
    reach = _Z * float(losses.std(ddof=1)) / math.sqrt(len(losses))
    return Measure(mean, max(low, mean - reach), mean + reach) if math.isfinite(reach) else Measure(mean)


def _root(value: float | None) -> float | None:
    return None if value is None else math.sqrt(value)


def _not_binary(pairs: Pairs) -> Undefined | None:
    if not len(pairs.labels):
        return Undefined.NO_PAIRS
    return None if np.all((pairs.labels == 0.0) | (pairs.labels == 1.0)) else Undefined.NOT_BINARY


def _not_probabilities(pairs: Pairs) -> Undefined | None:
    between = np.all((pairs.predictions >= 0.0) & (pairs.predictions <= 1.0))
    return None if between else Undefined.NOT_PROBABILITIES


def _midranks(values: Floats) -> Floats:
    """The rank of each value, from 1; equal values share the middle of theirs."""
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = np.cumsum(ties) - (ties - 1) / 2.0
    return middle[place]


def _farthest(area: float, end: float, positives: int, negatives: int) -> float:
    """The area between this one and the end that is still within ``_Z`` standard errors of its own: by bisection."""
    near, far = area, end
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2.0
        within = (area - middle) ** 2 <= _Z * _Z * _area_variance(middle, positives, negatives)
        near, far = (middle, far) if within else (near, middle)
    return near


def _area_variance(area: float, positives: int, negatives: int) -> float:
    others = (positives + negatives) / 2.0 - 1.0
    spread = 1.0 + others * (1.0 - area) / (2.0 - area) + others * area / (1.0 + area)
    return area * (1.0 - area) * spread / (float(positives) * negatives)
