"""Changes to the production endpoint that the loop did not order: somebody's hand, or another pipeline's.

Owns telling ours from theirs: by the deployments that the facts know, and by what is under way. A foreign change is reported,
once for as long as its incident is open, and never fought over. What a look at Azure finds is ``observed``'s.
"""

from shared.domain.differences import SETTLES_WITHIN, Difference, deployed_as, relied_on
from shared.domain.facts import Facts, Version
from shared.domain.lifecycle import ENDED
from shared.domain.platform_signals import ResourceChanged
from shared.domain.rules.deleted import on_champion_gone, on_gone
from shared.domain.rules.hand_incidents import CHANGED, known_at, opened, target_of
from shared.domain.signals import ModelDeployed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "by_hand"
UNDER_WAY = frozenset({"deploying", "probing", "rolling_out"})


def on_deployed(situation: Situation, signal: ModelDeployed) -> Ruling:
    """A service was deployed: ours, or somebody else's on the endpoint that we look after."""
    production = situation.workload.environments.production
    endpoint, _, deployment = signal.service_name.lower().partition("/")
    if signal.workspace.lower() != production.workspace.lower() or endpoint != production.endpoint.lower():
        return _elsewhere(situation, f"{signal.service_name} in {signal.workspace}")
    facts = situation.facts
    ours = _is_ours(facts, deployment) if deployment else _all_known(facts, signal.models) or _is_settling(situation)
    what = f"{signal.service_name} was deployed" + (f" with {', '.join(signal.models)}" if signal.models else "")
    target = target_of(production, deployment)
    return _known(situation, what) if ours else _foreign(situation, what, target, signal.by)


def on_changed(situation: Situation, signal: ResourceChanged) -> Ruling:
    """A resource was written or deleted: the production endpoint, one of its deployments, or something else."""
    place = _place(situation, signal.resource_id)
    if place is None:
        return _elsewhere(situation, signal.resource_id)
    if signal.change == "other":
        text = f"nothing is known to have changed at {signal.resource_id} ({signal.status or 'an action'})"
        return Ruling("suppress", RULE, (because("nothing_changed", text),), situation.facts)
    deleted = signal.change == "deleted"
    what = f"{place or 'the endpoint itself'} was {'deleted' if deleted else 'created or updated'}"
    if place:
        ours = _we_removed(situation.facts, place) if deleted else _is_ours(situation.facts, place)
    else:
        ours = not deleted and _is_settling(situation)
    if ours:
        return _known(situation, what)
    if gone := _gone(situation, signal, place) if deleted else ():
        if situation.facts.rollout and [one.role for one in gone] == ["champion"]:
            return on_champion_gone(situation, signal, gone[0], signal.by)
        return on_gone(situation, signal, gone, signal.by)
    target = target_of(situation.workload.environments.production, place)
    return _foreign(situation, what, target, signal.by)


def _gone(situation: Situation, signal: ResourceChanged, place: str) -> tuple[Difference, ...]:
    """What production needs and was deleted: a deployment, or all of them with their endpoint. News of a former life is none."""
    return tuple(
        Difference(
            "gone",
            f"deployment {deployed_as(version)} is gone: it is the {role}, version {version.version}",
            role,
            version.version,
            deployed_as(version),
        )
        for role, version in relied_on(situation.facts).items()
        if place in ("", deployed_as(version)) and signal.occurred_at >= version.since
    )


def _place(situation: Situation, resource_id: str) -> str | None:
    """The deployment of the production endpoint that a resource is; empty for the endpoint; None for anything else."""
    production = situation.workload.environments.production
    inside = resource_id.lower().rstrip("/").removeprefix(f"{production.workspace.lower()}/").split("/")
    if len(inside) not in (2, 4) or not inside[0].endswith("endpoints") or inside[1] != production.endpoint.lower():
        return None
    return inside[3] if len(inside) == 4 else ""


def _version_at(facts: Facts, deployment: str) -> Version | None:
    return next((known for known in facts.versions.values() if known.deployment == deployment), None)


def _is_ours(facts: Facts, deployment: str) -> bool:
    return _version_at(facts, deployment) is not None


def _we_removed(facts: Facts, deployment: str) -> bool:
    """We remove only what has ended; a version that serves or stands by was deleted by somebody else."""
    version = _version_at(facts, deployment)
    return version is not None and version.state in ENDED


def _all_known(facts: Facts, models: tuple[str, ...]) -> bool:
    ours = {f"{known.served_model}:{known.version}" for known in facts.versions.values() if known.deployment}
    return bool(models) and set(models) <= ours


def _is_settling(situation: Situation) -> bool:
    """Whether writes of ours to the endpoint are under way, or so recent that their events may still be coming."""
    return any(
        known.state in UNDER_WAY or (known.deployment and situation.now <= known.since + SETTLES_WITHIN)
        for known in situation.facts.versions.values()
    )


def _known(situation: Situation, what: str) -> Ruling:
    return Ruling("suppress", RULE, (because("our_own", f"{what}: by us"),), situation.facts)


def _elsewhere(situation: Situation, where: str) -> Ruling:
    text = f"{where} is not the production endpoint of this workload: heard and recorded"
    return Ruling("no_match", "none", (because("no_rule", text),), situation.facts)


def _foreign(situation: Situation, what: str, resource: str, by: str) -> Ruling:
    who = by or "somebody (the source does not say who)"
    reason = because("changed_by_hand", f"{what} by {who}, and we did not order it")
    if known := known_at(situation.facts, resource):
        text = f"incident {known.id} is open for {resource}: this is counted, not told again"
        counted = situation.facts.with_incident(replace(known, repeats=known.repeats + 1))
        open_already = because("incident_open", text, observed=known.repeats)
        return Ruling("suppress", RULE, (reason, open_already), counted)
    seen, _, noted, holds = opened(situation, situation.facts, CHANGED, resource, situation.heard.occurred_at, what)
    if seen == "late":
        return ignore(
            situation, RULE, reason, because("already_resolved", "a newer look found production as we know it")
        )
    title = f"{situation.workload.name}: production was changed by hand"
    facts = {
        "what": what,
        "by": who,
        "where": resource,
        "we know": f"champion {situation.facts.champion or 'none'}, standby {situation.facts.standby or 'none'}",
        "when": f"{situation.heard.occurred_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    told = situation.tell(situation.workload.owner, title, facts)
    return Ruling("act", RULE, (reason,), noted, commands=(told,), holds=holds)
