"""From columns of values to a reference profile: first the outline (edges and listed values), then the counts.

Owns how edges are chosen. What a value counts as is ``columns``'s to say, so that the reference is counted as production
will be. Knows nothing of files. An outline may come from a sample; the counts come from every row that is added.

Numeric features: the edges are the reference's quantiles (``numpy.quantile``, linear interpolation), so that each bin
holds about the same share. An upper edge belongs to its bin; equal quantiles are one edge, so a value that many rows share
makes one full bin; an edge at the maximum goes, since nothing would lie beyond it. The outermost bins are open. A feature of
few values has a bin for each. A constant one has three, before, at and after its value, so that any change of it shows.
Categorical features: the most frequent values are listed, the rest is ``other``.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from shared.telemetry.columns import count_categories, numbers_of
from shared.telemetry.profiles import (
    CATEGORIES_MAX,
    PREDICTION,
    CategoricalReference,
    Counts,
    FeatureReference,
    Floats,
    NumericReference,
    ProfileError,
    ReferenceProfile,
    recounted,
)

BINS = 20
NUMERIC_SHARE_MIN = 0.99  # of the present values must read as numbers: a few that do not are type errors, as later on
CATEGORY_CHARACTERS_MAX = 128  # a longer text is counted with the others: it is prose, not a category
IDENTIFIER_SHARE_MIN = 0.5  # of a sample's values differ: such a column names rows
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person decides about the bins. Features that are named as neither kind are told by their values."""

    bins: int = BINS
    categorical: frozenset[str] = frozenset()
    numeric: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outline:
    """A profile that has not counted anything yet, and by feature what a person should know of it."""

    profile: ReferenceProfile
    notes: Mapping[str, str] = field(default_factory=dict)


def outline(columns: Mapping[str, Sequence[Any]], predictions: Sequence[Any], choices: Choices) -> Outline:
    """The bins of each column and of the prediction, of which either may be a sample. Columns of nulls are left out.

    Raises ProfileError when nothing is left, when a column has the name that is kept for the prediction, or when the
    prediction is no number.
    """
    if PREDICTION in columns:
        raise ProfileError(f"A column is called {PREDICTION}: that name is kept for the model's output.")
    features: dict[str, FeatureReference] = {}
    notes: dict[str, str] = {}
    for name, column in columns.items():
        feature, note = _outlined(name, column, choices)
        features |= {name: feature} if feature else {}
        notes |= {name: note} if note else {}
    if any(value is not None for value in predictions):
        features[PREDICTION] = _prediction(predictions, choices.bins)
    if not features:
        raise ProfileError("No column holds a value: there is nothing to make a profile of.")
    return Outline(ReferenceProfile(rows=0, features=features), notes)


def quantile_edges(values: Floats, bins: int) -> tuple[float, ...]:
    """The edges of at most so many bins (three for a constant); values that are not finite have no part in them."""
    present = values[np.isfinite(values)]
    distinct = np.unique(present)
    if len(distinct) == 0:
        return ()
    if len(distinct) == 1:
        return _around(float(distinct[0]))
    if len(distinct) <= bins:
        return _as_edges(distinct[:-1])
    with np.errstate(all="ignore"):  # between numbers of 1e308 there is no interpolation
        edges = np.quantile(present, np.arange(1, bins) / bins)
    inner = np.unique(edges[np.isfinite(edges) & (edges < distinct[-1])])
    return _as_edges(inner if len(inner) else distinct[-2:-1])  # nearly all rows hold the maximum: it, and the rest


class Tally:
    """Counts rows under an outline, any number at a time. ``type_errors`` are by feature; they are in no bin."""

    def __init__(self, layout: ReferenceProfile) -> None:
        self.rows = self.predictions = 0
        self.type_errors: Counter[str] = Counter()
        self._layout = layout
        self._counts = np.zeros(layout.size, dtype=np.int64)
        self._ranges: dict[str, tuple[float, float]] = {}

    def add(self, columns: Mapping[str, Sequence[Any]], rows: int) -> None:
        """Rows of model inputs. A feature that they lack is null in each of them."""
        self.rows += rows
        for name in self._layout.inputs:
            column = columns.get(name)
            self._count(name, [None] * rows if column is None else column)

    def add_predictions(self, predictions: Sequence[Any]) -> None:
        """Values that the model answered."""
        self.predictions += len(predictions)
        if PREDICTION in self._layout.features:
            self._count(PREDICTION, predictions)

    def profile(self) -> ReferenceProfile:
        """The reference profile of everything that was added. Raises ProfileError when a feature has no value."""
        counted = recounted(self._layout, max(self.rows, self.predictions), self._counts)
        features = {name: self._with_range(name, feature) for name, feature in counted.features.items()}
        return ReferenceProfile(rows=counted.rows, features=features)

    def _count(self, name: str, column: Sequence[Any]) -> None:
        feature = self._layout.features[name]
        if isinstance(feature, NumericReference):
            counts = self._count_numbers(name, column, feature)
        else:
            counts = count_categories(column, feature)
        self.type_errors[name] += int(counts[feature.bins + 1])
        self._counts[self._layout.slices[name]] += counts

    def _count_numbers(self, name: str, column: Sequence[Any], feature: NumericReference) -> Counts:
        values, wrong = numbers_of(column)
        self._widen(name, values)
        present = values[~np.isnan(values)]
        bins = np.bincount(feature.edges_array.searchsorted(present), minlength=feature.bins)
        return np.concatenate([bins, [len(column) - len(present) - len(wrong), len(wrong), 0]])

    def _widen(self, name: str, values: Floats) -> None:
        present = values[np.isfinite(values)]
        if len(present):
            low, high = self._ranges.get(name, (math.inf, -math.inf))
            self._ranges[name] = (min(low, float(present.min())), max(high, float(present.max())))

    def _with_range(self, name: str, feature: FeatureReference) -> FeatureReference:
        if isinstance(feature, CategoricalReference) or name not in self._ranges:
            return feature
        low, high = self._ranges[name]
        return msgspec.structs.replace(feature, min=low + 0.0, max=high + 0.0)  # no minus zero


def _outlined(name: str, column: Sequence[Any], choices: Choices) -> tuple[FeatureReference | None, str]:
    present = [value for value in column if not _is_null(value)]
    if not present:
        return None, "left out: it holds no value"
    values, wrong = numbers_of(present)
    readable = int(np.count_nonzero(~np.isnan(values)))
    if name in choices.numeric:
        return (_numeric(values, choices.bins), "") if readable else (None, "left out: it holds no number")
    if name in choices.categorical or len(wrong) > (1 - NUMERIC_SHARE_MIN) * (readable + len(wrong)):
        return _categorical(present)
    return (_numeric(values, choices.bins), "") if readable else (None, "left out: it holds no value")


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _numeric(values: Floats, bins: int) -> NumericReference:
    edges = quantile_edges(values, bins)
    return NumericReference(edges=edges, counts=(0,) * (len(edges) + 1))


def _prediction(predictions: Sequence[Any], bins: int) -> NumericReference:
    values, wrong = numbers_of(predictions)
    readable = int(np.count_nonzero(~np.isnan(values)))
    if len(wrong) > (1 - NUMERIC_SHARE_MIN) * (readable + len(wrong)) or not readable:
        raise ProfileError(f"The {PREDICTION} must be a number: name the column of a score, a chance or a value.")
    return _numeric(values, bins)


def _categorical(present: Sequence[Any]) -> tuple[FeatureReference | None, str]:
    texts = Counter(text for value in present if (text := _text(value)) is not None)
    if not texts:
        return None, "left out: it holds neither numbers nor texts"
    frequent = sorted(texts.items(), key=lambda item: (-item[1], item[0]))
    listed = [text for text, _ in frequent if len(text) <= CATEGORY_CHARACTERS_MAX][:CATEGORIES_MAX]
    identifies = len(texts) > CATEGORIES_MAX and len(texts) > IDENTIFIER_SHARE_MIN * len(present)
    note = f"{len(texts)} different values: if it names rows, leave it out" if identifies else ""
    return CategoricalReference(counts=dict.fromkeys(listed, 0)), note


def _text(value: Any) -> str | None:
    """How a value is listed: numbers as ``columns`` looks for them, a whole one without its ``.0``."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value) if isinstance(value, str | bool | int | float) else None


def _around(value: float) -> tuple[float, ...]:
    before = min(math.nextafter(value, -math.inf), value - _TINY)  # no subnormal: some processes take those for zero
    return _as_edges(np.array([before, value]))


def _as_edges(edges: Floats) -> tuple[float, ...]:
    return tuple(float(edge) + 0.0 for edge in edges if math.isfinite(edge))  # + 0.0: no minus zero in a digest
