"""What telemetry says about a version: each rule that watches it judges, remembers, and acts on trouble that persists.

Owns the way from a window to a ruling, the same for every rule: a verdict (``drift``, ``quality``, ``performance``,
``fairness``, ``throttling``), the windows before (``persistence``), and the answer (``reaction``). Only the champion's trouble is acted on.
"""

import dataclasses
from collections.abc import Sequence
from typing import assert_never

from shared.domain.commands import kind_of
from shared.domain.decisions import Verdict
from shared.domain.facts import Facts, Version
from shared.domain.policy_drift import DataDrift, DataQuality, PredictionDrift
from shared.domain.policy_performance import Fairness, LabelledRule, ModelPerformance
from shared.domain.policy_throttling import EndpointThrottled
from shared.domain.policy_windows import WindowRule
from shared.domain.rules import drift, fairness, performance, persistence, quality, quiet, reaction, remedy, throttling
from shared.domain.rules.verdicts import Found, Window, faulty
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.telemetry_signals import PerformanceMeasured, WindowClosed

RULE = "data_drift"
PRECEDENCE: tuple[Verdict, ...] = ("act", "hold", "suppress")
HELD_FIRST: tuple[Verdict, ...] = ("hold", "act", "suppress")  # where nothing but messages is ordered
RowRule = DataDrift | PredictionDrift | DataQuality | EndpointThrottled
Judged = tuple[tuple[WindowRule, Found], ...]


def on_window(situation: Situation, signal: WindowClosed) -> Ruling:
    """Judge a window of rows; measure remedies that wait for later rows."""
    rules = [rule for rule in situation.workload.row_rules if rule.window == signal.window]
    return _watch(situation, signal, tuple((rule, judge_rows(rule, signal)) for rule in rules))


def on_measured(situation: Situation, signal: PerformanceMeasured) -> Ruling:
    """Judge a window's predictions, now that their labels came."""
    rules = [rule for rule in situation.workload.labelled_rules if rule.window == signal.window]
    return _watch(situation, signal, tuple((rule, judge_labelled(rule, signal)) for rule in rules))


def judge_rows(rule: RowRule, signal: WindowClosed) -> Found:
    """What one rule finds in a window of rows."""
    if signal.fault and not isinstance(rule, EndpointThrottled):  # whose requests are counted all the same
        return faulty(rule, signal)
    match rule:
        case DataDrift():
            return drift.judge_inputs(rule, signal)
        case PredictionDrift():
            return drift.judge_predictions(rule, signal)
        case DataQuality():
            return quality.judge_values(rule, signal)
        case EndpointThrottled():
            return throttling.judge_requests(rule, signal)
        case _:
            assert_never(rule)


def judge_labelled(rule: LabelledRule, signal: PerformanceMeasured) -> Found:
    """What one rule finds in a window's predictions and labels."""
    if signal.fault:
        return faulty(rule, signal)
    match rule:
        case ModelPerformance():
            return performance.judge_performance(rule, signal)
        case Fairness():
            return fairness.judge_groups(rule, signal)
        case _:
            raise TypeError(f"{rule.when} judges no labels")


def _watch(situation: Situation, signal: Window, judged: Judged) -> Ruling:
    version = next((v for v in situation.facts.versions.values() if v.deployment == signal.deployment), None)
    if version is None or not judged:
        text = f"no rule watches {signal.deployment} by {signal.window}"
        name = RULE if isinstance(signal, WindowClosed) else performance.RULE
        return ignore(situation, name, because("unknown_deployment", text))
    facts = _remembered(situation, version, signal, judged)
    facts, comparisons = remedy.measure(situation, facts) if _may_measure(judged) else (facts, ())
    rulings = list[Ruling]()
    for place, (rule, found) in enumerate(judged):
        news = not any(
            seen.start == signal.start for seen in persistence.seen_by(situation.facts, version.version, rule)
        )
        here = dataclasses.replace(situation, facts=facts, place=place)
        rulings.append(quiet.quietened(here, _of_rule(here, version, rule, found, news=news)))
        facts = rulings[-1].facts
    return together(rulings, facts, dataclasses.replace(rulings[0], commands=comparisons))


def _may_measure(judged: Judged) -> bool:
    """Whether a window may show if a remedy helped: of those that ask for remedies, or for drift; hourly ones of others would
    ask for the same labels time and again.
    """
    return any(isinstance(rule, DataDrift) or rule.then == "retrain" for rule, _ in judged)


def _remembered(situation: Situation, version: Version, signal: Window, judged: Judged) -> Facts:
    workload, facts = situation.workload, situation.facts
    for rule, found in judged:
        facts = persistence.remember(facts, version.version, rule, signal, found)
    return persistence.forget_dropped(facts, (*workload.row_rules, *workload.labelled_rules))


def _of_rule(situation: Situation, version: Version, rule: WindowRule, found: Found, *, news: bool) -> Ruling:
    """What one rule answers, in facts that know its verdict. ``news``: nothing was known of this window before."""
    facts, number = situation.facts, version.version
    reasons = (found.reason, persistence.counted(facts, number, rule))
    if number != facts.champion or reaction.not_concerned(situation, rule):
        return Ruling("suppress", rule.when, reasons, facts)
    if found.verdict == "detected" and persistence.persists(facts, number, rule):
        return reaction.respond(situation, facts, rule, reasons)
    if persistence.recovered(facts, number, rule):
        return reaction.recover(situation, facts, rule, reasons)
    unknown = persistence.unknown_for(facts, number, rule) if news else None
    if unknown:
        return reaction.tell_unknown(situation, facts, rule, (*reasons, unknown))
    return Ruling("suppress", rule.when, reasons, facts)


def together(rulings: Sequence[Ruling], facts: Facts, first: Ruling) -> Ruling:
    """The rulings of several rules about one signal as one. What is held back stands above what was only told."""
    every = (first, *rulings)
    verdicts = {ruling.verdict for ruling in rulings} | ({"act"} if first.commands else set())
    acting = (*first.commands, *(one for ruling in rulings if ruling.verdict == "act" for one in ruling.commands))
    begun = any(kind_of(command) != "Notify" for command in acting)
    held_back = any(ruling.verdict == "hold" and ruling.planned for ruling in rulings)
    precedence = HELD_FIRST if held_back and not begun else PRECEDENCE
    verdict = next((one for one in precedence if one in verdicts), precedence[-1])
    speaker = next((ruling for ruling in rulings if ruling.verdict == verdict), rulings[0])
    return Ruling(
        verdict,
        speaker.rule,
        tuple(reason for ruling in rulings for reason in ruling.reasons),
        facts,
        commands=tuple(command for ruling in every for command in ruling.commands),
        planned=tuple(command for ruling in rulings for command in ruling.planned),
        holds=tuple(hold for ruling in rulings for hold in ruling.holds),
        released=tuple(hold for ruling in rulings for hold in ruling.released),
        minded=True,
    )
