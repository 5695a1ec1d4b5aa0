"""A deployment that production needs was deleted, and not by us: what is true from then on, and what a person has to do.

Owns these rulings, whichever road the news came by. Orders no write: whoever deleted it had a reason, and what cannot be there is
not fought for. A standby that is gone is no way back any more, and a rollback says so at once; a rollout that lost one of its two
versions is over, and by whom: who gave all of the traffic to the candidate and then deleted the champion has ended it well. Without
a champion the next version is a first one.
"""

from collections.abc import Mapping
from typing import Literal

from shared.domain.az_commands import set_traffic
from shared.domain.decisions import Hold, Reason, Verdict
from shared.domain.differences import Difference, Role, deployed_as
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts
from shared.domain.platform_signals import EndpointObserved
from shared.domain.rules import ending, remedy
from shared.domain.rules.candidate import clean_staging
from shared.domain.rules.hand_incidents import DELETED, opened, target_of
from shared.domain.rules.standby import remove_later
from shared.domain.rules.work_item import overtaken
from shared.domain.signals import Signal
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

RULE = "by_hand"


def on_gone(situation: Situation, signal: Signal, gone: tuple[Difference, ...], by: str = "") -> Ruling:
    """Take what is gone out of what we count on, and tell the owner what that means and what to run."""
    if _ended_by_hand(situation, signal, gone):
        return _completed(situation, gone[0])
    roles = {difference.role: difference for difference in gone}
    who = f" by {by}" if by else ""
    reasons = tuple(
        because("deleted_by_hand", f"{difference.text}{who}, and we did not order it") for difference in gone
    )
    facts, commands, kept = situation.facts, tuple[AnyCommand, ...](), tuple[Hold, ...]()
    if facts.rollout and {"champion", "candidate"} & roles.keys():
        facts, candidate = ending.ended(situation, facts.rollout, *reasons)
        commands = clean_staging(situation, candidate)
        kept = () if "candidate" in roles else (remove_later(situation, candidate),)
    released = tuple[str, ...]()
    if "standby" in roles:
        released = (situation.wake("standby_expiry", facts.standby, situation.now).id,)
        facts = _without_standby(situation, facts)
    holds = tuple[Hold, ...]()
    if "champion" in roles:
        facts = _without_champion(situation, facts)
        target = target_of(situation.workload.environments.production, roles["champion"].deployment)
        text = roles["champion"].text
        _, _, facts, holds = opened(situation, facts, DELETED, target, signal.occurred_at, text)
    told = _told(situation, facts, roles, reasons)
    called = bool({"champion", "candidate"} & roles.keys())
    verdict: Verdict = "escalate" if called else "act"
    return Ruling(verdict, RULE, reasons, facts, commands=(told, *commands), holds=(*holds, *kept), released=released)


def on_champion_gone(situation: Situation, signal: Signal, gone: Difference, by: str) -> Ruling:
    """An event says that the champion of a rollout was deleted, and not who serves now: no step until a look has said."""
    who = f" by {by}" if by else ""
    reason = because("deleted_by_hand", f"{gone.text}{who}, and we did not order it")
    target = target_of(situation.workload.environments.production, gone.deployment)
    seen, _, facts, holds = opened(situation, situation.facts, DELETED, target, signal.occurred_at, gone.text)
    if seen != "opened":
        return Ruling("suppress", RULE, (reason,), facts, holds=holds)
    shown = {
        "what": reason.text,
        "what is done": "the rollout stands still; the next look at production says who serves in its place",
    }
    title = f"{situation.workload.name}: its champion was deleted by hand"
    told = situation.tell(situation.workload.owner, title, shown)
    return Ruling("escalate", RULE, (reason,), facts, commands=(told,), holds=holds)


def _ended_by_hand(situation: Situation, signal: Signal, gone: tuple[Difference, ...]) -> bool:
    """Whether all of the traffic is at the candidate, and only its champion is gone: somebody has ended the rollout."""
    rollout = situation.facts.rollout
    if rollout is None or not isinstance(signal, EndpointObserved) or [one.role for one in gone] != ["champion"]:
        return False
    name = deployed_as(situation.facts.versions[rollout.version])
    sound = signal.seen.deployments.get(name, "failed").lower() != "failed"
    return sound and signal.seen.traffic == {name: 100}


def _completed(situation: Situation, gone: Difference) -> Ruling:
    """The candidate serves everything by a person's act: it is the champion, so that it is watched, and the next compared with it."""
    rollout, now = situation.facts.rollout, situation.now
    assert rollout is not None  # noqa: S101  # its caller looked
    version = situation.facts.versions[rollout.version].after("rollout_completed", now)
    before = situation.facts.versions[situation.facts.champion].after("deleted_by_hand", now)
    facts = situation.facts.with_version(version).with_version(before)
    facts = overtaken(situation, replace(facts, champion=version.version, rollout=None), "promoted")
    facts, verifying = remedy.candidate_serves(situation, facts, version.version)
    text = f"{gone.text}; version {version.version} has all of the traffic: somebody has ended its rollout"
    reason = because("completed_by_hand", text)
    shown = {
        "what": text,
        "what it means": f"version {version.version} is the champion from now on, without the steps that were left",
        "what is missing": "a warm standby: there is no version to go back to until the next promotion",
    }
    title = f"{situation.workload.name}: version {version.version} serves all traffic, by hand"
    told = situation.tell(situation.workload.owner, title, shown)
    return Ruling("act", RULE, (reason,), facts, commands=(told, *clean_staging(situation, version)), holds=verifying)


def _without_standby(situation: Situation, facts: Facts) -> Facts:
    standby = facts.versions[facts.standby].after("deleted_by_hand", situation.now)
    return replace(facts.with_version(standby), standby="", standby_until=None)


def _without_champion(situation: Situation, facts: Facts) -> Facts:
    champion = facts.versions[facts.champion].after("deleted_by_hand", situation.now)
    facts = remedy.candidate_lost(situation, facts.with_version(champion), champion)
    return overtaken(situation, replace(facts, champion=""), "rolled_back")


def _told(
    situation: Situation, facts: Facts, roles: Mapping[Role | Literal[""], Difference], reasons: tuple[Reason, ...]
) -> AnyCommand:
    name = situation.workload.name
    lost = " and ".join(f"its {role}" for role in roles)
    were = "were" if len(roles) > 1 else "was"
    shown = {
        "what": "; ".join(reason.text for reason in reasons),
        "what it means": _meaning(situation, facts, roles),
        "do this now": _advice(situation, facts, roles),
        "we know": f"champion {facts.champion or 'none'}, standby {facts.standby or 'none'}",
    }
    return situation.tell(situation.workload.owner, f"{name}: {lost} {were} deleted by hand", shown)


def _meaning(situation: Situation, facts: Facts, roles: Mapping[Role | Literal[""], Difference]) -> str:
    before = situation.facts.rollout
    meant = []
    if before and facts.rollout is None:
        meant.append(f"the rollout of version {before.version} is over, and no traffic was written")
        if "candidate" not in roles:
            meant.append("its deployment is kept to be looked into until it is removed, unless it takes traffic")
    if "champion" in roles:
        meant.append("no version of ours serves; the next candidate is taken for a first version")
    if "standby" in roles:
        meant.append("there is no version to go back to until the next promotion")
    return "; ".join(meant)


def _advice(situation: Situation, facts: Facts, roles: Mapping[Role | Literal[""], Difference]) -> str:
    """The exact command that brings traffic to a version that is still there; what to do when there is none."""
    production, before = situation.workload.environments.production, situation.facts.rollout
    if "champion" not in roles:
        champion = facts.versions.get(facts.champion)
        serves = set_traffic(production, {deployed_as(champion): 100}) if champion else ""
        return f"see that the champion has all of the traffic: {serves}" if serves else "nothing: none of ours serves"
    if facts.standby:
        return f"outerloop ask rollback {situation.workload.name}: version {facts.standby} takes all of the traffic"
    if before and "candidate" not in roles:
        candidate = situation.facts.versions[before.version]
        return f"if version {candidate.version} is to serve: {set_traffic(production, {deployed_as(candidate): 100})}"
    return "deploy a version by hand, or register one, so that it is promoted"
