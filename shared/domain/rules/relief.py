"""Relief for the deployment that serves, when an alert asks for it: more instances within a limit, or new ones; and whether it helped.

Owns these remedies from their order to their effect, which is what the alert says afterwards. Knows nothing of alerts and how their
incidents open and end (``infrastructure``), or of what holds a remedy back (``relief_guards``).
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

from shared.domain import guards, proposals, relief_guards
from shared.domain.az_commands import scale_deployment
from shared.domain.commands import Notify, RestartDeployment, ScaleDeployment
from shared.domain.decisions import Reason
from shared.domain.effects import Relieving
from shared.domain.facts import Facts, Incident, Version
from shared.domain.money import Money
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.policy_infrastructure import InfrastructureAlert, Relief
from shared.domain.proposals import Beginning
from shared.domain.references import deployment_name
from shared.domain.rules.attribution import is_about_champion, what_changed_last
from shared.domain.signals import CommandFinished, HoldElapsed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE: Final = "infrastructure"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is done about an incident, as a ruling without its message, and in words."""

    ruling: Ruling
    text: str


def begin(
    situation: Situation, rule: InfrastructureAlert, incident: Incident | None, reasons: tuple[Reason, ...]
) -> Answer:
    """Order the remedy, or say what it waits for or why there is none. ``incident`` is the one about what serves, if any is."""
    limits, facts = rule.relieves, situation.facts
    if limits is None or incident is None or not is_about_champion(situation, incident.target):
        return _none(facts, reasons, because("not_serving", "it is not about what serves in production"))
    if gave_up := relief_guards.gave_up(situation, limits):
        return _none(facts, reasons, gave_up)
    command = _command(situation, rule, limits)
    if command is None:
        return _none(facts, reasons, relief_guards.at_limit(limits))
    what = _in_words(situation, command)
    beginning = Beginning(
        what="relief",
        about=f"incident {incident.id}",
        title=what,
        why=incident.detail,
        plan=(command,),
        names=(RULE,),
    )
    if held_by := relief_guards.holding(situation, beginning, limits):
        return _held(situation, beginning, held_by, reasons)
    ordered = replace(incident, state="remedying", remedy=command.id, relieved_at=None)
    facts = replace(facts.with_incident(ordered), relief=facts.relief.with_order(situation.now))
    return Answer(Ruling("act", RULE, (*reasons, because("relief", what)), facts, (command,)), what)


def _none(facts: Facts, reasons: tuple[Reason, ...], why: Reason) -> Answer:
    return Answer(Ruling("act", RULE, (*reasons, why), facts), f"nothing by itself: {why.text}")


def _held(situation: Situation, beginning: Beginning, by: tuple[Reason, ...], reasons: tuple[Reason, ...]) -> Answer:
    asking = proposals.put(situation, situation.facts, beginning, by)
    until = guards.until(asking.reasons, situation.now)
    hold, facts = situation.wait(beginning.about, until, asking.facts)
    ruling = Ruling(
        "hold", RULE, (*reasons, *asking.reasons), facts, asking.commands, beginning.plan, (hold, *asking.holds)
    )
    return Answer(ruling, f"it waits to {beginning.title}: {'; '.join(reason.text for reason in asking.reasons)}")


def _command(situation: Situation, rule: InfrastructureAlert, limits: Relief) -> Relieving | None:
    """The order; None when the limit of instances is reached."""
    champion, production = (
        situation.facts.versions[situation.facts.champion],
        situation.workload.environments.production,
    )
    deployment = champion.deployment or deployment_name(champion.version)
    place: dict[str, Any] = {
        "workspace": production.workspace,
        "endpoint": production.endpoint,
        "endpoint_kind": production.kind,
        "deployment": deployment,
    }
    target = f"{production.endpoint}/{deployment}"
    if rule.then == "restart":
        return situation.order(RestartDeployment, target, f"new instances of {deployment}", 0, **place)
    before = instances_of(situation, champion)
    after = min(before + limits.add, limits.instances_max or before)
    if after <= before:
        return None
    reason = f"{deployment} gets {after} instances instead of {before}"
    return situation.order(ScaleDeployment, target, reason, 0, **place, expected=before, instances=after)


def instances_of(situation: Situation, version: Version) -> int:
    """How many instances a version has in production, as far as we know."""
    return situation.facts.relief.instances.get(version.version, situation.workload.deployment.instance_count)


def _in_words(situation: Situation, command: Relieving) -> str:
    if isinstance(command, RestartDeployment):
        return f"restart {command.deployment}, by an update that changes nothing but one environment variable"
    price, added = situation.workload.deployment.price_per_hour, command.instances - command.expected
    more = Money(amount=price.amount * added, currency=price.currency) if price else None
    cost = f", which costs {more} more an hour" if more else ""
    return f"scale {command.deployment} out from {command.expected} to {command.instances} instances{cost}"


def on_waited(situation: Situation) -> Ruling:
    """What held the remedy back may be over: it is looked at anew, as long as the alert is."""
    about = situation.signal.about if isinstance(situation.signal, HoldElapsed) else ""
    return _again(situation, next((one for one in situation.facts.incidents if about == f"incident {one.id}"), None))


def _again(situation: Situation, incident: Incident | None) -> Ruling:
    if incident is None or incident.state != "open":
        return ignore(situation, RULE, because("stale", "no incident waits for a remedy any more"))
    rule = situation.workload.alert_rule(incident.alert)
    if rule is None or rule.relieves is None:
        return ignore(situation, RULE, because("no_rule", "the policy has no remedy for this alert (any more)"))
    answer = begin(situation, rule, incident, (because("waited", f"incident {incident.id} waited for a remedy"),))
    return answer.ruling if answer.ruling.verdict == "hold" else _told(situation, rule, incident, answer, "")


def on_done(situation: Situation, signal: CommandFinished) -> Ruling:
    """The remedy is in force, and its effect is waited for; or it is not, and people are told."""
    incident = next((known for known in situation.facts.incidents if known.remedy == signal.command_id), None)
    facts = _with_instances(situation, signal)
    if incident is None or incident.state != "remedying":
        return _too_late(situation, signal, facts, incident)
    rule = situation.workload.alert_rule(incident.alert)
    if isinstance(signal.outcome, Skipped):  # overtaken by a rollout, say: nothing was tried, so nothing was in vain
        waiting = replace(incident, state="open")
        return _again(dataclasses.replace(situation, facts=facts.with_incident(waiting)), waiting)
    if not isinstance(signal.outcome, Succeeded):
        return _failed(situation, facts, incident, rule, signal.outcome.reason)
    within = (rule.relieves if rule else None) or Relief()
    verifying = replace(incident, state="verifying", relieved_at=situation.now)
    deadline = situation.wake("verify_deadline", incident.id, situation.now + within.within)
    text = f"{signal.command_kind} is done: its effect on incident {incident.id} is waited for"
    reason = because("relieved", text, until=deadline.due)
    return Ruling("act", RULE, (reason,), facts.with_incident(verifying), holds=(deadline,))


def _too_late(situation: Situation, signal: CommandFinished, facts: Facts, incident: Incident | None) -> Ruling:
    """The trouble ended by itself while the remedy was under way: people are told of instances that stay, and cost."""
    ruling = Ruling("suppress", RULE, (because("stale", "the incident that asked for this is closed"),), facts)
    if incident is None or not isinstance(signal.outcome, Succeeded) or not what_stays(situation, facts):
        return ruling
    rule = situation.workload.alert_rule(incident.alert)
    answer = Answer(dataclasses.replace(ruling, verdict="act"), "nothing more: the alert had ended by then")
    return _told(situation, rule, incident, answer, "")


def _with_instances(situation: Situation, signal: CommandFinished) -> Facts:
    """The facts that know how many instances were found, or made: what somebody else set is what there is."""
    found = {} if signal.outcome is None else getattr(signal.outcome, "data", {})
    facts, instances = situation.facts, found.get("instances")
    named = (known for known in facts.versions.values() if _deployed(known) == found.get("deployment"))
    version = next(named, None)
    if version is None or not isinstance(instances, float | int):
        return facts
    return replace(facts, relief=facts.relief.with_instances(version.version, int(instances)))


def _deployed(version: Version) -> str:
    return version.deployment or deployment_name(version.version)


def _failed(
    situation: Situation, facts: Facts, incident: Incident, rule: InfrastructureAlert | None, why: str
) -> Ruling:
    facts = _in_vain(facts, incident)
    failed = because("relief_failed", f"the remedy was not taken: {why}")
    answer = Answer(Ruling("act", RULE, (failed,), facts), "nothing more by itself for this incident")
    return _told(situation, rule, incident, answer, failed.text)


def _in_vain(facts: Facts, incident: Incident) -> Facts:
    facts = facts.with_incident(replace(incident, state="open"))
    return replace(facts, relief=replace(facts.relief, fruitless=facts.relief.fruitless + 1))


def is_relieved(situation: Situation, signal: HoldElapsed) -> bool:
    """Whether a deadline is about the effect of such a remedy."""
    return any(known.id == signal.about and known.kind == "infrastructure" for known in situation.facts.incidents)


def on_verify_deadline(situation: Situation, signal: HoldElapsed) -> Ruling:
    """The time is over in which the remedy had to show: it helped, or the next one is due, until they are given up."""
    incident = next((known for known in situation.facts.incidents if known.id == signal.about), None)
    if incident is None or incident.state != "verifying" or situation.original is not None:
        return _again(situation, incident)
    if _is_quiet(incident):
        return _helped(situation, incident)
    rule, effect = situation.workload.alert_rule(incident.alert), _effect(situation.facts, incident)
    facts = _in_vain(situation.facts, incident)
    said = because(effect, f"since the remedy {EFFECTS[effect]}", observed=facts.relief.fruitless)
    known = dataclasses.replace(situation, facts=facts)
    if rule is None or rule.relieves is None:
        return _told(known, rule, incident, Answer(Ruling("act", RULE, (said,), facts), "nothing by itself"), said.text)
    answer = begin(known, rule, replace(incident, state="open"), (said,))
    return _told(known, rule, incident, answer, said.text)


EFFECTS: Final = {
    "no_effect": "the alert is still true",
    "worse": "the alert is still true, and others fired about the same endpoint",
}


def _effect(facts: Facts, incident: Incident) -> str:
    """No effect, or worse: another alert about the same endpoint began since."""
    since, endpoint = incident.relieved_at, incident.target.partition("/deployments/")[0]
    others = (known for known in facts.incidents if known.kind == "infrastructure" and known.id != incident.id)
    later = (known for known in others if known.state != "closed" and since and known.opened_at > since)
    return "worse" if any(f"{known.target}/".startswith(f"{endpoint}/") for known in later) else "no_effect"


def _is_quiet(incident: Incident) -> bool:
    """Of an alert that nobody ends: it was not heard of since the remedy was in force."""
    since, heard = incident.relieved_at, incident.heard_at
    return not incident.resolves and since is not None and (heard is None or heard <= since)


def _helped(situation: Situation, incident: Incident) -> Ruling:
    facts = ended(situation, situation.facts.with_incident(replace(incident, state="closed")), incident)
    reason = because("helped", f"incident {incident.id}: the alert was not heard of since the remedy was in force")
    rule = situation.workload.alert_rule(incident.alert)
    return _told(situation, rule, incident, Answer(Ruling("act", RULE, (reason,), facts), "nothing more"), reason.text)


def ended(situation: Situation, facts: Facts, before: Incident) -> Facts:
    """The facts once an incident is over: when its remedy was in force, it helped."""
    if before.state != "verifying":
        return facts
    closed = next(known for known in facts.incidents if known.id == before.id)
    closed = replace(closed, closed_as="helped", closed_at=situation.now)
    return replace(facts.with_incident(closed), relief=replace(facts.relief, fruitless=0))


def what_stays(situation: Situation, facts: Facts) -> dict[str, str]:
    """For people, once the trouble is over: instances that were added stay, and how to take them away again."""
    usual, production = situation.workload.deployment.instance_count, situation.workload.environments.production
    champion = facts.versions.get(facts.champion)
    instances = facts.relief.instances.get(facts.champion, usual)
    if champion is None or instances == usual:
        return {}
    back = scale_deployment(production, _deployed(champion), usual)
    return {"instances": f"{_deployed(champion)} stays on {instances}; to go back to {usual}: {back}"}


def _told(
    situation: Situation, rule: InfrastructureAlert | None, incident: Incident, answer: Answer, effect: str
) -> Ruling:
    ruling = answer.ruling
    return dataclasses.replace(ruling, commands=(*ruling.commands, _message(situation, rule, incident, answer, effect)))


def _message(
    situation: Situation, rule: InfrastructureAlert | None, incident: Incident, answer: Answer, effect: str
) -> Notify:
    shown = {
        "alert": incident.detail,
        "target": incident.target,
        **({"effect": effect} if effect else {}),
        "what is done": answer.text,
        "what changed last": what_changed_last(situation),
        **what_stays(situation, answer.ruling.facts),
    }
    title = f"{situation.workload.name}: the remedy for {incident.alert}"
    return situation.tell((rule.to if rule else "") or situation.workload.owner, title, shown, ordinal=1)
