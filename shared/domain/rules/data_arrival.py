"""New files for training: counted, each once, and a reason to retrain where the policy says so.

Owns what an arrival and a deletion bring about. Which files count is said by the policy's rules, how they are counted by
``arrivals``; what has to be there before anything is retrained stands in ``requirements``.
"""

import dataclasses
from datetime import timedelta

from shared.domain import requirements
from shared.domain.decisions import Hold, Reason
from shared.domain.facts import Facts
from shared.domain.platform_signals import BlobEvent, DataArrived, DataDeleted
from shared.domain.policy_triggers import NewData
from shared.domain.routing import data_rules
from shared.domain.rules import remedy, repeats
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "data_arrived"
LOOK_AGAIN = timedelta(hours=1)  # while a retraining is under way, or what it brought is being verified


def on_arrived(situation: Situation, signal: DataArrived) -> Ruling:
    """Count the file; retrain if the policy says so and nothing holds it; wake what waited for new data."""
    rules = data_rules(situation.workload, signal)
    rule = next((known for known in rules if known.then == "retrain"), None)
    if repeats.retrying(situation):
        return _again(situation, signal, rule)
    if not rules:
        return ignore(situation, RULE, because("no_data_rule", "the policy counts this file no more"))
    before = situation.facts.arrivals
    after = before.after(signal)
    if after is before:
        text = f"{_named(signal)} was counted already, or this is older news of it"
        return ignore(situation, RULE, because("file_known", text))
    counted = dataclasses.replace(situation, facts=replace(situation.facts, arrivals=after))
    ruling = _respond(counted, signal, rule)
    if ruling.verdict == "act" or not requirements.may_be_met(situation, before, after):
        return ruling
    return dataclasses.replace(ruling, holds=(*ruling.holds, *_waiting(situation)))


def _again(situation: Situation, signal: DataArrived, rule: NewData | None) -> Ruling:
    """What waited is judged again, unless there is nothing left to retrain for."""
    if rule and situation.facts.arrivals.count:
        return _respond(situation, signal, rule)
    used = "what arrived went into a retraining that has begun meanwhile, or was deleted"
    text = used if rule else "the policy retrains on such files no more"
    incident = situation.facts.open_incident("data_arrival")
    if incident and incident.state == "open":
        return repeats.overtake(situation, RULE, incident, text)
    return ignore(situation, RULE, because("overtaken", text))


def on_deleted(situation: Situation, signal: DataDeleted) -> Ruling:
    """A file that was counted is no longer there, so it counts no longer; nothing else is done."""
    after = situation.facts.arrivals.after(signal)
    reason = because("data_deleted", f"{_named(signal)} was deleted; {requirements.described(after)} are counted")
    return Ruling("suppress", RULE, (reason,), replace(situation.facts, arrivals=after))


def _respond(situation: Situation, signal: DataArrived, rule: NewData | None) -> Ruling:
    """Judge by the facts of the situation, which know of the file."""
    facts = situation.facts
    why: tuple[Reason, ...] = (_described(signal, facts),)
    if rule is None:
        counted = because("counted", "the policy only counts such files")
        return Ruling("suppress", RULE, (*why, counted), facts)
    incident = facts.open_incident("data_arrival")
    busy = repeats.under_way(facts) or (incident if incident and incident.state == "verifying" else None)
    if busy:
        text = f"incident {busy.id} is {busy.state}: what arrives meanwhile waits for its turn"
        until = situation.now + LOOK_AGAIN
        hold, facts = situation.wait("data that arrived during a retraining", until, facts)
        return Ruling("hold", RULE, (*why, because("remedy_under_way", text, until=until)), facts, holds=(hold,))
    if incident and not repeats.may_act(situation, incident):
        return repeats.count(RULE, facts, incident, why)
    if rule.override_reason:
        why = (*why, because("override", f"retrained by itself, since {rule.override_reason}"))
    return remedy.open_and_retrain(situation, facts, "data_arrival", why, RULE)


def _waiting(situation: Situation) -> tuple[Hold, ...]:
    """What waits to be retrained, woken at once."""
    waiting = {f"incident {known.id}" for known in situation.facts.incidents if known.state == "open"}
    return situation.again(waiting.__contains__)


def _described(signal: DataArrived, facts: Facts) -> Reason:
    text = f"{_named(signal)} arrived; {requirements.described(facts.arrivals)} since the last retraining"
    return because("data_arrived", text, observed=facts.arrivals.count)


def _named(signal: BlobEvent) -> str:
    return f"{signal.account}/{signal.container}/{signal.path}"[: remedy.DETAIL_MAX]
