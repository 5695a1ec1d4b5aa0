"""A newer candidate takes the place of the version whose rollout is under way, where the policy wants that.

Owns that one question and what the older version leaves behind: first all traffic goes back to the champion, and only when
it is there does the newer one begin.
"""

from shared.domain.decisions import Hold, Reason
from shared.domain.differences import traffic_by_hand
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts, Rollout, Version
from shared.domain.rules import remedy, rollback
from shared.domain.rules.candidate import clean_staging
from shared.domain.rules.standby import remove_later
from shared.domain.situation import Situation
from shared.domain.values import replace


def in_the_way(situation: Situation, newer: Version, held_by: tuple[Reason, ...]) -> Rollout | None:
    """The rollout of an older version that alone is in the way of this one, when the policy lets it give way.

    One that waits for a person gives way to nobody: no write of ours without an answer, and none over somebody else's traffic.
    """
    rollout = situation.facts.rollout
    if situation.workload.promotion.rollout.newer_candidate != "supersedes" or not rollout or not rollout.champion:
        return None
    if rollout.frozen or traffic_by_hand(situation.facts):
        return None
    older = situation.facts.versions[rollout.version]
    alone = {reason.code for reason in held_by} == {"promotion_under_way"}
    return rollout if alone and newer.registered_at > older.registered_at else None


def give_way(
    situation: Situation, rollout: Rollout, newer: Version
) -> tuple[Facts, tuple[AnyCommand, ...], tuple[Hold, ...]]:
    """The facts without the older version's rollout, the orders that take its traffic back, and when it is removed."""
    ended = situation.facts.versions[rollout.version].after("superseded", situation.now)
    facts = replace(situation.facts.with_version(ended), rollout=None)
    facts = remedy.candidate_lost(situation, facts, ended)
    why = f"version {newer.version} takes the place of version {ended.version}"
    write = rollback.write_back(situation, rollout.champion, ended.version, why)
    title = f"{situation.workload.name}: version {ended.version} gives way to the newer version {newer.version}"
    stood = f"at {rollout.percent} %, which go back to version {rollout.champion} first"
    told = situation.tell(situation.workload.owner, title, {"superseded": why, "its rollout": stood})
    return facts, (write, told, *clean_staging(situation, ended)), (remove_later(situation, ended),)
