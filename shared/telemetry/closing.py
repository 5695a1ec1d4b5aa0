"""When a window of rows has ended, and what is said of it then.

Owns the rule of closing and the ``WindowClosed`` signal. Lateness is measured against the deployment's watermark, never
against the present, so a replay closes the same windows; only of a deployment whose rows stopped does the present decide.
Knows nothing of thresholds: what a score means is the rules' to say.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain.ids import derive
from shared.domain.telemetry_signals import FeatureScore, TrafficMeasured, WindowClosed
from shared.telemetry.calendar import window_of
from shared.telemetry.fold import WindowState, mark_closed, mark_late_told, mark_told
from shared.telemetry.moments import Units
from shared.telemetry.partials import DataPartial, DifferentEdges, WindowKey
from shared.telemetry.profiles import PREDICTION, FeatureCounts, NumericReference, ReferenceProfile
from shared.telemetry.scoring import Scores, prepare, score

SOURCE = "outerloop/telemetry"

States = Mapping[WindowKey, WindowState]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a deployment's rows have come: their latest event time, and when the fold last heard any."""

    watermark: datetime
    heard_at: datetime

    def mark(self, now: datetime, idle_after: timedelta) -> datetime:
        """Up to where windows may close: by event time, and once rows stopped by the present."""
        return max(self.watermark, now) if self.heard_at + idle_after <= now else self.watermark


def closable(windows: States, watermarks: Mapping[str, datetime], lateness: timedelta) -> list[WindowKey]:
    """The open windows of rows whose deployment's watermark has reached their end and the lateness, oldest first.

    A deployment whose rows stopped keeps its last window open: to close it by idle time, pass a watermark moved on.
    """
    found = [
        (window_of(key.start, key.length)[1], key)
        for key, state in windows.items()
        if key.measure == "data" and not state.closed and key.deployment in watermarks
    ]
    return [key for end, key in sorted(found) if end + lateness <= watermarks[key.deployment]]


def late(windows: States, deployment: str, length: str) -> list[WindowKey]:
    """The closed windows of a deployment and length with late rows that nobody was told of, oldest first."""
    found = (key for key, state in windows.items() if state.closed and state.late_untold)
    return sorted(key for key in found if (key.measure, key.deployment, key.length) == ("data", deployment, length))


def seal(
    windows: States, ended: Iterable[WindowKey], late_keys: Iterable[WindowKey], now: datetime
) -> dict[WindowKey, WindowState]:
    """What is to be stored at once so that ended windows of one deployment and length say the same whenever they are told.

    The first of them takes over the late rows of ``late_keys``; the requests of the same windows are closed with them.
    """
    reported = {key: windows[key] for key in late_keys}
    late_rows = sum(state.late_untold for state in reported.values())
    sealed: dict[WindowKey, WindowState] = {}
    for key in ended:
        sealed[key] = mark_closed(windows[key], now, late_rows)
        late_rows = 0
        requests = traffic_key(key)
        if requests in windows and not windows[requests].closed:
            sealed[requests] = mark_told(mark_closed(windows[requests], now))  # they are told with the rows
    return sealed | {key: mark_late_told(state) for key, state in reported.items()}


def unreportable(windows: States) -> list[WindowKey]:
    """The closed windows of rows with untold late rows and no open window of their length, which would report them."""
    open_lengths = {key.length for key, state in windows.items() if not state.closed}
    found = (key for key, state in windows.items() if key.measure == "data" and state.closed and state.late_untold)
    return sorted(key for key in found if key.length not in open_lengths)


def due(windows: States, reach: Reach, lateness: timedelta, idle_after: timedelta, never: datetime) -> datetime:
    """When silence alone could bring something about in the windows of one deployment."""
    silent_at = reach.heard_at + idle_after
    rows = {key: state for key, state in windows.items() if key.measure == "data"}
    ends = [window_of(key.start, key.length)[1] + lateness for key, state in rows.items() if not state.closed]
    found = [max(end, silent_at) for end in ends]
    return min([*found, *([silent_at] if unreportable(rows) else [])], default=never)


def traffic_key(key: WindowKey) -> WindowKey:
    """The window of requests over the same time as one of rows."""
    return WindowKey("traffic", key.deployment, key.start, key.length)


def close(window: WindowState, profile: ReferenceProfile, traffic: TrafficMeasured | None = None) -> WindowClosed:
    """The signal that a window ended: the distances of each feature, and of ``prediction`` if profiled.

    Nulls and type errors are matters of quality, not of drift, and are in no bin; a feature without any value in the
    window has no score, and is among the ``unscored``. Late rows of earlier windows are told with it.
    Raises DifferentEdges when the profile is not the one that the window was counted under.
    """
    partial = _rows_of(window)
    if partial.digest != profile.digest:
        raise DifferentEdges(f"the window has edges {partial.digest}, the profile {profile.digest}")
    counted, distances = profile.feature_counts(partial.counts), score(prepare(profile), partial.counts)
    spreads = _spreads(partial, profile, counted)
    scores = {
        name: _quality(name, found, **_distances(distances, place), **spreads.get(name, {}))
        for place, (name, found) in enumerate(counted.items())
        if found.bins.any()
    }
    empty = {name: _quality(name, found) for name, found in counted.items() if name not in scores and _total(found)}
    return _signal(window, partial, tuple(scores.values()), tuple(empty.values()), traffic, "")


def close_unscored(window: WindowState, fault: str, traffic: TrafficMeasured | None = None) -> WindowClosed:
    """The signal that a window ended which cannot be scored, and why."""
    return _signal(window, _rows_of(window), (), (), traffic, fault)


def _rows_of(window: WindowState) -> DataPartial:
    if not isinstance(window.partial, DataPartial):
        raise DifferentEdges("a bucket of traffic has no reference profile")
    return window.partial


def _signal(  # all that a window says
    window: WindowState,
    partial: DataPartial,
    scores: tuple[FeatureScore, ...],
    unscored: tuple[FeatureScore, ...],
    traffic: TrafficMeasured | None,
    fault: str,
) -> WindowClosed:
    ref, (start, end) = partial.deployment, window_of(partial.start, partial.length)
    return WindowClosed(
        source=SOURCE,
        # The edges are part of the key: a deployment that got a new model within a window has two windows to report.
        dedup_key=derive("window", ref.key, partial.length, start.isoformat(), partial.digest),
        occurred_at=end,
        subject=ref.key,
        workspace=ref.workspace,
        endpoint=ref.endpoint,
        deployment=ref.deployment,
        window=partial.length,
        start=start,
        end=end,
        rows=max(partial.rows, partial.predictions),
        inputs=partial.rows,
        predictions=partial.predictions,
        late_rows=window.late_before,
        metric="psi",
        scores=scores,
        unscored=unscored,
        traffic=traffic,
        fault=fault,
    )


def _distances(scores: Scores, place: int) -> dict[str, Any]:
    """The scores of one feature that exist for it. ``cramers_v`` is the balanced one: a large window alone drifts nowhere."""
    found = {
        "score": scores.psi[place],
        "jensen_shannon": scores.jensen_shannon[place],
        "ks": scores.ks[place],
        "cramers_v": scores.balanced_v[place],
    }
    return {name: float(value) for name, value in found.items() if not math.isnan(value)}


def _spreads(
    partial: DataPartial, profile: ReferenceProfile, counted: Mapping[str, FeatureCounts]
) -> dict[str, dict[str, float]]:
    """Mean, deviation and range of each number; of none when an earlier release, which kept none, has counted."""
    numeric = {
        name: feature
        for name in (*profile.inputs, PREDICTION)
        if isinstance(feature := profile.features.get(name), NumericReference)
    }
    if partial.moments is None or len(partial.moments.sums) != len(numeric):
        return {}
    units, found = Units.of(list(numeric.values())), dict[str, dict[str, float]]()
    for position, name in enumerate(numeric):
        spread = units.spread(partial.moments, position, int(counted[name].bins.sum()))
        if spread is not None:
            found[name] = dataclasses.asdict(spread)
    return found


def _quality(name: str, counted: FeatureCounts, score: float = 0.0, **distances: float) -> FeatureScore:
    total = _total(counted)
    return FeatureScore(
        feature=name,
        score=score,
        nulls=counted.nulls / total,
        type_errors=counted.type_errors / total,
        outside=counted.outside / total,
        **distances,
    )


def _total(counted: FeatureCounts) -> int:
    return int(counted.bins.sum()) + counted.nulls + counted.type_errors
