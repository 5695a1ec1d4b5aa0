"""What the platform's alerts and health mean for a model: an incident for each target, the version before, or a notice.

Owns the rulings about alerts. Knows nothing of their schemas (``parsing``), of whom to blame (``attribution``) or of how
traffic goes back (``rollout``).
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.commands import Notify
from shared.domain.decisions import Hold, Reason
from shared.domain.durations import format_duration
from shared.domain.facts import Facts, Incident
from shared.domain.platform_signals import AlertFired, AlertResolved, Criterion, PlatformHealthChanged
from shared.domain.policy_infrastructure import InfrastructureAlert
from shared.domain.routing import concerned
from shared.domain.rules import ending, relief
from shared.domain.rules.attribution import blame, is_about_champion, what_changed_last
from shared.domain.rules.hand_incidents import kept_open
from shared.domain.rules.target_incidents import Sighting, end, newest, sight
from shared.domain.signals import HoldElapsed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "infrastructure"
TARGETS_MAX = 10  # of one alert; the facts have a limit
LISTED_MAX = 5  # criteria, by name
ALERT_EXPIRES_AFTER = timedelta(
    hours=24
)  # an alert on the activity log tells of something that happened, and never ends
SERVICE_EXPIRES_AFTER = timedelta(days=7)  # an issue of a service, or maintenance, whose end nobody told
DEPLOYMENT_DIMENSIONS = frozenset({"deployment", "deploymentname"})
WELL = frozenset({"available", "resolved", "complete", "completed", "canceled", "cancelled", "rca", "succeeded"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What alerts and changes of health have in common, under the name that the policy's globs look at.

    ``expires_after`` is None when somebody tells of the end. ``issue`` tells two troubles of one name apart.
    """

    name: str
    targets: tuple[str, ...]
    at: datetime
    told: dict[str, str]
    severity: str = ""
    expires_after: timedelta | None = None
    may_be_ours: bool = True
    may_be_relieved: bool = False
    deployments: tuple[str, ...] = ()  # that the measured values are about, when an alert splits by deployment
    issue: str = ""

    @property
    def text(self) -> str:
        """The trouble in a sentence."""
        return f"{self.told['alert']}: {self.told['condition']}"


def on_alert(situation: Situation, signal: AlertFired) -> Ruling:
    """An alert rule fired; or it did before, and its remedy has waited."""
    if situation.original is not None:
        return relief.on_waited(situation)
    condition = "; ".join(_criterion(one) for one in signal.criteria[:LISTED_MAX]) or signal.operation
    told = {"alert": signal.rule, "condition": condition or signal.description or "its condition is true"}
    trouble = Trouble(
        name=signal.rule.lower(),
        targets=signal.targets,
        at=signal.occurred_at,
        told=told | ({"severity": signal.severity} if signal.severity else {}),
        severity=signal.severity,
        expires_after=None if signal.stateful else ALERT_EXPIRES_AFTER,
        deployments=_deployments(signal),
        may_be_relieved=True,
    )
    return _on_trouble(situation, trouble)


def on_health(situation: Situation, signal: PlatformHealthChanged) -> Ruling:
    """Azure said how it is: a resource, or a service that the workload's resources need."""
    trouble = Trouble(
        name=signal.scope if signal.scope in ("maintenance", "throttling") else f"{signal.scope}_health",
        issue=signal.tracking_id.lower(),  # one issue of a service is one incident, however often it is told
        targets=signal.targets,
        at=signal.occurred_at,
        told={
            "alert": f"{signal.scope} health",
            "condition": f"{signal.title or 'its health changed'} ({signal.status})",
        },
        expires_after=None if signal.scope == "resource" else SERVICE_EXPIRES_AFTER,
        may_be_ours=signal.scope == "resource" and "platform" not in signal.cause.lower(),
    )
    if signal.status.strip().lower() in WELL:
        return _on_end(situation, trouble)
    return _on_trouble(situation, trouble)


def on_resolved(situation: Situation, signal: AlertResolved) -> Ruling:
    """The condition of an alert rule is no longer true."""
    told = {"alert": signal.rule, "condition": "its condition is no longer true"}
    return _on_end(situation, Trouble(signal.rule.lower(), signal.targets, signal.occurred_at, told))


def _sightings(situation: Situation, trouble: Trouble) -> tuple[Sighting, ...]:
    targets = dict.fromkeys(concerned(situation.workload, trouble.targets))
    alert = f"{trouble.name} {trouble.issue}".strip()
    return tuple(
        Sighting("infrastructure", alert, target, trouble.at, trouble.text, trouble.severity)
        for target in list(targets)[:TARGETS_MAX]
    )


def _on_trouble(situation: Situation, trouble: Trouble) -> Ruling:
    rule, sightings = situation.workload.alert_rule(trouble.name), _sightings(situation, trouble)
    if rule is None or not sightings:
        return _no_rule(situation, trouble)
    facts, reasons, opened, holds = situation.facts, list[Reason](), list[Incident](), list[Hold]()
    for sighting in sightings:
        seen, incident, facts = sight(situation, facts, sighting)
        reasons.append(_seen_as(seen, incident))
        opened += [incident] if seen == "opened" else []
        if trouble.expires_after and seen != "late":
            holds.append(situation.wake("incident_expiry", incident.id, situation.now + trouble.expires_after))
    if not opened:
        return Ruling("suppress", RULE, tuple(reasons), facts, holds=tuple(holds))
    heard = because("alert", trouble.text[:500])
    known = dataclasses.replace(situation, facts=facts)
    ruling = _respond(known, rule, trouble, opened, (heard, *reasons))
    return dataclasses.replace(ruling, holds=(*ruling.holds, *holds))


def _seen_as(seen: str, incident: Incident) -> Reason:
    match seen:
        case "opened":
            return because("incident_opened", f"incident {incident.id} is opened for {incident.target}")
        case "late":
            return because("already_resolved", f"this is older than the end of incident {incident.id}, which is known")
        case _:
            return because(
                "incident_open",
                f"incident {incident.id} is open for {incident.target}: this is counted, not acted on",
                observed=incident.repeats,
            )


def _respond(
    situation: Situation,
    rule: InfrastructureAlert,
    trouble: Trouble,
    opened: list[Incident],
    reasons: tuple[Reason, ...],
) -> Ruling:
    if rule.relieves and trouble.may_be_relieved:
        return _relieve(situation, rule, trouble, opened, reasons)
    blamed, why = False, "no version of ours can have caused it"
    if trouble.may_be_ours:
        blamed, why = blame(situation, rule, trouble.at, _places(trouble, opened))
    back = ending.go_back(situation, because("alert", f"alert {trouble.text}"[:500])) if blamed else None
    done = f"traffic goes back: {why}" if back else f"nothing by itself: {why}"
    told = _tell_of(situation, rule, trouble, opened, done)
    reason = because("attributed" if back else "not_attributed", why)
    if back is None:
        return Ruling("act", RULE, (*reasons, reason), situation.facts, commands=(told,))
    return dataclasses.replace(back, rule=RULE, reasons=(*reasons, reason), commands=(*back.commands, told))


def _relieve(
    situation: Situation,
    rule: InfrastructureAlert,
    trouble: Trouble,
    opened: list[Incident],
    reasons: tuple[Reason, ...],
) -> Ruling:
    """The remedy that the policy allows: of one of the incidents, since the deployment that serves is one."""
    facts = situation.facts
    for incident in opened if trouble.expires_after else ():
        facts = facts.with_incident(replace(incident, resolves=False))
    known = dataclasses.replace(situation, facts=facts)
    about = [one for one in opened if any(is_about_champion(known, place) for place in _places(trouble, [one]))]
    known_now = (one for one in facts.incidents if about and one.id == about[0].id)
    answer = relief.begin(known, rule, next(known_now, None), reasons)
    told = _tell_of(known, rule, trouble, opened, answer.text)
    return dataclasses.replace(answer.ruling, commands=(*answer.ruling.commands, told))


def _tell_of(
    situation: Situation, rule: InfrastructureAlert, trouble: Trouble, opened: list[Incident], done: str
) -> Notify:
    facts = {
        **trouble.told,
        "target": ", ".join(incident.target for incident in opened),
        "what changed last": what_changed_last(situation),
        "what is done": done,
    }
    title = f"{situation.workload.name}: {trouble.told['alert']} on {_short(opened[0].target)}"
    return situation.tell(rule.to or situation.workload.owner, title, facts, ordinal=1)


def _places(trouble: Trouble, opened: list[Incident]) -> list[str]:
    """What the incidents are about, as exactly as the alert says: of an endpoint, the deployments that it measured."""
    return [
        f"{incident.target}/deployments/{name}" if name and _is_endpoint(incident.target) else incident.target
        for incident in opened
        for name in trouble.deployments or ("",)
    ]


def _is_endpoint(target: str) -> bool:
    return target.rstrip("/").split("/")[-2:-1] in (["onlineendpoints"], ["batchendpoints"])


def _deployments(signal: AlertFired) -> tuple[str, ...]:
    named = {
        what.lower()
        for one in signal.criteria
        for name, what in one.dimensions.items()
        if name.lower() in DEPLOYMENT_DIMENSIONS and what
    }
    return tuple(sorted(named))


def _on_end(situation: Situation, trouble: Trouble) -> Ruling:
    rule, sightings = situation.workload.alert_rule(trouble.name), _sightings(situation, trouble)
    if not sightings or (rule is None and not any(newest(situation.facts, sighting) for sighting in sightings)):
        return _no_rule(situation, trouble)
    facts, reasons, closed, released = situation.facts, list[Reason](), list[Incident](), list[str]()
    for sighting in sightings:
        ended, incident, facts = end(situation, facts, sighting)
        reasons.append(_ended_as(ended, incident))
        if ended == "closed":
            closed.append(incident)
            before = next(known for known in situation.facts.incidents if known.id == incident.id)
            over = ("incident_expiry", "verify_deadline") if before.relieved_at else ("incident_expiry",)
            released += [situation.wake(why, incident.id, situation.now).id for why in over]
            facts = relief.ended(situation, facts, before)
    if not closed:
        return Ruling("suppress", RULE, tuple(reasons), facts)
    told = _tell_of_end(situation, facts, rule, trouble, closed)
    return Ruling("act", RULE, tuple(reasons), facts, commands=(told,), released=tuple(released))


def _ended_as(ended: str, incident: Incident) -> Reason:
    match ended:
        case "closed":
            return because("resolved", f"incident {incident.id} on {incident.target} is closed as resolved")
        case "unknown":
            return because("not_open", f"no incident was open for {incident.target}; that it ended is remembered")
        case _:
            return because("stale", f"incident {incident.id} is {incident.state}, and newer things are known of it")


def _tell_of_end(
    situation: Situation, after: Facts, rule: InfrastructureAlert | None, trouble: Trouble, closed: list[Incident]
) -> Notify:
    open_for = situation.now - min(incident.opened_at for incident in closed)
    facts = {
        **trouble.told,
        "target": ", ".join(incident.target for incident in closed),
        "was": closed[0].detail,
        "open for": format_duration(timedelta(seconds=round(open_for.total_seconds()))),
        "repeats": str(sum(incident.repeats for incident in closed)),
        **(relief.what_stays(situation, after) if rule and rule.relieves else {}),
    }
    title = f"{situation.workload.name}: {trouble.told['alert']} on {_short(closed[0].target)} is resolved"
    return situation.tell((rule.to if rule else "") or situation.workload.owner, title, facts)


def on_expiry(situation: Situation, signal: HoldElapsed) -> Ruling:
    """Nobody will tell that this kind of alert has ended: it is closed by its age."""
    incident = next((known for known in situation.facts.incidents if known.id == signal.about), None)
    if incident is None or incident.state == "closed":
        return ignore(situation, RULE, because("stale", "this incident is closed"))
    if kept := kept_open(situation, incident):
        return kept
    reason = because(
        "expired", f"incident {incident.id}: this kind of alert is never resolved, and is closed by its age"
    )
    closed = replace(incident, state="closed", closed_as="expired", closed_at=situation.now)
    return Ruling("act", RULE, (reason,), situation.facts.with_incident(closed))


def _no_rule(situation: Situation, trouble: Trouble) -> Ruling:
    text = f"no rule of the policy names this alert ({trouble.told['alert']})"
    return Ruling("no_match", "none", (because("no_rule", text),), situation.facts)


def _criterion(one: Criterion) -> str:
    value = "no value" if one.value is None else f"{one.value:g}"
    limit = "" if one.threshold is None else f" {one.threshold:g}"
    where = ", ".join(f"{name}={what}" for name, what in one.dimensions.items())
    return f"{one.metric} is {value} ({one.operator}{limit})" + (f" for {where}" if where else "")


def _short(target: str) -> str:
    return target.rstrip("/").rpartition("/")[2]
