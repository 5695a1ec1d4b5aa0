"""A write of ours met traffic that somebody else had set, or set before we looked back: nothing is fought over.

Owns what becomes of the rollout then, and what is told: it stands still as one whose traffic a look found changed (``observed``), and
ends when somebody has given all of it back. What a rollback, which nothing may stop, writes over is ``rollback``'s to tell.
"""

import dataclasses

from shared.domain.az_commands import set_traffic
from shared.domain.differences import TRAFFIC, deployed_as, expected_traffic
from shared.domain.endpoint_seen import shown_traffic
from shared.domain.facts import Rollout
from shared.domain.outcomes import Final, Skipped, Succeeded
from shared.domain.rules import ending
from shared.domain.rules.candidate import clean_staging
from shared.domain.rules.hand_incidents import opened, target_of
from shared.domain.rules.standby import remove_later
from shared.domain.rules.steps import wait
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

RULE = "by_hand"


def met_by_hand(outcome: Final) -> str:
    """The traffic of somebody else that a write met, in words; empty when it met none."""
    return "" if isinstance(outcome, Skipped | Succeeded) else str(outcome.data.get("by_hand", ""))


def on_met(situation: Situation, signal: CommandFinished, rollout: Rollout) -> Ruling:
    """A step was not taken, or was set to something else at once: the rollout stands still, or somebody has ended it."""
    found, standing = met_by_hand(signal.outcome), _in_force(situation, signal.outcome, rollout)
    champion = situation.facts.versions.get(situation.facts.champion)
    if champion and 0 < standing.percent < 100 and found == shown_traffic({deployed_as(champion): 100}):
        return taken_back(situation, f"the traffic is {found}")
    return _stand_still(situation, signal, standing, found)


def _in_force(situation: Situation, outcome: Final, rollout: Rollout) -> Rollout:
    """The step that we left the endpoint at: the one that was ordered, if it was in force at all, else the one before."""
    written = not isinstance(outcome, Skipped) and bool(outcome.data.get("written"))
    if not written:
        return rollout.before or Rollout(version=rollout.version, champion=rollout.champion)
    baked_at = situation.now + situation.workload.promotion.rollout.bake
    return replace(rollout, pending="", before=None, step_started_at=situation.now, baked_at=baked_at)


def _stand_still(situation: Situation, signal: CommandFinished, standing: Rollout, found: str) -> Ruling:
    facts = replace(situation.facts, rollout=standing)
    left, production = expected_traffic(facts) or {}, situation.workload.environments.production
    text = f"the traffic is {found}, and we left it at {shown_traffic(left)}"
    seen, _, facts, expiry = opened(
        situation, facts, f"{TRAFFIC}{found}", target_of(production), signal.occurred_at, text
    )
    met = because("changed_by_hand", f"a write of ours met it: {text}", observed=found)
    waiting = wait(situation, facts, standing, met)
    shown = {
        "what": text,
        "what is done": f"the rollout of version {standing.version} stands still; nothing is written over it",
        "do this now": f"put it back: {set_traffic(production, left)}, or give the rollout up: outerloop ask rollback {situation.workload.name}",
        "closes": "when production is seen as we know it",
    }
    title = f"{situation.workload.name}: production traffic is not as we left it"
    told = (situation.tell(situation.workload.owner, title, shown),) if seen == "opened" else ()
    return dataclasses.replace(waiting, verdict="escalate", rule=RULE, commands=told, holds=(*waiting.holds, *expiry))


def taken_back(situation: Situation, text: str) -> Ruling:
    """Somebody gave all of the traffic back to the champion: that is a rollback, and needs no write of ours."""
    current = situation.facts.rollout
    assert current is not None  # noqa: S101  # its caller looked
    reason = because("rolled_back_by_hand", f"{text}: somebody gave all of it back to version {current.champion}")
    facts, candidate = ending.ended(situation, current, reason)
    shown = {"what": reason.text, "what it means": f"version {candidate.version} is rolled back; nothing was written"}
    title = f"{situation.workload.name}: version {candidate.version} was rolled back by hand"
    told = situation.tell(situation.workload.owner, title, shown)
    holds = (remove_later(situation, candidate),)
    return Ruling("act", RULE, (reason,), facts, commands=(told, *clean_staging(situation, candidate)), holds=holds)


def default_by_hand(situation: Situation, signal: CommandFinished, rollout: Rollout) -> Ruling:
    """Somebody else chose the default of a batch endpoint: the candidate does not become it. No look would find it put back."""
    found = met_by_hand(signal.outcome)
    reason = because("changed_by_hand", f"somebody else set the default of the endpoint: {found}", observed=found)
    facts, candidate = ending.ended(situation, rollout, reason)
    name = situation.workload.name
    shown = {
        "what": reason.text,
        "what is done": f"version {candidate.version} does not become the default; nothing is written over it",
        "we know": f"champion {facts.champion or 'none'}, standby {facts.standby or 'none'}",
        "do this now": f"set the default that is to be; register version {candidate.version} anew if it is to be tried again",
    }
    told = situation.tell(situation.workload.owner, f"{name}: the default deployment was set by hand", shown)
    holds = (remove_later(situation, candidate),)
    commands = (told, *clean_staging(situation, candidate))
    return Ruling("escalate", RULE, (reason,), facts, commands=commands, holds=holds)
