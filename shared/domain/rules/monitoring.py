"""What closed windows and Azure ML's own monitors say about the champion, and what is done about it.

Owns the verdict on drift: effect size (score above the limit), share of features, minimum sample and persistence (M of N).
One incident at a time: what repeats is counted. The remedy itself is ``remedy``'s.
"""

import dataclasses
from collections.abc import Sequence
from fnmatch import fnmatchcase

from shared.domain import guards
from shared.domain.decisions import Reason
from shared.domain.facts import WINDOWS_KEPT_MAX, Facts, WindowSeen
from shared.domain.lifecycle import ENDED
from shared.domain.policy_drift import DataDrift
from shared.domain.rules import remedy, repeats
from shared.domain.rules.annotation import annotate
from shared.domain.rules.investigation import investigate
from shared.domain.signals import MonitorBreached, MonitorRecovered
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.telemetry_signals import PREDICTION, FeatureScore, WindowClosed, WindowVerdict
from shared.domain.values import replace

RULE = "data_drift"
NAMES = {"notify": (RULE,), "annotate": (RULE, "annotation"), "investigate": (RULE, "investigation")}  # for silences
LISTED_MAX = 12  # features or breaches, by name


def judge_window(signal: WindowClosed, rule: DataDrift) -> WindowSeen:
    """The verdict on one window, by the share of features whose score is above the limit."""
    scores = _of_features(signal)
    if signal.rows < rule.min_rows or not scores:
        return WindowSeen(start=signal.start, window=signal.window, verdict="no_data", share=0.0, rows=signal.rows)
    share = sum(score.score > rule.above for score in scores) / len(scores)
    suspected = sum(score.score > rule.suspected for score in scores) / len(scores)
    verdict: WindowVerdict = "pass"
    if share >= rule.share_of_features:
        verdict = "detected"
    elif suspected >= rule.share_of_features:
        verdict = "suspected"
    share = round(share, 4)
    return WindowSeen(start=signal.start, window=signal.window, verdict=verdict, share=share, rows=signal.rows)


def _of_features(signal: WindowClosed) -> tuple[FeatureScore, ...]:
    return tuple(score for score in signal.scores if score.feature != PREDICTION)


def on_window(situation: Situation, signal: WindowClosed) -> Ruling:
    """Remember what the window said; measure remedies that wait for later rows; act on drift that persists."""
    version = next((v for v in situation.facts.versions.values() if v.deployment == signal.deployment), None)
    rule = next((known for known in situation.workload.drift_rules if known.window == signal.window), None)
    if version is None or rule is None:
        return ignore(
            situation, RULE, because("unknown_deployment", f"no rule watches {signal.deployment} by {signal.window}")
        )
    seen = judge_window(signal, rule)
    facts = _remember(situation.facts, version.version, seen)
    facts, comparisons = remedy.measure(situation, facts)
    reasons = (_describe(signal, rule, seen), *_persistence(facts, version.version, rule))
    if _persists(facts, version.version, rule) and version.version == facts.champion:
        ruling = _respond(situation, facts, rule, reasons)
    else:
        ruling = Ruling("suppress", RULE, reasons, facts)
    if not comparisons:
        return ruling
    return dataclasses.replace(ruling, verdict="act", commands=(*comparisons, *ruling.commands))


def _remember(facts: Facts, version: str, seen: WindowSeen) -> Facts:
    every = facts.windows.get(version, ())
    others = tuple(known for known in every if known.window != seen.window)  # of rules that watch other lengths
    alike = tuple(known for known in every if known.window == seen.window and known.start != seen.start)
    windows = sorted((*alike, seen), key=lambda known: known.start)[-WINDOWS_KEPT_MAX:]
    ended = {name for name, known in facts.versions.items() if known.state in ENDED}  # these never serve again
    living = {name: known for name, known in facts.windows.items() if name in facts.versions.keys() - ended}
    return replace(facts, windows={**living, version: (*others, *windows)})


def _considered(facts: Facts, version: str, rule: DataDrift) -> tuple[WindowSeen, ...]:
    alike = tuple(known for known in facts.windows.get(version, ()) if known.window == rule.window)
    return alike[-rule.considered :]


def _persists(facts: Facts, version: str, rule: DataDrift) -> bool:
    return sum(seen.verdict == "detected" for seen in _considered(facts, version, rule)) >= rule.needed


def _describe(signal: WindowClosed, rule: DataDrift, seen: WindowSeen) -> Reason:
    scores = _of_features(signal)
    worst_first = sorted(scores, key=lambda score: -score.score)
    above = [f"{score.feature} {score.score:.2f}" for score in worst_first if score.score > rule.above]
    text = (
        f"{signal.deployment}, {signal.start:%Y-%m-%d} to {signal.end:%Y-%m-%d}: {seen.verdict}; {signal.rows} rows, "
        f"{len(above)} of {len(scores)} features above {rule.metric} {rule.above:g} ({_listing(above) or 'none'})"
    )
    return because("window", text, observed=seen.share, limit=rule.share_of_features)


def _persistence(facts: Facts, version: str, rule: DataDrift) -> tuple[Reason, ...]:
    considered = _considered(facts, version, rule)
    detected = sum(seen.verdict == "detected" for seen in considered)
    text = f"{detected} of the last {len(considered)} windows drifted; {rule.persistence} are needed"
    return (because("persistence", text, observed=detected, limit=rule.needed),)


def _listing(items: Sequence[str]) -> str:
    """The first of a list that may be long: what is kept with an incident has to stay small."""
    rest = len(items) - LISTED_MAX
    return ", ".join(items[:LISTED_MAX]) + (f" and {rest} more" if rest > 0 else "")


def on_monitor(situation: Situation, signal: MonitorBreached | MonitorRecovered) -> Ruling:
    """Azure ML's monitor has judged: treat its breach as drift, and note its recovery."""
    if isinstance(signal, MonitorRecovered):
        return _on_recovered(situation, signal)
    return _opened_by_monitor(situation, signal, _on_breach(situation, signal))


def _on_recovered(situation: Situation, signal: MonitorRecovered) -> Ruling:
    """Closes nothing and counts toward nothing: which signal it looked at is not told, and seasons drift and come back."""
    facts, noted = situation.facts, list[Reason]()
    for known in situation.facts.incidents:
        later = known.heard_at is not None and known.heard_at < signal.occurred_at
        if known.monitor and known.state != "closed" and later:
            at = max(signal.occurred_at, known.recovered_at or signal.occurred_at)
            facts = facts.with_incident(replace(known, recovered_at=at))
            text = f"noted with incident {known.id}, which the monitor signal {known.monitor} opened; it stays open"
            noted.append(because("recovery_noted", text))
    reason = because("recovered", f"run {signal.run_id} of Azure ML's monitoring ended without a breach")
    return Ruling("suppress", RULE, (reason, *noted), facts)


def _opened_by_monitor(situation: Situation, signal: MonitorBreached, ruling: Ruling) -> Ruling:
    """The ruling, in whose facts an incident that it opened says by which monitor, and those of a monitor since when."""
    before = {known.id for known in situation.facts.incidents}
    facts = ruling.facts
    for known in facts.incidents:
        if known.state != "closed" and (known.monitor or known.id not in before):
            at = max(signal.occurred_at, known.heard_at or signal.occurred_at)
            facts = facts.with_incident(replace(known, monitor=known.monitor or signal.monitor_signal, heard_at=at))
    return dataclasses.replace(ruling, facts=facts)


def _on_breach(situation: Situation, signal: MonitorBreached) -> Ruling:
    rule = next((known for known in situation.workload.drift_rules if _means(known, signal)), None)
    if rule is None:
        return ignore(
            situation, RULE, because("unknown_monitor", f"no rule names the monitor signal {signal.monitor_signal}")
        )
    groups = _listing([f"{breach.group or 'all'} {breach.metric} {breach.value:.3g}" for breach in signal.breaches])
    reason = because("monitor", f"Azure ML's monitor {signal.monitor_signal} found: {groups or 'a breach'}")
    return _respond(situation, situation.facts, rule, (reason,))


def _means(rule: DataDrift, signal: MonitorBreached) -> bool:
    return bool(rule.azure_ml_signals) and fnmatchcase(signal.monitor_signal, rule.azure_ml_signals)


def _respond(situation: Situation, facts: Facts, rule: DataDrift, reasons: tuple[Reason, ...]) -> Ruling:
    quiet = guards.silenced(situation, *NAMES[rule.then]) if rule.then != "retrain" else None
    if quiet and quiet.until:
        hold, facts = situation.wait(f"silence of {NAMES[rule.then][-1]}", quiet.until, facts)
        return Ruling("hold", RULE, (*reasons, quiet), facts, holds=(hold,))
    if rule.then == "annotate":
        return annotate(situation, facts, rule, reasons)
    if rule.then == "investigate":
        return investigate(situation, facts, rule, reasons)
    incident = facts.open_incident("data_drift")
    if incident and not repeats.may_act(situation, incident):
        return repeats.count(RULE, facts, incident, reasons)
    asked_otherwise = repeats.under_way(facts) if rule.then == "retrain" and incident is None else None
    if asked_otherwise:  # by a person, a schedule or new data: one training on the newest rows is enough
        return repeats.count(RULE, facts, asked_otherwise, reasons)
    if rule.override_reason:
        reasons = (*reasons, because("override", f"retrained by itself, since {rule.override_reason}"))
    if rule.then == "notify":
        title = f"{situation.workload.name}: data drift"
        told = situation.tell(
            rule.to or situation.workload.owner, title, {reason.code: reason.text for reason in reasons}
        )
        return Ruling("act", RULE, reasons, facts, commands=(told,))
    return remedy.open_and_retrain(situation, facts, "data_drift", reasons, RULE)
