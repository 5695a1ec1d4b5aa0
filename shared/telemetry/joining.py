"""Predictions and their later labels, brought together by key.

Owns the join of bottom-k samples. Knows nothing of where they were collected, nor of how well predictions and labels
agree: that is ``performance`` and ``disparity``.
"""

from typing import NamedTuple

import numpy as np

from shared.telemetry.profiles import Floats
from shared.telemetry.sampling import ALL_KEYS, Keys, ValueSample


class Joined(NamedTuple):
    """Pairs of predictions and labels in order of their keys; with ``groups``, the group of each, NaN where unknown.

    Compared are only keys below ``limit``, of which every sample holds all that it was ever offered. So the pairs are a
    uniform sample of all pairs, and ``predictions_alone`` and ``labels_alone`` tell the share that found no partner.
    ``share``: of all keys, the part that lies below; matched / share estimates how many pairs there are in all.
    """

    predictions: Floats
    labels: Floats
    groups: Floats | None
    predictions_alone: int
    labels_alone: int
    without_group: int
    limit: int

    @property
    def matched(self) -> int:
        """How many pairs there are."""
        return len(self.labels)

    @property
    def share(self) -> float:
        """The part of all keys that was compared."""
        return self.limit / ALL_KEYS


def join(predictions: ValueSample, labels: ValueSample, groups: ValueSample | None = None) -> Joined:
    """The pairs of equal keys. A pair whose group is not known stays: it counts for performance, not for disparity."""
    limit = min(sample.limit for sample in (predictions, labels, groups) if sample is not None)
    guessed, true = _below(predictions, limit), _below(labels, limit)
    keys, of_predictions, of_labels = np.intersect1d(
        predictions.keys[:guessed], labels.keys[:true], assume_unique=True, return_indices=True
    )
    named = None if groups is None else _values_of(keys, groups)
    return Joined(
        predictions=predictions.values[of_predictions],
        labels=labels.values[of_labels],
        groups=named,
        predictions_alone=guessed - len(keys),
        labels_alone=true - len(keys),
        without_group=0 if named is None else int(np.count_nonzero(np.isnan(named))),
        limit=limit,
    )


def _below(sample: ValueSample, limit: int) -> int:
    """How many keys of a sample lie below a limit, which 64 bits may not hold."""
    return int(np.searchsorted(sample.keys, np.uint64(limit - 1), side="right"))


def _values_of(keys: Keys, sample: ValueSample) -> Floats:
    found = np.full(len(keys), np.nan)
    if len(sample.keys):
        place = np.minimum(np.searchsorted(sample.keys, keys), len(sample.keys) - 1)
        known = sample.keys[place] == keys
        found[known] = sample.values[place[known]]
    return found
