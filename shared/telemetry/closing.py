"""When a window of rows has ended, and what is said of it then.

Owns the rule of closing and the ``WindowClosed`` signal. Lateness is measured against the deployment's watermark, never
against the present, so a replay closes the same windows. Knows nothing of thresholds: what a score means is the rules' to say.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.domain.ids import derive
from shared.domain.telemetry_signals import FeatureScore, WindowClosed
from shared.telemetry.calendar import window_of
from shared.telemetry.drift import psi
from shared.telemetry.fold import WindowState
from shared.telemetry.partials import DataPartial, DifferentEdges, WindowKey
from shared.telemetry.profiles import ReferenceProfile

SOURCE = "outerloop/telemetry"


def closable(
    windows: Mapping[WindowKey, WindowState], watermarks: Mapping[str, datetime], lateness: timedelta
) -> list[WindowKey]:
    """The open windows of rows whose deployment's watermark has reached their end and the lateness, oldest first.

    A deployment that fell silent keeps its last window open: to close it by idle time, pass a watermark moved on.
    """
    found = [
        (window_of(key.start, key.length)[1], key)
        for key, state in windows.items()
        if key.measure == "data" and not state.closed and key.deployment in watermarks
    ]
    return [key for end, key in sorted(found) if end + lateness <= watermarks[key.deployment]]


def close(window: WindowState, profile: ReferenceProfile, late_rows: int = 0) -> WindowClosed:
    """The signal that a window ended: population stability index of each feature, and of ``prediction`` if profiled.

    Nulls and type errors are matters of quality, not of drift, and are in no bin; a feature without any value in the
    window has no score. ``late_rows``: what came too late for earlier windows and is reported with this one.
    Raises DifferentEdges when the profile is not the one that the window was counted under.
    """
    partial = window.partial
    if not isinstance(partial, DataPartial):
        raise DifferentEdges("a bucket of traffic has no reference profile")
    if partial.digest != profile.digest:
        raise DifferentEdges(f"the window has edges {partial.digest}, the profile {profile.digest}")
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
        late_rows=late_rows,
        metric="psi",
        scores=_scores(partial, profile),
    )


def _scores(partial: DataPartial, profile: ReferenceProfile) -> tuple[FeatureScore, ...]:
    return tuple(
        FeatureScore(feature=name, score=psi(profile.features[name].bin_counts, counted.bins))
        for name, counted in profile.feature_counts(partial.counts).items()
        if counted.bins.any()
    )
