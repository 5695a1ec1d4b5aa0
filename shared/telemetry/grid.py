"""Many numeric features of many rows, binned at once.

Owns the way from a matrix of values to places in a profile's vector of counts. Gives exactly what ``edges.searchsorted(value)``
gives (an upper edge belongs to its bin), several times faster: a table tells how many edges lie below the cell that a value
falls into, and the few edges within the cell are compared with the value itself. Rounding a value to its cell never puts a
greater value into a lower cell, so what the table says is exact. Knows nothing of JSON, rows or categories.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.telemetry.moments import SPAN_BITS, Moments, Units, moments_of
from shared.telemetry.profiles import Counts, Floats, NumericReference

Places = npt.NDArray[np.int64]

EDGES_IN_A_CELL = 2  # more are allowed, but are worth a finer table
_SHIFTS = range(9, 3, -1)  # from 128 cells to 4,096


class Grid:
    """Numeric features, and where the bins of each begin in the vector of counts."""

    def __init__(self, features: Sequence[NumericReference], starts: Sequence[int], size: int) -> None:
        self._features, self._size = tuple(features), size
        self.units = Units.of(features)
        self._nulls = np.array(
            [start + each.bins for each, start in zip(features, starts, strict=True)], dtype=np.int64
        )
        self._least = _limits([each.min for each in features], -np.inf)
        self._greatest = _limits([each.max for each in features], np.inf)
        self._edge_at = np.full(size, np.inf)  # the edge above the bin at each place of the vector
        for feature, start in zip(features, starts, strict=True):
            self._edge_at[start : start + feature.bins - 1] = feature.edges_array
        self._lay_table(starts)

    def _lay_table(self, starts: Sequence[int]) -> None:
        units = [self._rounded_edges(position) for position in range(len(self._features))]
        for shift in _SHIFTS:
            cells = 1 << (SPAN_BITS + 1 - shift)
            within = [_cells(edges, shift, cells) for edges in units]
            self._deepest = max((int(np.bincount(each).max(initial=0)) for each in within), default=0)
            if self._deepest <= EDGES_IN_A_CELL:
                break
        self._shift, self._cells = shift, cells
        below = [np.searchsorted(each, np.arange(cells), side="left") for each in within]
        first = [start + each for start, each in zip(starts, below, strict=True)]
        self._first = np.concatenate([*first, np.empty(0, dtype=np.int64)]).astype(np.int64)
        self._rows_of_table = np.arange(len(units), dtype=np.int64)[:, None] * cells

    def _rounded_edges(self, position: int) -> Floats:
        edges = np.zeros((len(self._features), len(self._features[position].edges)))
        edges[position] = self._features[position].edges_array
        rounded: Floats = self.units.rounded(edges)[position]
        return rounded

    def count(self, values: Floats, first: int = 0) -> tuple[Counts, Moments]:
        """A matrix (features x rows, NaN for what is not there; ``moments.ROWS_MAX`` rows at most): the whole vector, and the moments.

        The matrix may hold some of the features only, in order, from the ``first`` on; the vector's places of all others stay 0.
        Values that are not there count as nulls.
        """
        here = slice(first, first + len(values))
        missing = np.isnan(values) if _any_nan(values) else None
        present = values if missing is None else np.where(missing, self.units.centres[here, None], values)
        units = self.units.rounded(present, here)
        moments = moments_of(units, values)
        places = self._places(units, present, here)
        if missing is not None:
            places[missing] = np.broadcast_to(self._nulls[here, None], places.shape)[missing]
        counts = np.bincount(places.ravel(), minlength=self._size)
        self._count_outside(values, moments, counts, here)
        return counts, moments

    def _places(self, units: Floats, values: Floats, here: slice) -> Places:
        cells = units.astype(np.int64)
        cells >>= self._shift
        cells += self._cells // 2
        np.maximum(cells, 0, out=cells)
        np.minimum(cells, self._cells - 1, out=cells)
        cells += self._rows_of_table[here]
        places: Places = self._first.take(cells)
        for _ in range(self._deepest):
            places += self._edge_at.take(places) < values
        return places

    def _count_outside(self, values: Floats, moments: Moments, counts: Counts, here: slice) -> None:
        least, greatest = self._least[here], self._greatest[here]
        for position in np.flatnonzero((moments.lowest < least) | (moments.highest > greatest)):
            below, above = values[position] < least[position], values[position] > greatest[position]
            counts[self._nulls[here][position] + 2] += np.count_nonzero(below) + np.count_nonzero(above)


def _limits(known: Sequence[float | None], otherwise: float) -> Floats:
    return np.array([otherwise if each is None else each for each in known], dtype=np.float64)


def _any_nan(values: Floats) -> bool:
    return bool(np.isnan(values.min(initial=np.inf)))  # the least of numbers of which one is NaN is NaN


def _cells(units: Floats, shift: int, cells: int) -> Any:
    return np.clip((units.astype(np.int64) >> shift) + cells // 2, 0, cells - 1)
