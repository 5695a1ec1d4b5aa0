"""Incidents about what somebody else changed in production: one for each thing, whichever road we hear of it by.

Owns their names, and that a rollout stands still while one about the traffic is open. An event says that the endpoint was written,
and a look at Azure says what is otherwise: both are one incident. Knows nothing of what else is done about a change.
"""

from datetime import datetime

from shared.domain.az_commands import set_traffic
from shared.domain.decisions import Hold, Reason
from shared.domain.differences import TRAFFIC, changed_by_hand, deployed_as, expected_traffic, traffic_by_hand
from shared.domain.durations import parse_duration
from shared.domain.endpoint_seen import EndpointSeen, shown_traffic
from shared.domain.facts import Facts, Incident
from shared.domain.policy_environments import Environment
from shared.domain.rules.target_incidents import Seen, Sighting, sight
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

RULE = "by_hand"
CHANGED, DELETED, FAILED = "changed", "deleted", "failed"
EXPIRES_AFTER = parse_duration("7d")  # should no look ever find production as it was


def target_of(environment: Environment, deployment: str = "") -> str:
    """The ARM id of an online endpoint or of one of its deployments, in lower case."""
    endpoint = f"{environment.workspace}/onlineendpoints/{environment.endpoint}"
    return (f"{endpoint}/deployments/{deployment}" if deployment else endpoint).lower()


def opened(
    situation: Situation, facts: Facts, alert: str, target: str, at: datetime, text: str
) -> tuple[Seen, Incident, Facts, tuple[Hold, ...]]:
    """Open the incident of a change, or count a repeat into it. One that is opened ends after a week, if nothing ends it before."""
    seen, incident, facts = sight(situation, facts, Sighting("by_hand", alert, target, at, text))
    if seen != "opened":
        return seen, incident, facts, ()
    return seen, incident, facts, (situation.wake("incident_expiry", incident.id, situation.now + EXPIRES_AFTER),)


def known_at(facts: Facts, target: str) -> Incident | None:
    """The open incident about a resource, whatever is wrong with it."""
    return next((known for known in changed_by_hand(facts) if known.target == target), None)


def adopted(facts: Facts, target: str, seen: EndpointSeen) -> Facts:
    """What an event said of the endpoint is about its traffic: a look has found it, and nobody needs to be told twice."""
    if traffic_by_hand(facts) is not None:
        return facts
    told = (known for known in changed_by_hand(facts) if (known.alert, known.target) == (CHANGED, target))
    incident = next(told, None)
    return facts.with_incident(replace(incident, alert=traffic_alert(seen))) if incident else facts


def traffic_alert(seen: EndpointSeen) -> str:
    """The name under which this very traffic is an incident."""
    return f"{TRAFFIC}{shown_traffic(seen.traffic)}"


def kept_open(situation: Situation, incident: Incident) -> Ruling | None:
    """Traffic that somebody else set keeps its incident open until a look finds it put back: its people are told again."""
    rollout, left = situation.facts.rollout, expected_traffic(situation.facts)
    if left is None or incident != traffic_by_hand(situation.facts):
        return None
    name = situation.workload.name
    held = f"the rollout of version {rollout.version} stands still" if rollout else "no rollout begins over it"
    text = f"{incident.detail}, since {incident.opened_at:%Y-%m-%d %H:%M} UTC: {held}"
    give_up = f", or give the rollout up: outerloop ask rollback {name}" if rollout else ""
    shown = {
        "what": text,
        "do this now": f"put the traffic back: {set_traffic(situation.workload.environments.production, left)}{give_up}",
    }
    told = situation.tell(situation.workload.owner, f"{name}: production traffic is still not as we left it", shown)
    again = situation.wake("incident_expiry", incident.id, situation.now + EXPIRES_AFTER)
    reason = because("frozen_by_hand", text, until=again.due)
    return Ruling("escalate", RULE, (reason,), situation.facts, commands=(told,), holds=(again,))


def frozen_by_hand(situation: Situation) -> Reason | None:
    """Why no step of a rollout is taken: the traffic is somebody else's, and to write over it would be to fight; or the
    champion was deleted, and no look has said yet who serves in its place.
    """
    if lost := _champion_lost(situation):
        text = f"{lost.detail}: no step is taken until a look at production has found who serves in its place"
        return because("frozen_by_hand", text, release="the next look at production")
    incident = traffic_by_hand(situation.facts)
    if incident is None:
        return None
    text = f"{incident.detail}: no step is taken until it is as it was, or a person asks for a rollback"
    production, left = situation.workload.environments.production, expected_traffic(situation.facts)
    back = set_traffic(production, left) if left else "when it is as it was"
    release = f"{back}; where no look can find that: outerloop ask close {situation.workload.name}"
    return because("frozen_by_hand", text, observed=incident.alert.removeprefix(TRAFFIC), release=release)


def _champion_lost(situation: Situation) -> Incident | None:
    champion = situation.facts.versions.get(situation.facts.champion)
    if champion is None:
        return None
    target = target_of(situation.workload.environments.production, deployed_as(champion))
    told = (known for known in changed_by_hand(situation.facts) if known.alert == DELETED)
    return next((known for known in told if known.target == target), None)
