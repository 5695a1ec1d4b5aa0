"""The history of a workload, read out of its ledger.

Owns which windows belong to it and what is known of each. What a window said is taken as it was judged then; the measures that
only its signal has (distances, confidence bounds) are there as long as that is kept. Knows no store, and draws nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.decisions import Decision
from shared.domain.distances import distances
from shared.domain.policy import Workload
from shared.domain.policy_drift import DataDrift
from shared.domain.policy_performance import ModelPerformance
from shared.domain.policy_windows import WindowRule
from shared.domain.records import CommandRow
from shared.domain.telemetry_signals import PerformanceMeasured, WindowClosed
from shared.rendering.history import DriftPanel, History, PerformancePanel, ShownWindow
from shared.rendering.marks import Done, marks
from shared.rendering.told import Told, bounded, told

WINDOWS_SHOWN_MAX = 36  # the newest
DISTANCES_MAX = 40  # of one window: of more features so many are chosen evenly, the nearest and the farthest among them
Judged = WindowClosed | PerformanceMeasured


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A decision, the signal that it answers while that is kept, and its commands where they matter here."""

    decision: Decision
    signal: Judged | None = None
    commands: tuple[CommandRow, ...] = ()


def watching(workload: Workload | None) -> tuple[DataDrift | None, ModelPerformance | None]:
    """The rules whose windows are shown: the first on drift, and on performance the one on AUC, else the first."""
    rules = workload.monitoring if workload else ()
    drift = next((rule for rule in rules if isinstance(rule, DataDrift)), None)
    labelled = [rule for rule in rules if isinstance(rule, ModelPerformance)]
    return drift, next((rule for rule in labelled if rule.metric == "auc"), labelled[0] if labelled else None)


def history_of(
    name: str, settings: Workload | None, versions: Mapping[str, str], lines: Sequence[LedgerLine]
) -> History:
    """The history of a workload from its ledger, the oldest decision first. ``versions`` by deployment."""
    drift, labelled = watching(settings)
    inputs = _windows(drift, versions, lines) if drift else ()
    measured = _windows(labelled, versions, lines) if labelled else ()
    done = [Done(line.decision, row) for line in lines for row in line.commands]
    return History(
        workload=name,
        drift=_drift_panel(drift, inputs) if drift else None,
        performance=_performance_panel(labelled, measured) if labelled else None,
        marks=marks(done, _known(lines), (*inputs, *measured), versions),
    )


def _drift_panel(rule: DataDrift, windows: tuple[ShownWindow, ...]) -> DriftPanel:
    return DriftPanel(rule.metric, rule.window, rule.above, rule.suspected, rule.share_of_features, windows)


def _performance_panel(rule: ModelPerformance, windows: tuple[ShownWindow, ...]) -> PerformancePanel:
    return PerformancePanel(rule.metric, rule.window, rule.limit, rule.suspected, windows)


def _known(lines: Sequence[LedgerLine]) -> dict[str, datetime]:
    """By decision: the end of the newest window that was known when it was made."""
    newest, known = None, dict[str, datetime]()
    for line in lines:
        if line.decision.cause_kind == "WindowClosed":
            ends = [said.end for said in map(told, line.decision.reasons) if said]
            newest = max([*ends, *([newest] if newest else [])], default=None)
        if newest:
            known[line.decision.id] = newest
    return known


def _windows(rule: WindowRule, versions: Mapping[str, str], lines: Sequence[LedgerLine]) -> tuple[ShownWindow, ...]:
    """What windows said to a rule, by start; what was said again about a window replaces what was said before."""
    found: dict[tuple[datetime, str], ShownWindow] = {}
    for line in lines:
        for said in _said(rule, line):
            window = _shown(rule, said, line.signal, versions)
            found[window.start, window.version] = window
    starts = sorted({start for start, _ in found})[-WINDOWS_SHOWN_MAX:]
    return tuple(found[key] for key in sorted(found) if key[0] in starts)


def _said(rule: WindowRule, line: LedgerLine) -> Iterator[Told]:
    for said in map(told, line.decision.reasons):
        if said is not None and said.label == rule.label:
            fits = line.signal.window == rule.window if line.signal else said.lasts(rule.window)
            if fits:
                yield said


def _shown(rule: WindowRule, said: Told, signal: Judged | None, versions: Mapping[str, str]) -> ShownWindow:
    version = versions.get(said.deployment, said.deployment.removeprefix("version-"))
    if signal is None:
        return ShownWindow(version, said.start, said.end, said.verdict, said.value)
    seen = ShownWindow(version, signal.start, signal.end, said.verdict, said.value)
    match rule, signal:
        case DataDrift(), WindowClosed():
            return _with_distances(seen, rule, signal)
        case ModelPerformance(), PerformanceMeasured():
            return _with_bounds(seen, rule, signal)
    return seen


def _with_distances(seen: ShownWindow, rule: DataDrift, signal: WindowClosed) -> ShownWindow:
    far = {name: bounded(value) for name, value in distances(rule, signal).items()}
    if not far:
        return seen
    return replace(
        seen,
        suspected=round(sum(value > rule.suspected for value in far.values()) / len(far), 4),
        distances=_evenly(sorted(far.values())),
        farthest=max(far, key=lambda name: (far[name], name)),
    )


def _with_bounds(seen: ShownWindow, rule: ModelPerformance, signal: PerformanceMeasured) -> ShownWindow:
    lower, upper = signal.lower.get(rule.metric), signal.upper.get(rule.metric)
    if lower is None or upper is None:
        return seen
    return replace(seen, lower=bounded(lower), upper=bounded(upper))


def _evenly(values: Sequence[float]) -> tuple[float, ...]:
    if len(values) <= DISTANCES_MAX:
        return tuple(values)
    step = (len(values) - 1) / (DISTANCES_MAX - 1)
    return tuple(values[round(place * step)] for place in range(DISTANCES_MAX))
