"""What production should look like by all that we know, and in what it differs when somebody looked.

Owns the comparison, and when it can be made at all: not while a write of ours is on its way. Pure. Decides nothing about what is
found (``rules.observed``), and writes nothing: what differs was changed by somebody else, and is never fought over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.domain.endpoint_seen import EndpointSeen, shown_traffic
from shared.domain.facts import Facts, Incident, Version
from shared.domain.references import deployment_name
from shared.domain.values import replace

SETTLES_WITHIN = timedelta(minutes=15)  # of a write of ours to an endpoint, until Azure has told of it
TRAFFIC = "traffic "  # what the name of an incident about traffic begins with; then comes the traffic that was seen
Role = Literal["champion", "standby", "candidate"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as we know it. ``role`` and ``deployment`` are empty for the traffic."""

    kind: Literal["gone", "failed", "traffic"]
    text: str
    role: Role | Literal[""] = ""
    version: str = ""
    deployment: str = ""


def relied_on(facts: Facts) -> dict[Role, Version]:
    """The versions whose deployments production needs: who serves, who stands by, and who takes over step by step."""
    rollout = facts.rollout
    wanted: dict[Role, str] = {
        "champion": facts.champion,
        "standby": facts.standby,
        "candidate": rollout.version if rollout else "",
    }
    return {role: facts.versions[number] for role, number in wanted.items() if number in facts.versions}


def deployed_as(version: Version) -> str:
    """The deployment of a version in production, as Azure's names are compared."""
    return (version.deployment or deployment_name(version.version)).lower()


def expected_traffic(facts: Facts) -> dict[str, int] | None:
    """The traffic that we wrote last, without zeros; None when nothing of ours serves."""
    champion, rollout = facts.versions.get(facts.champion), facts.rollout
    if rollout and rollout.percent and rollout.version in facts.versions:
        shares = {deployed_as(facts.versions[rollout.version]): rollout.percent}
        if champion and rollout.percent < 100:
            shares[deployed_as(champion)] = 100 - rollout.percent
        return shares
    return {deployed_as(champion): 100} if champion else None


def may_be_left(facts: Facts) -> tuple[dict[str, int], ...]:
    """Every traffic map that is ours: what we wrote last, and while a write is on its way, also what it is to replace."""
    rollout = facts.rollout
    before = replace(facts, rollout=rollout.before) if rollout and rollout.pending and rollout.before else None
    maps = (expected_traffic(facts), expected_traffic(before) if before else None)
    return tuple(one for one in maps if one is not None)


def settled_at(facts: Facts) -> datetime | None:
    """From when on production has to look as we know it; None while a write of ours is on its way, or nothing is known."""
    rollout = facts.rollout
    if rollout and rollout.pending:
        return None
    if rollout and rollout.step_started_at:
        return rollout.step_started_at
    moved = [version.since for version in facts.versions.values() if version.deployment]
    return max(moved) + SETTLES_WITHIN if moved else None


def differences(facts: Facts, seen: EndpointSeen) -> tuple[Difference, ...]:
    """In what production differs from what we know: who is gone or failed, and the traffic."""
    found = [
        difference
        for role, version in relied_on(facts).items()
        if (difference := _of_deployment(role, version, seen)) is not None
    ]
    wanted = expected_traffic(facts)
    if wanted is None or seen.traffic == wanted or any(known.kind == "gone" for known in found):
        return tuple(found)
    text = f"the traffic is {shown_traffic(seen.traffic)}, and we left it at {shown_traffic(wanted)}"
    return (*found, Difference("traffic", text))


def _of_deployment(role: Role, version: Version, seen: EndpointSeen) -> Difference | None:
    name = deployed_as(version)
    state = seen.deployments.get(name) if seen.exists else None
    if state is None:
        what = f"deployment {name} is gone" if seen.exists else f"the endpoint is gone, and deployment {name} with it"
        return Difference("gone", f"{what}: it is the {role}, version {version.version}", role, version.version, name)
    if state.lower() == "failed":
        text = f"deployment {name} is in state Failed: it is the {role}, version {version.version}"
        return Difference("failed", text, role, version.version, name)
    return None


def changed_by_hand(facts: Facts) -> tuple[Incident, ...]:
    """The incidents about changes that we did not order, as long as they are open."""
    return tuple(known for known in facts.incidents if known.kind == "by_hand" and known.state != "closed")


def traffic_by_hand(facts: Facts) -> Incident | None:
    """The incident about traffic that somebody else set, while it is open: no step of ours writes over it."""
    return next((known for known in changed_by_hand(facts) if known.alert.startswith(TRAFFIC)), None)
