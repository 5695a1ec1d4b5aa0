"""What Azure ML's own monitors say: a breach is drift like ours, and their recovery is noted.

Owns these rulings. Which signal a run without a breach looked at is not told, so a recovery closes nothing.
"""

import dataclasses
from fnmatch import fnmatchcase

from shared.domain.decisions import Reason
from shared.domain.policy_drift import DataDrift
from shared.domain.rules import reaction
from shared.domain.rules.verdicts import listing
from shared.domain.signals import MonitorBreached, MonitorRecovered
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "data_drift"


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
    groups = listing([f"{breach.group or 'all'} {breach.metric} {breach.value:.3g}" for breach in signal.breaches])
    reason = because("monitor", f"Azure ML's monitor {signal.monitor_signal} found: {groups or 'a breach'}")
    return reaction.respond(situation, situation.facts, rule, (reason,))


def _means(rule: DataDrift, signal: MonitorBreached) -> bool:
    return bool(rule.azure_ml_signals) and fnmatchcase(signal.monitor_signal, rule.azure_ml_signals)
