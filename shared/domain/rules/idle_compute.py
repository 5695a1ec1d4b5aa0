"""A compute instance that runs and does nothing costs money: it is stopped where the policy says so, or people are told.

Owns these rulings. Knows nothing of how it is found idle (``services``), and never starts or deletes one.
"""

import dataclasses
from typing import Final

from shared.domain import guards, proposals, relief_guards
from shared.domain.commands import Notify, StopCompute
from shared.domain.decisions import Reason
from shared.domain.facts import Incident
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.platform_signals import ComputeObserved
from shared.domain.policy_idle import ComputeIdle, compute_rules
from shared.domain.proposals import Beginning
from shared.domain.rules.target_incidents import Sighting, end, newest, sight
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE: Final = "compute_idle"


def on_observed(situation: Situation, signal: ComputeObserved) -> Ruling:
    """It was found idle for longer than the rule allows, or in use again."""
    target = f"{signal.workspace}/computes/{signal.compute}".lower()
    if signal.idle_since is None:
        return _in_use(situation, signal, target)
    idle = because("idle", f"{signal.compute} runs and does nothing since {signal.idle_since:%Y-%m-%d %H:%M} UTC")
    rule = _rule_for(situation, target)
    if rule is None:
        return ignore(situation, RULE, idle, because("no_rule", "the policy minds no such compute (any more)"))
    sighting = Sighting(RULE, RULE, target, signal.occurred_at, idle.text)
    if situation.original is not None:
        known = newest(situation.facts, sighting)
        if known is None or known.state != "open":
            return ignore(situation, RULE, idle, because("stale", "it is in use again, or stopped"))
        return _answer(situation, rule, known, signal, (idle,))
    seen, incident, facts = sight(situation, situation.facts, sighting)
    if seen != "opened":
        return ignore(situation, RULE, idle, because("incident_open", f"incident {incident.id} is known of it"))
    opened = because("incident_opened", f"incident {incident.id} is opened for {signal.compute}")
    return _answer(dataclasses.replace(situation, facts=facts), rule, incident, signal, (idle, opened))


def _rule_for(situation: Situation, target: str) -> ComputeIdle | None:
    """The first rule of its workspace that watches it, as the watch chooses it too: no other's times or ends are meant."""
    environments = situation.workload.environments
    place, _, compute = target.rpartition("/computes/")
    for rule in compute_rules(situation.workload.monitoring):
        workspace = getattr(environments, rule.environment).workspace.lower()
        if workspace == place and rule.watches(compute):
            return rule
    return None


def _answer(
    situation: Situation, rule: ComputeIdle, incident: Incident, signal: ComputeObserved, reasons: tuple[Reason, ...]
) -> Ruling:
    name, facts = situation.workload.name, situation.facts
    if rule.then == "notify":
        told = _tell(situation, rule, incident, "nothing by itself: the policy says notify")
        return Ruling("act", RULE, reasons, facts, (told,))
    command = situation.order(
        StopCompute,
        incident.target,
        incident.detail,
        workspace=signal.workspace,
        compute=signal.compute,
        idle_since=signal.idle_since,
    )
    beginning = Beginning(
        what="relief",
        about=f"incident {incident.id}",
        title=f"stop compute {signal.compute}",
        why=incident.detail,
        plan=(command,),
        names=(RULE,),
    )
    if held_by := relief_guards.holding_stop(situation, beginning):
        asking = proposals.put(situation, facts, beginning, held_by)
        hold, facts = situation.wait(beginning.about, guards.until(asking.reasons, situation.now), asking.facts)
        holds = (hold, *asking.holds)
        return Ruling("hold", RULE, (*reasons, *asking.reasons), facts, asking.commands, (command,), holds)
    facts = facts.with_incident(replace(incident, state="remedying", remedy=command.id))
    back = f"it is stopped; its owner starts it again in the studio, or {name}'s policy leaves it out"
    return Ruling("act", RULE, reasons, facts, (command, _tell(situation, rule, incident, back)))


def _in_use(situation: Situation, signal: ComputeObserved, target: str) -> Ruling:
    used = because("used", f"{signal.compute} is in use again, stopped, gone, or not watched any more")
    ended, incident, facts = end(situation, situation.facts, Sighting(RULE, RULE, target, signal.occurred_at))
    if ended != "closed":
        return ignore(situation, RULE, used, because("not_open", "nothing was open about it"))
    return Ruling("act", RULE, (used, because("resolved", f"incident {incident.id} is closed as resolved")), facts)


def on_stopped(situation: Situation, signal: CommandFinished) -> Ruling:
    """It is stopped, and that is all there was to mend; in use by now, the same. Or it could not be, and people are told."""
    waiting = (known for known in situation.facts.incidents if known.remedy == signal.command_id)
    incident = next(waiting, None)
    if incident is None or incident.state != "remedying":
        return ignore(situation, RULE, because("stale", "nothing waits for this compute to stop"))
    if isinstance(signal.outcome, Succeeded):
        closed = replace(incident, state="closed", closed_as="done", closed_at=situation.now)
        stopped = because("stopped", f"{incident.target} is stopped: incident {incident.id} is closed")
        return Ruling("act", RULE, (stopped,), situation.facts.with_incident(closed))
    rule = _rule_for(situation, incident.target)
    if isinstance(signal.outcome, Skipped):  # found idle for as long once more, it is a new incident
        used = because("used", f"{incident.target} was not stopped: {signal.outcome.reason}")
        closed = replace(incident, state="closed", closed_as="resolved", closed_at=situation.now)
        told = _tell(situation, rule, incident, used.text)
        return Ruling("act", RULE, (used,), situation.facts.with_incident(closed), (told,))
    failed = because("stop_failed", f"{incident.target} was not stopped: {signal.outcome.reason}")
    facts = situation.facts.with_incident(replace(incident, state="open"))
    by_hand = f"{failed.text}. It is not tried again: stop it in the studio, or leave it out of the policy"
    return Ruling("act", RULE, (failed,), facts, (_tell(situation, rule, incident, by_hand),))


def _tell(situation: Situation, rule: ComputeIdle | None, incident: Incident, done: str) -> Notify:
    shown = {"idle": incident.detail, "target": incident.target, "what is done": done}
    title = f"{situation.workload.name}: idle compute {incident.target.rpartition('/')[2]}"
    return situation.tell((rule.to if rule else "") or situation.workload.owner, title, shown)
