"""How good the predictions of one window were, once its labels had their time to come.

Owns the join of samples across the windows that labels lie in, and the ``PerformanceMeasured`` signal. The formulas are those of
``performance`` and ``disparity``. Knows nothing of limits. Labels have times of their own: those of all windows from the
predictions' on count, by the key of the row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from shared.domain.ids import derive
from shared.domain.telemetry_signals import GroupMeasured, PerformanceMeasured
from shared.telemetry.calendar import window_of
from shared.telemetry.closing import SOURCE
from shared.telemetry.disparity import Disparities, classification_disparities, regression_disparities
from shared.telemetry.joining import Joined, join
from shared.telemetry.performance import CLASSIFICATION, REGRESSION, measure, pairs_of
from shared.telemetry.samples import SamplePartial
from shared.telemetry.sampling import ValueSample


@dataclass(frozen=True, slots=True)
class Awaited:
    """What the rules of one window length ask for: how long labels are waited for, and which groups are compared."""

    labels_within: timedelta
    sensitive: str = ""
    group_min: int = 1

    def ends(self, start: datetime, length: str, lateness: timedelta) -> datetime:
        """When the labels of a window of predictions have had their time."""
        return window_of(start, length)[1] + max(self.labels_within, lateness)


def is_awaited(start: datetime, length: str, label_start: datetime, awaited: Awaited) -> bool:
    """Whether labels of a window may belong to the predictions of another: they come later, and not too late."""
    return start <= label_start < window_of(start, length)[1] + awaited.labels_within or start == label_start


def measured(
    predictions: SamplePartial,
    labels: Sequence[SamplePartial],
    groups: SamplePartial | None,
    awaited: Awaited,
) -> PerformanceMeasured:
    """The signal that tells how good a window's predictions were. Labels that are all 0 or 1 make it a classification."""
    joined = _joined(predictions.numbers, [part.numbers for part in labels], groups.numbers if groups else None)
    pairs = pairs_of(joined.predictions, joined.labels)
    measures = {name: measure(name, pairs) for name in (*CLASSIFICATION, *REGRESSION)}
    disparities = _disparities(joined, groups, awaited) if groups and awaited.sensitive else None
    ref, (start, end) = predictions.deployment, window_of(predictions.start, predictions.length)
    return PerformanceMeasured(
        source=SOURCE,
        dedup_key=derive("performance", ref.key, predictions.length, start.isoformat()),
        occurred_at=end,
        subject=ref.key,
        workspace=ref.workspace,
        endpoint=ref.endpoint,
        deployment=ref.deployment,
        window=predictions.length,
        start=start,
        end=end,
        predictions=predictions.numbers.seen,
        labels=sum(part.numbers.seen for part in labels),
        pairs=len(pairs.labels),
        unlabelled=joined.predictions_alone,
        metrics=_known((name, found.value) for name, found in measures.items()),
        lower=_known((name, found.lower) for name, found in measures.items()),
        upper=_known((name, found.upper) for name, found in measures.items()),
        sensitive=awaited.sensitive,
        groups=_groups(disparities) if disparities else (),
        disparities=_known((name, gap.value) for name, gap in disparities.gaps.items()) if disparities else {},
    )


def _joined(predictions: ValueSample, labels: Sequence[ValueSample], groups: ValueSample | None) -> Joined:
    """Each sample cut to the keys of which all of them hold everything, so that what meets is a uniform sample."""
    limit = min(sample.limit for sample in (predictions, *labels, *([groups] if groups else [])))
    every = _cut(predictions, limit)
    true = _cut(ValueSample(), limit)
    for sample in labels:
        true = _wide(true).plus(_cut(sample, limit))
    return join(every, true, _cut(groups, limit) if groups else None)


def _cut(sample: ValueSample, limit: int) -> ValueSample:
    kept = int(np.searchsorted(sample.keys, np.uint64(limit - 1), side="right"))
    return _wide(replace(sample, keys=sample.keys[:kept], values=sample.values[:kept]))


def _wide(sample: ValueSample) -> ValueSample:
    return replace(sample, capacity=2**40)  # nothing of it is cut off any more


def _disparities(joined: Joined, groups: SamplePartial, awaited: Awaited) -> Disparities:
    codes = np.empty(0) if joined.groups is None else joined.groups
    names = [None if np.isnan(code) else groups.names.get(int(code)) for code in codes]
    binary = bool(np.all((joined.labels == 0.0) | (joined.labels == 1.0) | np.isnan(joined.labels)))
    compare = classification_disparities if binary else regression_disparities
    return compare(joined.predictions, joined.labels, names, group_min=awaited.group_min)


def _groups(disparities: Disparities) -> tuple[GroupMeasured, ...]:
    return tuple(
        GroupMeasured(
            group=group.name,
            rows=group.pairs,
            metrics=_known((name, rate.value) for name, rate in group.rates.items()),
        )
        for group in disparities.groups
    )


def _known(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    return {name: float(value) for name, value in values if value is not None}
