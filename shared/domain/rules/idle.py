"""An endpoint that nobody calls costs money: people are asked, once, whether to retire it. It is theirs to delete.

Owns these rulings. A call closes the incident, and so does a person. Knows nothing of how calls are heard (``services``).
"""

from typing import Final

from shared.domain.az_commands import delete_endpoint
from shared.domain.durations import format_duration
from shared.domain.policy_environments import Environment
from shared.domain.rules.hand_incidents import target_of
from shared.domain.rules.target_incidents import Sighting, end, sight
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.telemetry_signals import EndpointFellIdle, EndpointUsed

RULE: Final = "endpoint_idle"


def on_idle(situation: Situation, signal: EndpointFellIdle) -> Ruling:
    """Propose the endpoint for retirement, with what it costs to keep in instances."""
    rule, facts, production = situation.workload.idle_rule, situation.facts, situation.workload.environments.production
    deployment = situation.workload.deployment
    idle = because("idle", f"nobody has called {signal.endpoint} since {signal.idle_since:%Y-%m-%d %H:%M} UTC")
    if rule is None:
        return ignore(situation, RULE, idle, because("no_rule", "the policy minds no idle endpoint (any more)"))
    if facts.rollout:
        return ignore(
            situation, RULE, idle, because("rollout_under_way", "a version is taking over: it is looked at again")
        )
    sighting = Sighting(RULE, RULE, target_of(production), signal.idle_since, idle.text)
    seen, incident, facts = sight(situation, facts, sighting)
    if seen == "late":
        return Ruling("suppress", RULE, (idle, because("already_used", "it was called again since")), facts)
    if seen != "opened":
        return ignore(situation, RULE, idle, because("incident_open", f"incident {incident.id} is open"))
    shown = {
        "idle": idle.text,
        "allowed": format_duration(rule.idle_for),
        "serves": f"version {facts.champion or 'none'}, standby {facts.standby or 'none'}",
        "keeps busy": f"{deployment.instance_count} x {deployment.runs_on(production)} for each deployment",
        "first": _first(production),
        "if nobody needs it": delete_endpoint(production),
        "closes": f"when it is called again, or: outerloop ask close {situation.workload.name} --by YOU --why WHY",
    }
    title = f"{situation.workload.name}: nobody calls its endpoint; retire it?"
    told = situation.tell(rule.to or situation.workload.owner, title, shown)
    opened = because("incident_opened", f"incident {incident.id} is opened for {signal.endpoint}")
    return Ruling("act", RULE, (idle, opened), facts, commands=(told,))


def _first(production: Environment) -> str:
    if production.on_kubernetes:
        return (
            "see in the cluster that its router is asked for nothing, and that the scoring script tells of each request"
        )
    return "see that its traffic log still comes, and that the metric RequestsPerMinute is empty too"


def on_used(situation: Situation, signal: EndpointUsed) -> Ruling:
    """It is called again: the question is closed."""
    used = because("used", f"{signal.endpoint} is called again")
    target = target_of(situation.workload.environments.production)
    ended, incident, facts = end(situation, situation.facts, Sighting(RULE, RULE, target, signal.occurred_at))
    if ended != "closed":
        return ignore(situation, RULE, used, because("not_open", "nobody was asked about it"))
    return Ruling("act", RULE, (used, because("resolved", f"incident {incident.id} is closed as resolved")), facts)
