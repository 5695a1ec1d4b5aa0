"""What Defender for Cloud says about a workload's resources: one incident for each alert type and target, told by severity.

Owns the rulings about security alerts and vulnerabilities. It blocks nothing and mends nothing: it calls people.
"""

from shared.domain.decisions import Reason
from shared.domain.facts import Facts, Incident
from shared.domain.platform_signals import SecurityAlertRaised, VulnerabilityFound
from shared.domain.policy_infrastructure import Security, rank
from shared.domain.routing import concerned
from shared.domain.rules.target_incidents import Sighting, end, newest, sight
from shared.domain.situation import Ruling, Situation, because

RULE = "security"
TARGETS_MAX = 10  # of one alert; the facts have a limit
OVER = frozenset({"resolved", "dismissed"})


def on_alert(situation: Situation, signal: SecurityAlertRaised) -> Ruling:
    """Something happens that should not, or a person has dealt with it."""
    over = signal.status.strip().lower() in OVER
    return _judge(situation, signal, signal.alert_type, over=over)


def on_vulnerability(situation: Situation, signal: VulnerabilityFound) -> Ruling:
    """Something is open that should not be, or it was mended."""
    return _judge(situation, signal, signal.assessment or signal.title, over=signal.healthy)


def _judge(situation: Situation, signal: SecurityAlertRaised | VulnerabilityFound, alert: str, *, over: bool) -> Ruling:
    security, targets = situation.workload.security, concerned(situation.workload, signal.targets)
    if security is None or not targets:
        text = "the policy has no security: section for this workload" if security is None else "none of its resources"
        return Ruling("no_match", "none", (because("no_rule", text),), situation.facts)
    sightings = [
        Sighting("security", alert.lower(), target, signal.occurred_at, signal.title, signal.severity)
        for target in list(dict.fromkeys(targets))[:TARGETS_MAX]
    ]
    if over:
        return _close(situation, security, signal, sightings)
    if rank(signal.severity) < rank(security.notify_from):
        return _minor(situation, security, signal, sightings)
    return _open(situation, security, signal, sightings)


def _minor(
    situation: Situation,
    security: Security,
    signal: SecurityAlertRaised | VulnerabilityFound,
    sightings: list[Sighting],
) -> Ruling:
    """Below the severity that is told; counted when an incident is open already."""
    facts = situation.facts
    for sighting in sightings:
        known = newest(facts, sighting)
        if known and known.state != "closed":
            _, _, facts = sight(situation, facts, sighting)
    text = f"{signal.title}: {signal.severity} is below {security.notify_from}, from which people are told"
    reason = because("below_severity", text, observed=signal.severity, limit=security.notify_from)
    return Ruling("suppress", RULE, (reason,), facts)


def _open(
    situation: Situation,
    security: Security,
    signal: SecurityAlertRaised | VulnerabilityFound,
    sightings: list[Sighting],
) -> Ruling:
    facts, reasons, news = situation.facts, list[Reason](), list[Incident]()
    for sighting in sightings:
        seen, incident, facts = sight(situation, facts, sighting)
        reasons.append(_seen_as(seen, incident))
        news += [incident] if seen in ("opened", "worse") else []
    if not news:
        return Ruling("suppress", RULE, tuple(reasons), facts)
    shown = {
        "severity": signal.severity or "unknown",
        "target": ", ".join(incident.target for incident in news),
        "description": signal.description[:500] or signal.title,
    }
    return _tell(situation, security, f"security: {signal.title}", shown, facts, reasons)


def _close(
    situation: Situation,
    security: Security,
    signal: SecurityAlertRaised | VulnerabilityFound,
    sightings: list[Sighting],
) -> Ruling:
    facts, reasons, closed = situation.facts, list[Reason](), list[Incident]()
    for sighting in sightings:
        ended, incident, facts = end(situation, facts, sighting)
        closed += [incident] if ended == "closed" else []
        text = f"incident {incident.id} on {incident.target} is closed as resolved"
        late = f"nothing was open for {incident.target} that this could end"
        reasons.append(because("resolved", text) if ended == "closed" else because("not_open", late))
    if not closed:
        return Ruling("suppress", RULE, tuple(reasons), facts)
    shown = {
        "target": ", ".join(incident.target for incident in closed),
        "repeats": str(sum(incident.repeats for incident in closed)),
    }
    return _tell(situation, security, f"resolved: {signal.title}", shown, facts, reasons)


def _tell(
    situation: Situation, security: Security, what: str, shown: dict[str, str], facts: Facts, reasons: list[Reason]
) -> Ruling:
    persona = security.to or situation.workload.owner
    told = situation.tell(persona, f"{situation.workload.name}: {what}", shown)
    return Ruling("act", RULE, tuple(reasons), facts, commands=(told,))


def _seen_as(seen: str, incident: Incident) -> Reason:
    match seen:
        case "opened":
            return because("incident_opened", f"incident {incident.id} is opened for {incident.target}")
        case "worse":
            return because("worse", f"incident {incident.id} on {incident.target} is now {incident.severity}")
        case "late":
            return because("already_resolved", f"this is older than the end of incident {incident.id}, which is known")
        case _:
            text = f"incident {incident.id} is open for {incident.target}: this is counted"
            return because("incident_open", text, observed=incident.repeats)
