"""The answer to trouble that persists, and to its end: retrain, tell, ask for labels or for a look; then close what was opened.

Owns which of these follows from a rule's ``then``, and the incidents of which people are only told. The remedy itself is
``remedy``'s, work for people ``work_item``'s. One incident at a time for each rule: what repeats is counted.
"""

from shared.domain import guards
from shared.domain.commands import Notify
from shared.domain.decisions import Reason
from shared.domain.facts import Facts, Incident, IncidentKind
from shared.domain.ids import derive
from shared.domain.policy_windows import WindowRule
from shared.domain.rules import remedy, repeats
from shared.domain.rules.annotation import annotate
from shared.domain.rules.investigation import investigate
from shared.domain.signals import HoldElapsed, MonitorBreached
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

DETAIL_MAX = 300  # characters that the facts keep of an incident of which people are only told
WORK = {"annotate": "annotation", "investigate": "investigation"}
KINDS: dict[str, IncidentKind] = {
    "data_drift": "data_drift",
    "prediction_drift": "prediction_drift",
    "data_quality": "data_quality",
    "model_performance": "model_performance",
    "fairness": "fairness",
    "endpoint_throttled": "endpoint_throttled",
}
TITLES = {
    "data_drift": "data drift",
    "prediction_drift": "the predictions drift",
    "data_quality": "the quality of the data",
    "model_performance": "the model's performance",
    "fairness": "unequal treatment of groups",
    "endpoint_throttled": "its endpoint refuses requests (429)",
}


def silence_names(rule: WindowRule) -> tuple[str, ...]:
    """What a silence may call this rule's telling, the nearest last."""
    return (rule.when, WORK[rule.then]) if rule.then in WORK else (rule.when,)


def not_concerned(situation: Situation, rule: WindowRule) -> bool:
    """Whether a signal that waited did not wait for this rule: what it brought about was done when it was first heard."""
    signal = situation.signal
    if not isinstance(signal, HoldElapsed):
        return False
    if rule.then != "retrain":
        return signal.about != f"silence of {silence_names(rule)[-1]}"
    incident = situation.facts.open_incident(KINDS[rule.when])
    return incident is None or signal.about != f"incident {incident.id}"


def respond(situation: Situation, facts: Facts, rule: WindowRule, reasons: tuple[Reason, ...]) -> Ruling:
    """Trouble persists: do what the policy says, unless a person wants quiet."""
    names = silence_names(rule)
    quiet = guards.silenced(situation, *names) if rule.then != "retrain" else None
    if quiet and quiet.until:
        hold, facts = situation.wait(f"silence of {names[-1]}", quiet.until, facts)
        return Ruling("hold", rule.when, (*reasons, quiet), facts, holds=(hold,))
    match rule.then:
        case "annotate":
            return annotate(situation, facts, rule, reasons)
        case "investigate":
            return investigate(situation, facts, rule, reasons)
        case "notify":
            return _tell(situation, facts, rule, reasons)
        case "retrain":
            return _retrain(situation, facts, rule, reasons)


def _retrain(situation: Situation, facts: Facts, rule: WindowRule, reasons: tuple[Reason, ...]) -> Ruling:
    incident = facts.open_incident(KINDS[rule.when])
    if incident and not repeats.may_act(situation, incident):
        return repeats.count(rule.when, facts, incident, reasons)
    asked_otherwise = repeats.under_way(facts) if incident is None else None
    if asked_otherwise:  # by a person, a schedule or new data: one training on the newest rows is enough
        return repeats.count(rule.when, facts, asked_otherwise, reasons)
    if rule.override_reason:
        reasons = (*reasons, because("override", f"retrained by itself, since {rule.override_reason}"))
    return remedy.open_and_retrain(situation, facts, KINDS[rule.when], reasons, rule.when)


def _tell(situation: Situation, facts: Facts, rule: WindowRule, reasons: tuple[Reason, ...]) -> Ruling:
    known = facts.told_of(rule.key)
    if known:
        counted = facts.with_incident(replace(known, repeats=known.repeats + 1))
        reason = because("incident_open", f"incident {known.id} is open: this is counted, not told again")
        return Ruling("suppress", rule.when, (*reasons, reason), counted)
    if isinstance(situation.heard, MonitorBreached):  # nobody tells of its end: it is told each time, and opens nothing
        return Ruling("act", rule.when, reasons, facts, commands=(_message(situation, rule, "", reasons),))
    incident = Incident(
        id=derive("incident", situation.subject, rule.key, situation.heard.dedup_key),
        kind=KINDS[rule.when],
        state="open",
        opened_at=situation.now,
        version=facts.champion,
        detail="; ".join(reason.text for reason in reasons)[:DETAIL_MAX],
        rules=(rule.key,),
    )
    closes = f"after {rule.recovers_after} windows in a row that pass, or when a newer version serves"
    told = _message(situation, rule, "", reasons, incident=incident.id, closes=closes)
    opened = because("incident_opened", f"incident {incident.id} is opened; it closes {closes}")
    return Ruling("act", rule.when, (*reasons, opened), facts.with_incident(incident), commands=(told,))


def recover(situation: Situation, facts: Facts, rule: WindowRule, reasons: tuple[Reason, ...]) -> Ruling:
    """Trouble is over by this rule: close what it opened, unless another rule keeps it open."""
    mine = [known for known in facts.incidents if known.state == "open" and rule.key in known.rules]
    if not mine:
        return Ruling("suppress", rule.when, reasons, facts)
    in_force = {known.key for known in (*situation.workload.row_rules, *situation.workload.labelled_rules)}
    closed, said = list[Incident](), list[Reason]()
    for known in mine:
        rest = tuple(key for key in known.rules if key != rule.key and key in in_force)
        if rest:
            facts = facts.with_incident(replace(known, rules=rest))
            text = f"incident {known.id} stays open: {', '.join(rest)} has not recovered"
        else:
            closed.append(known)
            facts = facts.with_incident(replace(known, state="closed", closed_as="recovered", closed_at=situation.now))
            text = f"incident {known.id} is closed: {rule.recovers_after} windows in a row passed"
        said.append(because("recovery", text, observed=rule.recovers_after, limit=rule.recovers_after))
    reasons = (*reasons, *said)
    if not closed:
        return Ruling("suppress", rule.when, reasons, facts)
    repeated = str(sum(one.repeats for one in closed))
    told = _message(situation, rule, ": recovered", reasons, repeats=repeated)
    return Ruling("act", rule.when, reasons, facts, commands=(told,))


def tell_unknown(situation: Situation, facts: Facts, rule: WindowRule, reasons: tuple[Reason, ...]) -> Ruling:
    """Nobody can tell whether there is trouble, for so long that people should know."""
    return Ruling("act", rule.when, reasons, facts, commands=(_message(situation, rule, " is not known", reasons),))


def _message(situation: Situation, rule: WindowRule, what: str, reasons: tuple[Reason, ...], **more: str) -> Notify:
    named = f" ({rule.name})" if rule.name else ""
    title = f"{situation.workload.name}: {TITLES[rule.when]}{named}{what}"
    shown = {reason.code: reason.text for reason in reasons} | more
    return situation.tell(rule.to or situation.workload.owner, title, shown)
