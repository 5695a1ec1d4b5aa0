"""The way back: one write that nothing can block, its end, and the write that came in behind it.

Owns the order of a rollback and the page to a person when it fails. When one is due is ``rollout``'s to say.
"""

from datetime import timedelta

from shared.domain.az_commands import set_traffic
from shared.domain.commands import RollBackTraffic
from shared.domain.decisions import Reason
from shared.domain.differences import may_be_left
from shared.domain.facts import Facts
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.references import deployment_name
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because, ignore, is_version

RULE = "rollout"
DEADLINE = timedelta(minutes=15)  # then a person is paged with the exact command


def order(situation: Situation, facts: Facts, to: str, away: str, reasons: tuple[Reason, ...]) -> Ruling:
    """All traffic away from one version: to another, or to nothing when there is no champion. Its people are told.

    ``away`` is empty when what served was deleted by somebody else.
    """
    target = f"version {to}" if to else "nothing, since there is no champion"
    command = write_back(situation, to, away, f"all traffic goes back to {target}")
    what = f"version {away} was rolled back; traffic" if away else "all traffic"
    title = f"{situation.workload.name}: {what} goes to {target}"
    told = situation.tell(situation.workload.owner, title, {reason.code: reason.text for reason in reasons})
    return Ruling("act", RULE, reasons, facts, commands=(command, told))


def write_back(situation: Situation, to: str, away: str, reason: str) -> RollBackTraffic:
    """The one write: all traffic to a version, or to nothing when there is none."""
    traffic = ({deployment_name(to): 100} if to else {}) | ({deployment_name(away): 0} if away else {})
    return _write(situation, traffic, reason, may_be_left(situation.facts))


def _write(
    situation: Situation, traffic: dict[str, int], reason: str, expected: tuple[dict[str, int], ...] = ()
) -> RollBackTraffic:
    production = situation.workload.environments.production
    return situation.order(
        RollBackTraffic,
        production.endpoint,
        reason,
        workspace=production.workspace,
        endpoint=production.endpoint,
        endpoint_kind=production.kind,
        traffic=traffic,
        until=situation.now + DEADLINE,
        expected=expected,
    )


def after_late_write(situation: Situation, signal: CommandFinished) -> Ruling:
    """A traffic write of a rollout that is over has ended. In force after the rollback, it is taken back.

    A rollback may find the traffic as it wants it while the write that it overtook is still on its way: Azure checks no
    token of ours, so only the end of that write tells.
    """
    found = "" if isinstance(signal.outcome, Skipped) else str(signal.outcome.data.get("traffic", ""))
    champion = situation.facts.champion
    wanted = f"{deployment_name(champion)}=100" if champion else "none"
    # A map that is not the write's own is somebody else's: it is not taken back.
    if found in ("", wanted) or "by_hand" in getattr(signal.outcome, "data", {}):
        return ignore(situation, RULE, because("stale", "this step is over"))
    # What is only mirrored stands there as mirror:NAME=SHARE.
    away = {share.partition("=")[0].removeprefix("mirror:"): 0 for share in found.split(",") if "=" in share}
    traffic = {**away, deployment_name(champion): 100} if champion else away
    reason = because("late_write", f"a step that is over left the traffic at {found}", observed=found, limit=wanted)
    command = _write(situation, traffic, "a write that the rollback overtook is taken back")
    return Ruling("act", RULE, (reason,), situation.facts, commands=(command,))


def on_finished(situation: Situation, signal: CommandFinished) -> Ruling:
    """Traffic is back, or a person has to bring it back."""
    if isinstance(signal.outcome, Succeeded):
        return _back(situation, signal.outcome)
    production = situation.workload.environments.production
    by_hand = set_traffic(production, _by_hand(situation.facts))
    facts = {"why": signal.outcome.reason, "do this now": by_hand, "workspace": production.workspace}
    told = situation.tell(
        situation.workload.owner, f"{situation.workload.name}: the rollback FAILED, act by hand", facts
    )
    reason = because("rollback_failed", signal.outcome.reason, release=by_hand)
    return Ruling("escalate", RULE, (reason,), situation.facts, commands=(told,))


def _back(situation: Situation, outcome: Succeeded) -> Ruling:
    reason = because("rolled_back", "the traffic is back; what waited for that is evaluated again")
    again, found = situation.again(is_version), str(outcome.data.get("overwrote", ""))
    if not found:
        return Ruling("suppress", RULE, (reason,), situation.facts, holds=again)
    text = f"somebody else had set the traffic to {found}: it was written over, since nothing stops a rollback"
    over = because("overwrote", text, observed=found)
    shown = {"what": text, "it is now": str(outcome.data.get("traffic", ""))}
    title = f"{situation.workload.name}: a rollback wrote over traffic that was set by hand"
    told = situation.tell(situation.workload.owner, title, shown)
    return Ruling("act", RULE, (reason, over), situation.facts, commands=(told,), holds=again)


def _by_hand(facts: Facts) -> dict[str, int]:
    """The traffic that a person has to set: all to the champion, or none to the version that was rolled back last."""
    if facts.champion:
        return {deployment_name(facts.champion): 100}
    away = [version for version in facts.versions.values() if version.state == "rolled_back"]
    return {deployment_name(v.version): 0 for v in sorted(away, key=lambda v: v.since)[-1:]}
