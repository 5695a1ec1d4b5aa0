"""The prototype of the plan, about as it was measured there: the bar to beat, not a design to copy.

Owns the naive loop: rows that are already typed, column by column and model by model. No row of it may be unusual.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from msgspec.structs import astuple

from benchmarks.telemetry import floors
from benchmarks.telemetry.material import NUMERIC
from shared.telemetry.profiles import PREDICTION, Counts, Floats, NumericReference, ReferenceProfile


class Model:
    """The state of one model."""

    def __init__(self, profile: ReferenceProfile) -> None:
        self.edges = [_edges(profile, name) for name in NUMERIC]
        self.bins: list[Counts] = [np.zeros(len(edges) + 1, dtype=np.int64) for edges in self.edges]
        self.categories: list[Counter[str]] = [Counter() for _ in range(len(profile.features) - len(NUMERIC) - 1)]
        self.prediction_edges = _edges(profile, PREDICTION)
        self.predictions: Counts = np.zeros(len(self.prediction_edges) + 1, dtype=np.int64)

    def add(self, inputs: Iterable[Any], outputs: Iterable[Any]) -> None:
        """Count rows of inputs and rows of outputs."""
        columns = list(zip(*map(astuple, inputs), strict=True))
        for edges, bins, column in zip(self.edges, self.bins, columns, strict=False):
            _count(edges, bins, column)
        for categories, column in zip(self.categories, columns[len(NUMERIC) :], strict=True):
            categories.update(column)
        _count(self.prediction_edges, self.predictions, [getattr(row, PREDICTION) for row in outputs])

    def add_message(self, body: bytes) -> None:
        """Count what a message holds."""
        inputs, outputs = floors.parse(body)
        self.add(
            chain.from_iterable(event.data for event in inputs), chain.from_iterable(event.data for event in outputs)
        )


def _edges(profile: ReferenceProfile, name: str) -> Floats:
    feature = profile.features[name]
    assert isinstance(feature, NumericReference)  # noqa: S101  # as the material is made
    return feature.edges_array


def _count(edges: Floats, bins: Counts, column: Sequence[float]) -> None:
    values = np.frombuffer(struct.pack(f"{len(column)}d", *column))
    bins += np.bincount(edges.searchsorted(values), minlength=len(bins))
