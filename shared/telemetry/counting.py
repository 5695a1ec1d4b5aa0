"""Rows of one model, counted against its reference profile.

Owns the one vector of counts and the moments that a window keeps, from rows of the profile's own type (``row_types``) or
from objects of whatever JSON held. Both give the same counts, and so does any way to cut rows into batches.
Knows nothing of windows, deployments or messages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from shared.telemetry.columns import count_categories, numbers_of, prediction_of, transpose
from shared.telemetry.grid import Grid
from shared.telemetry.moments import Moments, Spread, no_moments
from shared.telemetry.profiles import (
    EXTRAS,
    PREDICTION,
    CategoricalReference,
    Counts,
    Floats,
    NumericReference,
    ReferenceProfile,
)
from shared.telemetry.row_types import RowTypes

ROWS_AT_ONCE = 1024  # as many as stay near the processor; at most ``moments.ROWS_MAX``


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What some rows add to a window: the vector that the profile lays out, and the moments of its numbers."""

    counts: Counts
    moments: Moments

    def plus(self, other: "Counted") -> "Counted":
        """Both together."""
        return Counted(self.counts + other.counts, self.moments.plus(other.moments))


class RowCounter:
    """Counts rows of one model. Making one takes about a millisecond and some kilobytes: keep it as long as the profile."""

    def __init__(self, profile: ReferenceProfile) -> None:
        self.profile, self.types = profile, RowTypes(profile)
        features = profile.features
        self._starts = {name: where.start for name, where in profile.slices.items()}
        self._numbers = [each for name in self.types.numbers if isinstance(each := features[name], NumericReference)]
        self._grid = self._grid_of(self.types.numbers, self._numbers)
        self._listed = [(name, _listed(features[name])) for name in (*self.types.places, *self.types.loose)]
        self._place_starts = np.array([self._starts[name] for name in self.types.places], dtype=np.int64)[:, None]
        prediction = features.get(PREDICTION)
        self._prediction = prediction if isinstance(prediction, NumericReference) else None
        self._predictions = self._grid_of((PREDICTION,), [self._prediction]) if self._prediction else None
        self.numbers = (*self.types.numbers, *((PREDICTION,) if self._prediction else ()))
        self._units = self._grid.units if self._predictions is None else self._grid.units.then(self._predictions.units)
        self._no_prediction = no_moments(len(self.numbers) - len(self._numbers))
        self._no_numbers = no_moments(len(self._numbers))

    def _grid_of(self, names: Sequence[str], features: Sequence[NumericReference]) -> Grid:
        return Grid(features, [self._starts[name] for name in names], self.profile.size)

    def nothing(self) -> Counted:
        """What no rows add."""
        return Counted(np.zeros(self.profile.size, dtype=np.int64), no_moments(len(self.numbers)))

    def inputs(self, rows: Sequence[Any]) -> Counted:
        """Rows of model inputs, all of ``types.input_row`` or all of them objects."""
        typed = bool(rows) and isinstance(rows[0], self.types.input_row)
        total = self.nothing()
        for some in _chunks(rows):
            counted = self._typed(some) if typed else self._objects(some)
            total = total.plus(counted)
        return total

    def outputs(self, rows: Sequence[Any]) -> Counted:
        """Rows of model outputs, all of ``types.output_row`` or all of them objects: only the prediction counts, where the profile has one."""
        total = self.nothing()
        if self._predictions is None or self._prediction is None:
            return total
        typed = bool(rows) and isinstance(rows[0], self.types.output_row)
        for some in _chunks(rows):
            column = self.types.predictions(some) if typed else [prediction_of(row) for row in some]
            values, type_errors = numbers_of(column)
            counts, moments = self._predictions.count(values[None, :])
            self._tell_apart(counts, PREDICTION, self._prediction, type_errors)
            total = total.plus(Counted(counts, self._no_numbers.then(moments)))
        return total

    def spread(self, counted: Counted) -> dict[str, Spread]:
        """Mean, deviation and range of each number that was there."""
        found = {}
        for position, name in enumerate(self.numbers):
            present = int(counted.counts[self.profile.slices[name]][:-EXTRAS].sum())
            spread = self._units.spread(counted.moments, position, present)
            if spread is not None:
                found[name] = spread
        return found

    def _typed(self, rows: Sequence[Any]) -> Counted:
        columns = self.types.columns(rows)
        if columns is None:
            return self._in_parts(rows)
        matrix, loose = columns
        numbers = len(self._numbers)
        counts, moments = self._grid.count(matrix[:numbers])
        self._count_places(counts, matrix[numbers:])
        self._count_loose(counts, loose)
        return Counted(counts, moments.then(self._no_prediction))

    def _in_parts(self, rows: Sequence[Any]) -> Counted:
        numbers, places, loose = self.types.parts(rows)
        counts, moments = self._count_numbers(numbers, len(rows))
        self._count_places(counts, np.array(places, dtype=np.float64).reshape(len(places), len(rows)))
        self._count_loose(counts, loose)
        return Counted(counts, moments.then(self._no_prediction))

    def _objects(self, rows: Sequence[Any]) -> Counted:
        names = (*self.types.numbers, *(name for name, _ in self._listed))
        columns = transpose(rows, names, itemgetter(*names)) if names else []
        numbers = len(self._numbers)
        counts, moments = self._count_numbers(columns[:numbers], len(rows))
        for (name, feature), column in zip(self._listed, columns[numbers:], strict=True):
            counts[self.profile.slices[name]] += count_categories(column, feature)
        return Counted(counts, moments.then(self._no_prediction))

    def _count_numbers(self, columns: Sequence[Sequence[Any]], rows: int) -> tuple[Counts, Moments]:
        matrix, wrong = np.empty((len(columns), rows)), list[int]()
        for position, column in enumerate(columns):
            matrix[position], type_errors = numbers_of(column)
            wrong.append(type_errors)
        counts, moments = self._grid.count(matrix)
        for name, feature, type_errors in zip(self.types.numbers, self._numbers, wrong, strict=True):
            self._tell_apart(counts, name, feature, type_errors)
        return counts, moments

    def _tell_apart(self, counts: Counts, name: str, feature: NumericReference, type_errors: int) -> None:
        """Type errors were counted as nulls: to the grid, both are no number."""
        nulls = self._starts[name] + feature.bins
        counts[nulls] -= type_errors
        counts[nulls + 1] += type_errors

    def _count_places(self, counts: Counts, places: Floats) -> None:
        found = places.astype(np.int64)
        found += self._place_starts
        counts += np.bincount(found.ravel(), minlength=len(counts))
        for name, feature in self._listed[: len(self.types.places)]:
            start = self._starts[name] + feature.bins
            counts[start + EXTRAS - 1] += counts[start - 1]

    def _count_loose(self, counts: Counts, loose: Sequence[Sequence[Any]]) -> None:
        for (name, feature), column in zip(self._listed[len(self.types.places) :], loose, strict=True):
            counts[self.profile.slices[name]] += count_categories(column, feature)


def _listed(feature: object) -> CategoricalReference:
    assert isinstance(feature, CategoricalReference)  # noqa: S101
    return feature


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))
