"""How differently a model treats groups of people: rates per group, and the gaps between the groups.

Owns the formulas, which are those of Hardt, Price and Srebro (Equality of Opportunity in Supervised Learning, 2016) and
of Fairlearn's user guide. Knows nothing of which column is sensitive, nor of limits. Nothing here raises on a value.

A rate that stands on fewer than ``GROUP_MIN`` pairs of its own kind is left out of its gap and named there: a thousand
people of whom three had an accident are enough for a selection rate, but not for a true positive rate.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.telemetry.performance import THRESHOLD, Pairs, Undefined, pairs_of
from shared.telemetry.profiles import Floats

GROUP_MIN = 100
GROUPS_MAX = 64  # a column that holds names has more: the largest are told apart, the pairs of the others are counted

Which = npt.NDArray[np.bool_]


class Rate(NamedTuple):
    """A mean over ``of`` pairs of one group; None when there are none."""

    value: float | None
    of: int


class Group(NamedTuple):
    """One group: how many pairs it has, and its rates by name."""

    name: str
    pairs: int
    rates: Mapping[str, Rate]


class Gap(NamedTuple):
    """A disparity, and the groups with the highest and the lowest rate; or the reason why there is none.

    ``left_out`` names the groups with too few pairs for this rate.
    """

    value: float | None
    highest: str = ""
    lowest: str = ""
    left_out: tuple[str, ...] = ()
    undefined: Undefined | None = None


class Disparities(NamedTuple):
    """All groups in order of their names, and the gaps between them.

    ``pairs_left_out`` counts the pairs without a group, of groups beyond ``GROUPS_MAX``, and those that are not finite.
    """

    groups: tuple[Group, ...]
    gaps: Mapping[str, Gap]
    pairs_left_out: int


def classification_disparities(
    predictions: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: Sequence[Any],
    threshold: float = THRESHOLD,
    group_min: int = GROUP_MIN,
) -> Disparities:
    """Rates and gaps of a classifier whose labels are 0 and 1; a prediction at the threshold is positive: selected.

    * ``demographic_parity_difference``: highest - lowest selection rate; ``demographic_parity_ratio``: lowest / highest
    * ``equal_opportunity_difference``: highest - lowest true positive rate
    * ``equalized_odds_difference``: the larger gap of true and of false positive rates, when both exist
    * ``accuracy_difference`` and ``mean_prediction_difference``: highest - lowest

    Raises ValueError when there are not as many labels, or groups, as predictions.
    """
    parts, left_out = _parts(predictions, labels, groups)
    if not all(np.all((part.labels == 0.0) | (part.labels == 1.0)) for part in parts.values()):
        return Disparities((), dict.fromkeys(CLASSIFICATION_GAPS, Gap(None, undefined=Undefined.NOT_BINARY)), left_out)
    found = tuple(Group(name, len(part.labels), _classified(part, threshold)) for name, part in parts.items())
    selection, opportunity = (_range(found, rate, group_min) for rate in ("selection_rate", "true_positive_rate"))
    gaps = (
        selection,
        _ratio(found, selection),
        opportunity,
        _larger(opportunity, _range(found, "false_positive_rate", group_min)),
        _range(found, "accuracy", group_min),
        _range(found, "mean_prediction", group_min),
    )
    return Disparities(found, dict(zip(CLASSIFICATION_GAPS, gaps, strict=True)), left_out)


CLASSIFICATION_GAPS = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "accuracy_difference",
    "mean_prediction_difference",
)


def regression_disparities(
    predictions: npt.ArrayLike, labels: npt.ArrayLike, groups: Sequence[Any], group_min: int = GROUP_MIN
) -> Disparities:
    """Rates and gaps of a regression: ``mae_difference``, ``bias_difference`` and ``mean_prediction_difference``.

    Each is the highest less the lowest. Raises ValueError when there are not as many labels, or groups, as predictions.
    """
    parts, left_out = _parts(predictions, labels, groups)
    found = tuple(Group(name, len(part.labels), _estimated(part)) for name, part in parts.items())
    gaps = {f"{rate}_difference": _range(found, rate, group_min) for rate in ("mae", "bias", "mean_prediction")}
    return Disparities(found, gaps, left_out)


def _parts(predictions: npt.ArrayLike, labels: npt.ArrayLike, groups: Sequence[Any]) -> tuple[dict[str, Pairs], int]:
    """The pairs of each group by its name, and how many pairs are in none."""
    guessed, true = np.asarray(predictions, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if not len(guessed) == len(true) == len(groups):
        raise ValueError(
            f"{len(guessed)} predictions, {len(true)} labels and {len(groups)} groups do not belong together"
        )
    names, place, sizes = np.unique(
        np.array([_name(group) for group in groups], dtype=np.str_), return_inverse=True, return_counts=True
    )
    largest = sorted((-size, name, where) for where, (name, size) in enumerate(zip(names.tolist(), sizes, strict=True)))
    kept = sorted((name, where) for _, name, where in [part for part in largest if part[1]][:GROUPS_MAX])
    parts = {name: pairs_of(guessed[place == where], true[place == where]) for name, where in kept}
    parts = {name: part for name, part in parts.items() if len(part.labels)}
    return parts, len(guessed) - sum(len(part.labels) for part in parts.values())


def _name(group: Any) -> str:
    return "" if group is None or group != group else str(group)  # noqa: PLR0124 - NaN alone differs from itself


def _classified(part: Pairs, threshold: float) -> dict[str, Rate]:
    selected, positive = part.predictions >= threshold, part.labels == 1.0
    return {
        "selection_rate": _rate(selected),
        "accuracy": _rate(selected == positive),
        "true_positive_rate": _rate(selected[positive]),
        "false_positive_rate": _rate(selected[~positive]),
        "mean_prediction": _rate(part.predictions),
    }


def _estimated(part: Pairs) -> dict[str, Rate]:
    with np.errstate(over="ignore"):  # an infinite mean is no rate
        errors = part.predictions - part.labels
    return {"mae": _rate(np.abs(errors)), "bias": _rate(errors), "mean_prediction": _rate(part.predictions)}


def _rate(values: Floats | Which) -> Rate:
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(np.mean(values)) if len(values) else np.nan
    return Rate(mean if np.isfinite(mean) else None, len(values))


def _range(groups: tuple[Group, ...], rate: str, group_min: int) -> Gap:
    """The highest less the lowest of a rate, among the groups with enough pairs for it; of equals the first by name."""
    known = [(group.rates[rate].value, group.name) for group in groups if group.rates[rate].of >= max(group_min, 1)]
    compared = [(value, name) for value, name in known if value is not None]
    left_out = tuple(group.name for group in groups if group.name not in {name for _, name in compared})
    if len(compared) < 2:
        return Gap(None, left_out=left_out, undefined=Undefined.TOO_FEW_GROUPS)
    highest, lowest = max(compared, key=lambda pair: pair[0]), min(compared, key=lambda pair: pair[0])
    return Gap(highest[0] - lowest[0], highest[1], lowest[1], left_out)


def _ratio(groups: tuple[Group, ...], selection: Gap) -> Gap:
    """The lowest selection rate over the highest, between the groups of their difference."""
    if selection.value is None:
        return selection
    rates = {group.name: group.rates["selection_rate"].value or 0.0 for group in groups}
    if not rates[selection.highest]:
        return selection._replace(value=None, undefined=Undefined.NONE_SELECTED)
    return selection._replace(value=rates[selection.lowest] / rates[selection.highest])


def _larger(one: Gap, other: Gap) -> Gap:
    left_out = tuple(sorted({*one.left_out, *other.left_out}))
    if one.value is None or other.value is None:
        return (one if one.value is None else other)._replace(left_out=left_out)
    return (one if one.value >= other.value else other)._replace(left_out=left_out)
