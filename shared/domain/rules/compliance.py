"""What Azure Policy says about staging and production: nothing is promoted into a workspace that is not compliant.

Owns what is remembered of each (resource, assignment), in the order of ``occurred_at``, and the release of what waited. The
guard itself stands with the others, in ``guards``. Development blocks nothing.
"""

from shared.domain.facts import Facts, Judged
from shared.domain.guards import blocking
from shared.domain.platform_signals import ComplianceChanged
from shared.domain.routing import lies_in
from shared.domain.situation import Ruling, Situation, because, ignore, is_version
from shared.domain.values import replace

RULE = "compliance"
JUDGED_KEPT_MAX = 40  # judgements; compliant ones are forgotten first


def on_changed(situation: Situation, signal: ComplianceChanged) -> Ruling:
    """Remember the judgement; tell the owner when a workspace becomes closed or open to promotions, and release these."""
    if not any(lies_in(environment, signal.resource_id) for environment in _environments(situation)):
        text = f"{signal.resource_id} lies in neither the staging nor the production workspace"
        return Ruling("no_match", "none", (because("no_rule", text),), situation.facts)
    seen = Judged(
        resource=signal.resource_id.lower(),
        assignment=signal.assignment_id.lower(),
        compliant=signal.compliant,
        at=signal.occurred_at,
    )
    known = next((one for one in situation.facts.judged if _same(one, seen)), None)
    if known and not _newer(seen, known):
        return ignore(situation, RULE, because("older", f"a newer judgement of {_named(seen)} is known already"))
    facts, forgotten = _remember(situation.facts, seen)
    if forgotten:
        return _overfull(situation, facts, forgotten)
    return _judge(situation, facts, seen)


def _environments(situation: Situation) -> tuple[str, str]:
    environments = situation.workload.environments
    return environments.staging.workspace, environments.production.workspace


def _same(one: Judged, other: Judged) -> bool:
    return (one.resource, one.assignment) == (other.resource, other.assignment)


def _newer(seen: Judged, known: Judged) -> bool:
    """Of two judgements of one moment the stricter one counts, in whichever order they come."""
    return seen.at > known.at or (seen.at == known.at and known.compliant and not seen.compliant)


def _remember(facts: Facts, seen: Judged) -> tuple[Facts, Judged | None]:
    """The facts with the judgement, and the non-compliant one that had to be forgotten for it, if any."""
    kept = sorted((*(one for one in facts.judged if not _same(one, seen)), seen), key=lambda one: one.at)
    if len(kept) <= JUDGED_KEPT_MAX:
        return replace(facts, judged=tuple(kept)), None
    oldest = next((one for one in kept if one.compliant), kept[0])
    kept.remove(oldest)
    return replace(facts, judged=tuple(kept)), None if oldest.compliant else oldest


def _judge(situation: Situation, facts: Facts, seen: Judged) -> Ruling:
    before, after = blocking(situation, situation.facts), blocking(situation, facts)
    state = "compliant" if seen.compliant else "not compliant"
    reason = because("judged", f"{_named(seen)}: {state}", observed=state)
    if bool(before) == bool(after):
        left = because("still_blocked", f"{len(after)} judgements keep promotions out") if after else None
        known = because("not_blocked", "promotions were not kept out, and are not now")
        # What waits may lead into the other workspace, or into production only.
        woken = situation.again(is_version) if after and seen.compliant else ()
        return Ruling("suppress", RULE, (reason, left or known), facts, holds=woken)
    if after:
        title = f"{situation.workload.name}: promotions wait until {_workspace(situation, seen)} is compliant"
        told = situation.tell(
            situation.workload.owner, title, {"resource": seen.resource, "assignment": seen.assignment}
        )
        return Ruling("act", RULE, (reason, *after), facts, commands=(told,))
    title = f"{situation.workload.name}: {_workspace(situation, seen)} is compliant, promotions go on"
    told = situation.tell(situation.workload.owner, title, {"resource": seen.resource, "assignment": seen.assignment})
    mended = because("mended", "Azure Policy keeps promotions out no more; what was held is evaluated at once")
    return Ruling("act", RULE, (reason, mended), facts, commands=(told,), holds=situation.again(is_version))


def _overfull(situation: Situation, facts: Facts, forgotten: Judged) -> Ruling:
    text = f"more than {JUDGED_KEPT_MAX} judgements are not compliant: {_named(forgotten)} is no longer remembered"
    title = f"{situation.workload.name}: too much is not compliant to keep track of"
    told = situation.tell(situation.workload.owner, title, {"forgotten": _named(forgotten)})
    return Ruling("escalate", RULE, (because("compliance_full", text),), facts, commands=(told,))


def _workspace(situation: Situation, seen: Judged) -> str:
    production = situation.workload.environments.production.workspace
    return "the production workspace" if lies_in(production, seen.resource) else "the staging workspace"


def _named(seen: Judged) -> str:
    return f"{seen.resource} under {seen.assignment}"
