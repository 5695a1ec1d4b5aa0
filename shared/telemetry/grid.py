"""Many numeric features of many rows, binned at once.

Owns the way from a matrix of values to places in a profile's vector of counts. Gives exactly what ``edges.searchsorted(value)``
gives (an upper edge belongs to its bin), several times faster: a table tells how many edges lie below the cell that a value
falls into, and the few edges within the cell are compared with the value itself. Rounding a value to its cell never puts a
greater value into a lower cell, so what the table says is exact. Knows nothing of JSON, rows or categories.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.telemetry.moments import SPAN_BITS, Moments, Units, moments_of
from shared.telemetry.profiles import Counts, Floats, NumericReference

Places = npt.NDArray[np.int64]
SmallPlaces = npt.NDArray[Any]  # of unsigned numbers, as small as the inner vector allows

CUTS_IN_A_CELL = 2  # more are allowed, but are worth a finer table
_SHIFTS = range(9, 3, -1)  # from 128 cells to 4,096


CENTRE, PER_UNIT, LEAST, GREATEST, START, NULLS, EDGES = range(7)
"""The rows of ``Grid.bounds``: where the features' bins begin, and their nulls, are places in the vector. Edges are the last rows."""


class Grid:
    """Numeric features, and where the bins of each begin in the vector of counts.

    The table is laid when rows are first counted: of a model that never has but a few at a time, ``bounds`` are enough (``fleet``).
    """

    def __init__(self, features: Sequence[NumericReference], starts: Sequence[int], size: int) -> None:
        self._features, self._starts, self._size = tuple(features), tuple(starts), size
        self.units = Units.of(features)

    @cached_property
    def bounds(self) -> Floats:
        """All that a value is compared with, a column for each feature: edges are filled up with infinity, which no value exceeds."""
        deepest = max((len(feature.edges) for feature in self._features), default=0)
        bounds = np.full((EDGES + deepest, len(self._features)), np.inf)
        bounds[CENTRE], bounds[PER_UNIT] = self.units.centres, self.units.per_unit
        for column, feature, start in zip(bounds.T, self._features, self._starts, strict=True):
            column[LEAST] = -np.inf if feature.min is None else feature.min
            column[GREATEST] = _greatest(feature)
            column[START], column[NULLS] = start, start + feature.bins
            column[EDGES : EDGES + len(feature.edges)] = feature.edges
        return bounds

    def count(self, values: Floats, first: int = 0) -> tuple[Counts, Moments]:
        """A matrix (features x rows, NaN for what is not there; ``moments.ROWS_MAX`` rows at most): the whole vector, and the moments.

        The matrix may hold some of the features only, in order, from the ``first`` on; the vector's places of all others stay 0.
        Values that are not there count as nulls.
        """
        here = slice(first, first + len(values))
        lowest = values.min(axis=1, initial=np.inf)
        missing = np.isnan(values) if np.isnan(lowest).any() else None
        present = values if missing is None else np.where(missing, self.units.centres[here, None], values)
        units = self.units.rounded(present, here)
        return self._table.count(units, present, missing, here), moments_of(units, values, lowest)

    @cached_property
    def _table(self) -> "_Table":
        return _Table(self._features, self._starts, self._size, self.units)


class _Table:
    """How many edges lie below each cell.

    Inside, bins are cut at the reference's least and greatest value as well, so that what lies outside is counted on the way;
    this inner vector has, of the extras, nulls only.
    """

    def __init__(self, features: Sequence[NumericReference], starts: Sequence[int], size: int, units: Units) -> None:
        self._features, self._size, self._units = features, size, units
        cuts = [_cuts(feature) for feature in features]
        widths = [len(each) + 2 for each in cuts]  # one bin more than cuts, and nulls
        inner = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
        self._nulls, self._inner_size = inner[1:] - 1, int(inner[-1])
        self._small = np.min_scalar_type(self._inner_size)
        self._cut_at = np.full(self._inner_size, np.inf)  # the cut above the bin at each place of the inner vector
        for each, start in zip(cuts, inner.tolist(), strict=False):
            self._cut_at[start : start + len(each)] = each
        self._lay_table(cuts, inner[:-1])
        self._lay_out(starts, inner[:-1])

    def _lay_table(self, cuts: Sequence[Floats], inner: Places) -> None:
        for shift in _SHIFTS:
            cells = 1 << (SPAN_BITS + 1 - shift)
            within = [self._cells_of(each, position, shift) for position, each in enumerate(cuts)]
            self._deepest = max((int(np.bincount(each, minlength=1).max()) for each in within), default=0)
            if self._deepest <= CUTS_IN_A_CELL:
                break
        self._shift, self._cells = shift, cells
        below = [np.searchsorted(each, np.arange(cells), side="left") for each in within]
        first = [start + each for start, each in zip(inner.tolist(), below, strict=True)]
        self._first: SmallPlaces = np.concatenate(first or [inner]).astype(self._small)
        self._rows_of_table = np.arange(len(cuts), dtype=np.int64)[:, None] * cells

    def _cells_of(self, cuts: Floats, position: int, shift: int) -> Places:
        rounded = self._units.rounded(cuts[None, :], slice(position, position + 1))[0].astype(np.int64)
        half = 1 << (SPAN_BITS - shift)
        cells: Places = np.clip((rounded >> shift) + half, 0, 2 * half - 1)
        return cells

    def _lay_out(self, starts: Sequence[int], inner: Places) -> None:
        """Which places of the inner vector make up which of the whole one."""
        into, out = list[int](), list[int]()
        for feature, start, begin in zip(self._features, starts, inner.tolist(), strict=True):
            cuts, nulls = _cuts(feature), start + feature.bins
            lower = np.concatenate([[-np.inf], cuts])  # of each inner bin; what lies in it is greater
            upper = np.concatenate([cuts, [np.inf]])
            bins = np.concatenate([[0], np.searchsorted(feature.edges_array, cuts, side="right")])
            into += [*(start + bins).tolist(), nulls]
            out += range(begin, begin + len(bins) + 1)
            outside = (lower >= _greatest(feature)) | (upper <= _below_least(feature))
            places = np.flatnonzero(outside[: len(cuts) + 1])
            into += [nulls + 2] * len(places)  # once more
            out += (begin + places).tolist()
        self._into, self._out = np.array(into, dtype=np.int32), np.array(out, dtype=self._small)

    def count(self, units: Floats, values: Floats, missing: npt.NDArray[np.bool_] | None, here: slice) -> Counts:
        """The whole vector of values of the features ``here``, which are given in their units as well."""
        places = self._places(units, values, here)
        if missing is not None:
            places[missing] = np.broadcast_to(self._nulls[here, None], places.shape)[missing]
        inner = np.bincount(places.ravel(), minlength=self._inner_size)
        # Exact: numbers of rows are far below 2**53.
        return np.bincount(self._into, weights=inner.take(self._out), minlength=self._size).astype(np.int64)

    def _places(self, units: Floats, values: Floats, here: slice) -> SmallPlaces:
        cells = units.astype(np.int32)
        cells >>= self._shift
        cells += self._cells // 2
        np.maximum(cells, 0, out=cells)
        np.minimum(cells, self._cells - 1, out=cells)
        places: SmallPlaces = self._first.take(cells + self._rows_of_table[here])
        for _ in range(self._deepest):
            places += self._cut_at.take(places) < values
        return places


def _cuts(feature: NumericReference) -> Floats:
    """The edges, and where values begin to be below the least or above the greatest that the reference knows, in order."""
    limits = [limit for limit in (_below_least(feature), _greatest(feature)) if math.isfinite(limit)]
    return np.unique(np.array([*feature.edges, *limits], dtype=np.float64))


def _below_least(feature: NumericReference) -> float:
    return float("-inf") if feature.min is None else math.nextafter(feature.min, -math.inf)


def _greatest(feature: NumericReference) -> float:
    return float("inf") if feature.max is None else feature.max
