"""Rows of one model, counted against its reference profile.

Owns the one vector of counts and the moments that a window keeps, from rows of the profile's own type (``row_types``) or
from objects of whatever JSON held. Both give the same counts, and so does any way to cut rows into batches.
Knows nothing of windows, deployments or messages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import itemgetter
from typing import Any, NamedTuple

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
from shared.telemetry.row_types import types_of

ROWS_AT_ONCE = 1024  # as many as stay near the processor; at most ``moments.ROWS_MAX``


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What some rows add to a window: the vector that the profile lays out, and the moments of its numbers."""

    counts: Counts
    moments: Moments

    def plus(self, other: "Counted") -> "Counted":
        """Both together."""
        return Counted(self.counts + other.counts, self.moments.plus(other.moments))


class Columns(NamedTuple):
    """Some rows as columns: numbers (NaN where there is none), places of categories, and categories as they came.

    ``type_errors`` tells, number by number, which rows are NaN although something was there; it may be empty.
    """

    numbers: Floats
    places: Floats
    loose: Sequence[Sequence[Any]] = ()
    type_errors: Sequence[Sequence[int]] = ()


class RowCounter:
    """Counts rows of one model. Making one takes about a millisecond and some kilobytes: keep it as long as the profile.

    ``numbers`` are the numeric features in the order of the moments: the inputs' first, then the prediction.
    """

    def __init__(self, profile: ReferenceProfile) -> None:
        self.profile, self.types = profile, types_of(profile)
        features = profile.features
        self._starts = {name: where.start for name, where in profile.slices.items()}
        self.numbers = (*self.types.numbers, *((PREDICTION,) if PREDICTION in features else ()))
        numeric = [each for name in self.numbers if isinstance(each := features[name], NumericReference)]
        self._grid = Grid(numeric, [self._starts[name] for name in self.numbers], profile.size)
        names = (*self.types.places, *self.types.loose)
        self._listed = [(name, each) for name in names if isinstance(each := features[name], CategoricalReference)]
        self.has_prediction = PREDICTION in features
        self.place_starts = np.array([self._starts[name] for name in self.types.places], dtype=np.int64)[:, None]
        self._inputs, self._outputs = len(self.types.numbers), len(self.numbers) - len(self.types.numbers)

    @property
    def bounds(self) -> Floats:
        """What numbers are compared with (``Grid.bounds``), in the order of ``numbers``."""
        return self._grid.bounds

    def nothing(self) -> Counted:
        """What no rows add."""
        return Counted(np.zeros(self.profile.size, dtype=np.int64), no_moments(len(self.numbers)))

    def count(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> Counted:
        """Rows of model inputs and of model outputs: those of either all of the profile's own type, or all objects.

        Of outputs only the prediction counts, where the profile has one. As many outputs as inputs are counted in one step.
        """
        if not self.has_prediction:
            outputs = ()
        if len(inputs) == len(outputs):
            pairs = zip(_chunks(inputs), _chunks(outputs), strict=True)
            parts = [self._count_both(self.read(some), self._read_outputs(others)) for some, others in pairs]
        else:
            parts = [self._count_inputs(self.read(some)) for some in _chunks(inputs)]
            parts += [self._count_outputs(self._read_outputs(some)) for some in _chunks(outputs)]
        return reduce(Counted.plus, parts) if parts else self.nothing()

    def spread(self, counted: Counted) -> dict[str, Spread]:
        """Mean, deviation and range of each number that was there."""
        found = {}
        for position, name in enumerate(self.numbers):
            present = int(counted.counts[self.profile.slices[name]][:-EXTRAS].sum())
            spread = self._grid.units.spread(counted.moments, position, present)
            if spread is not None:
                found[name] = spread
        return found

    def _count_both(self, inputs: Columns, outputs: Columns) -> Counted:
        counts, moments = self._grid.count(np.concatenate([inputs.numbers, outputs.numbers]))
        self._settle(counts, inputs)
        self._tell_apart(counts, (PREDICTION,), outputs.type_errors)
        return Counted(counts, moments)

    def _count_inputs(self, inputs: Columns) -> Counted:
        counts, moments = self._grid.count(inputs.numbers)
        self._settle(counts, inputs)
        return Counted(counts, moments.then(no_moments(self._outputs)))

    def _count_outputs(self, outputs: Columns) -> Counted:
        counts, moments = self._grid.count(outputs.numbers, first=self._inputs)
        self._tell_apart(counts, (PREDICTION,), outputs.type_errors)
        return Counted(counts, no_moments(self._inputs).then(moments))

    def read(self, rows: Sequence[Any]) -> Columns:
        """Rows of inputs (one or more) as columns. They may be those of any model whose rows have the same type."""
        if not isinstance(rows[0], self.types.input_row):
            return self._read_objects(rows)
        columns = self.types.columns(rows)
        if columns is not None:
            matrix, loose = columns
            return Columns(matrix[: self._inputs], matrix[self._inputs :], loose)
        numbers, places, loose = self.types.parts(rows)
        return read_numbers(numbers, np.array(places, dtype=np.float64).reshape(len(places), len(rows)), loose)

    def _read_objects(self, rows: Sequence[Any]) -> Columns:
        names = (*self.types.numbers, *(name for name, _ in self._listed))
        columns = transpose(rows, names, itemgetter(*names)) if names else []
        return read_numbers(columns[: self._inputs], np.empty((0, len(rows))), columns[self._inputs :])

    def _read_outputs(self, rows: Sequence[Any]) -> Columns:
        return read_numbers([self.predictions(rows)], np.empty((0, len(rows))), ())

    def predictions(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The predictions in rows of outputs, as they came."""
        if rows and isinstance(rows[0], self.types.output_row):
            return self.types.predictions(rows)
        return [prediction_of(row) for row in rows]

    def _settle(self, counts: Counts, inputs: Columns) -> None:
        """Add what the grid does not know of."""
        self._tell_apart(counts, self.types.numbers, inputs.type_errors)
        if len(inputs.places):
            self._count_places(counts, inputs.places)
        for (name, feature), column in zip(reversed(self._listed), reversed(inputs.loose), strict=False):
            counts[self.profile.slices[name]] += count_categories(column, feature)

    def _tell_apart(self, counts: Counts, names: Sequence[str], type_errors: Sequence[Sequence[int]]) -> None:
        """Type errors were counted as nulls: to the grid, both are no number."""
        for name, wrong in zip(names, type_errors, strict=False):
            if wrong:
                nulls = self._starts[name] + self.profile.features[name].bins
                counts[nulls] -= len(wrong)
                counts[nulls + 1] += len(wrong)

    def _count_places(self, counts: Counts, places: Floats) -> None:
        found = places.astype(np.int64)
        found += self.place_starts
        counts += np.bincount(found.ravel(), minlength=len(counts))
        for name, feature in self._listed[: len(self.types.places)]:
            extras = self._starts[name] + feature.bins
            counts[extras + EXTRAS - 1] += counts[extras - 1]  # what is not listed is outside


def read_numbers(columns: Sequence[Sequence[Any]], places: Floats, loose: Sequence[Sequence[Any]]) -> Columns:
    """Columns of numbers as they came, told apart into numbers, nulls and type errors."""
    matrix, type_errors = np.empty((len(columns), places.shape[1])), list[Sequence[int]]()
    for position, column in enumerate(columns):
        matrix[position], wrong = numbers_of(column)
        type_errors.append(wrong)
    return Columns(matrix, places, loose, type_errors)


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))
