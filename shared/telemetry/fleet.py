"""A few rows each of many models, counted at once.

Owns that one pass, for models whose rows are of one type: each gets exactly what its own counter would give it. A pass over one
model's rows costs about 100 µs before it has counted any, so a batch from a thousand models would spend its time on beginnings.
Here each row is compared with all edges of its own model, which needs no table. Knows nothing of windows or deployments.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.telemetry.counting import Columns, Counted, RowCounter, read_numbers
from shared.telemetry.grid import CENTRE, EDGES, GREATEST, LEAST, NULLS, PER_UNIT, START
from shared.telemetry.moments import Moments, in_units
from shared.telemetry.profiles import EXTRAS, Floats

FEW = 32  # rows of one model: more are counted as cheaply by its own table
FLEET_MIN = 4  # models
BOUNDS_AT_ONCE = 1 << 18  # about 2 MB: as many as stay near the processor

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Few:
    """The rows of one model that wait: inputs of its own type, outputs of its own type or all objects."""

    counter: RowCounter
    inputs: Sequence[Any]
    outputs: Sequence[Any]


def count_few(waiting: Sequence[Few]) -> Iterator[tuple[int, Counted]]:
    """What those rows add that are counted here, each with its place among the ``waiting``; the others are better counted alone."""
    fleets = defaultdict[Any, list[int]](list)
    for place, few in enumerate(waiting):
        if len(few.inputs) <= FEW and len(few.outputs) <= FEW and not few.counter.types.loose:
            fleets[few.counter.types, few.counter.bounds.shape].append(place)
    for places in fleets.values():
        if len(places) >= FLEET_MIN:
            for chunk in _chunks(waiting, places):
                yield from zip(chunk, _count([waiting[place] for place in chunk]), strict=True)


def _chunks(waiting: Sequence[Few], places: Sequence[int]) -> Iterator[list[int]]:
    size, held, chunk = waiting[places[0]].counter.bounds.size, 0, list[int]()
    for place in places:
        rows = 1 + max(len(waiting[place].inputs), len(waiting[place].outputs))
        if chunk and (held + rows) * size > BOUNDS_AT_ONCE:
            yield chunk
            held, chunk = 0, []
        held += rows
        chunk.append(place)
    yield chunk


def _count(models: Sequence[Few]) -> list[Counted]:
    """What each of some models of one kind gets."""
    counter, sizes = models[0].counter, [model.counter.profile.size for model in models]
    begins = np.cumsum([0, *sizes])
    tally = _Tally(np.array([model.counter.bounds for model in models]), begins)
    inputs = [len(model.inputs) for model in models]
    if any(inputs):
        rows = [row for model in models for row in model.inputs]
        read, owners = counter.read(rows), np.repeat(np.arange(len(models)), inputs)
        tally.add_numbers(read, owners, slice(0, len(read.numbers)))
        if len(read.places):
            starts = np.array([model.counter.place_starts for model in models])[owners, :, 0]
            tally.add_places(read.places, starts + begins[owners, None], np.array(counter.types.null_places) - 1)
    outputs = [len(model.outputs) for model in models]
    if counter.has_prediction and any(outputs):
        column = [value for model in models for value in model.counter.predictions(model.outputs)]
        read = read_numbers([column], np.empty((0, len(column))), ())
        tally.add_numbers(read, np.repeat(np.arange(len(models)), outputs), slice(len(counter.numbers) - 1, None))
    return tally.counted()


@dataclass(slots=True)
class _Tally:
    """Places in the vectors of all models, one vector behind the other; and the moments, a row for each model."""

    bounds: Floats
    begins: Places
    places: list[Places] = field(default_factory=list)
    type_errors: list[int] = field(default_factory=list)
    lowest: Floats = field(init=False)
    highest: Floats = field(init=False)
    sums: Places = field(init=False)
    squares: Places = field(init=False)

    def __post_init__(self) -> None:
        models, _, numbers = self.bounds.shape
        self.lowest, self.highest = np.full((models, numbers), np.inf), np.full((models, numbers), -np.inf)
        self.sums, self.squares = np.zeros((2, models, numbers), dtype=np.int64)

    def add_numbers(self, read: Columns, owners: Places, here: slice) -> None:
        """Numbers of the features ``here``; rows are in the order of their owners."""
        bounds, values = self.bounds[owners, :, here], np.ascontiguousarray(read.numbers.T)
        begin, missing = self.begins[owners, None], np.isnan(values)
        bins = np.sum(bounds[:, EDGES:] < values[:, None], axis=1, dtype=np.uint8)  # an upper edge belongs to its bin
        nulls = bounds[:, NULLS].astype(np.int64) + begin
        places = np.where(missing, nulls, bounds[:, START].astype(np.int64) + begin + bins)
        outside = (values < bounds[:, LEAST]) | (values > bounds[:, GREATEST])
        self.places += [places.ravel(), nulls[outside] + EXTRAS - 1]
        for column, rows in enumerate(read.type_errors):
            self.type_errors += nulls[list(rows), column].tolist()
        present = np.where(missing, bounds[:, CENTRE], values)
        self._add_moments(in_units(present, bounds[:, CENTRE], bounds[:, PER_UNIT]), values, owners, here)

    def _add_moments(self, units: Floats, values: Floats, owners: Places, here: slice) -> None:
        some, first = np.unique(owners, return_index=True)
        # As ``moments_of`` does: without what is missing, and with one kind of zero. Sums of so few whole numbers are exact.
        self.lowest[some, here] = np.fmin(np.fmin.reduceat(values, first, axis=0), np.inf) + 0.0
        self.highest[some, here] = np.fmax(np.fmax.reduceat(values, first, axis=0), -np.inf) + 0.0
        self.sums[some, here] = np.add.reduceat(units, first, axis=0)
        self.squares[some, here] = np.add.reduceat(units * units, first, axis=0)

    def add_places(self, places: Floats, starts: Places, unlisted: Floats) -> None:
        """Categories by their places, and where each model's bins for them start."""
        found = places.T.astype(np.int64)
        outside = found == unlisted
        found += starts
        self.places += [found.ravel(), found[outside] + EXTRAS]

    def counted(self) -> list[Counted]:
        """What each model gets."""
        counts = np.bincount(np.concatenate([*self.places, self.begins[:0]]), minlength=int(self.begins[-1]))
        for place in self.type_errors:  # they were counted as nulls
            counts[place] -= 1
            counts[place + 1] += 1
        ends, sums, squares = self.begins.tolist(), self.sums.tolist(), self.squares.tolist()
        return [
            Counted(
                counts[ends[model] : ends[model + 1]],
                Moments(self.lowest[model], self.highest[model], tuple(sums[model]), tuple(squares[model])),
            )
            for model in range(len(sums))
        ]
