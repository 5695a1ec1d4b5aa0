"""A schedule that fell due: retrain, under all guards, unless a retraining is under way or has begun meanwhile.

Owns this ruling. When a schedule falls due is said by ``schedules``; who notices is no concern of the core.
"""

from shared.domain.decisions import Reason
from shared.domain.policy_triggers import Schedule
from shared.domain.rules import remedy, repeats
from shared.domain.signals import ScheduleElapsed
from shared.domain.situation import Ruling, Situation, because, ignore

RULE = "schedule"


def on_elapsed(situation: Situation, signal: ScheduleElapsed) -> Ruling:
    """Open an incident and retrain; while one is open, count; what waited is dropped when another retraining has begun."""
    rule, incident = _rule(situation, signal), situation.facts.open_incident("scheduled_retrain")
    if incident and repeats.retrying(situation):
        if rule is None:
            return repeats.overtake(situation, RULE, incident, "the policy has this schedule no more")
        if any(at >= incident.opened_at for at in situation.facts.retrained_at):
            return repeats.overtake(situation, RULE, incident, "a retraining has begun since it was due")
    why = _reasons(signal, rule)
    if rule is None:
        gone = because("no_schedule", "the policy has this schedule no more")
        return ignore(situation, RULE, *why, gone)
    mended = repeats.under_way(situation.facts)
    if mended:
        text = f"incident {mended.id} is being mended by a retraining already"
        return ignore(situation, RULE, *why, because("remedy_under_way", text))
    if incident and not repeats.may_act(situation, incident):
        return repeats.count(RULE, situation.facts, incident, why)
    return remedy.open_and_retrain(situation, situation.facts, "scheduled_retrain", why, RULE)


def _rule(situation: Situation, signal: ScheduleElapsed) -> Schedule | None:
    named = (signal.cron, signal.timezone)
    return next((rule for rule in situation.workload.schedules if (rule.cron, rule.timezone) == named), None)


def _reasons(signal: ScheduleElapsed, rule: Schedule | None) -> tuple[Reason, ...]:
    text = f"schedule {signal.cron} ({signal.timezone}) was due at {signal.due:%Y-%m-%d %H:%M} UTC"
    if signal.missed:
        times = "time" if signal.missed == 1 else "times"
        text += f", and {signal.missed} {times} before it that nobody heard of; all together are one"
    due = because("schedule_due", text, observed=signal.missed)
    if rule is None or not rule.override_reason:
        return (due,)
    return (due, because("override", f"retrained by itself, since {rule.override_reason}"))
