"""The way back: all traffic to the champion or to the warm standby, in one write that no guard can block.

Owns the rulings of a rollback, whoever brought it about: a step that failed, a person, an alert. Knows nothing of how a step
is judged (``rollout``) or of why an alert is blamed on a version (``infrastructure``).
"""

import dataclasses
from datetime import timedelta

from shared.domain.commands import RollBackTraffic
from shared.domain.decisions import Reason
from shared.domain.facts import Facts, Incident, Rollout, Version
from shared.domain.ids import derive
from shared.domain.outcomes import Succeeded
from shared.domain.references import deployment_name
from shared.domain.rules import remedy
from shared.domain.signals import CommandFinished, OperatorAsked
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "rollout"
ROLLBACK_DEADLINE = timedelta(minutes=15)  # then a person is paged with the exact command


def give_up(situation: Situation, rollout: Rollout, *reasons: Reason) -> Ruling:
    """All traffic back to the champion, the candidate rolled back, the people told why."""
    version = situation.facts.versions[rollout.version].after("rollout_failed", situation.now)
    facts = replace(situation.facts.with_version(version), rollout=None)
    facts = remedy.candidate_lost(situation, facts, version)
    incident = Incident(
        id=derive("incident", situation.decision_id),
        kind="rollout_failed",
        state="closed",
        opened_at=situation.now,
        version=version.version,
        detail="; ".join(reason.text for reason in reasons),
        closed_as="rolled_back",
        closed_at=situation.now,
    )
    facts = facts.with_incident(incident)
    return _roll_back(situation, facts, rollout.champion, version.version, reasons)


def _roll_back(situation: Situation, facts: Facts, to: str, away: str, reasons: tuple[Reason, ...]) -> Ruling:
    production = situation.workload.environments.production
    traffic = {deployment_name(to): 100, deployment_name(away): 0} if to else {deployment_name(away): 0}
    target = f"version {to}" if to else "nothing, since there is no champion"
    command = situation.order(
        RollBackTraffic,
        production.endpoint,
        f"all traffic goes back to {target}",
        workspace=production.workspace,
        endpoint=production.endpoint,
        traffic=traffic,
        until=situation.now + ROLLBACK_DEADLINE,
    )
    title = f"{situation.workload.name}: version {away} was rolled back; traffic goes to {target}"
    told = situation.tell(situation.workload.owner, title, {reason.code: reason.text for reason in reasons})
    return Ruling("act", RULE, reasons, facts, commands=(command, told))


def on_rollback_finished(situation: Situation, signal: CommandFinished) -> Ruling:
    """Traffic is back, or a person has to bring it back."""
    if isinstance(signal.outcome, Succeeded):
        return ignore(situation, RULE, because("rolled_back", "the traffic is back"))
    production = situation.workload.environments.production
    serving = deployment_name(situation.facts.champion)
    by_hand = f"az ml online-endpoint update --name {production.endpoint} --traffic {serving}=100"
    facts = {"why": signal.outcome.reason, "do this now": by_hand, "workspace": production.workspace}
    told = situation.tell(
        situation.workload.owner, f"{situation.workload.name}: the rollback FAILED, act by hand", facts
    )
    reason = because("rollback_failed", signal.outcome.reason, release=by_hand)
    return Ruling("escalate", RULE, (reason,), situation.facts, commands=(told,))


def on_rollback_asked(situation: Situation, signal: OperatorAsked) -> Ruling:
    """A person wants the version before: during a rollout the champion, afterwards the warm standby."""
    reason = because("asked", f"{signal.by} asked for it: {signal.why or 'without saying why'}")
    ruling = go_back(situation, reason)
    if ruling is None:
        text = "there is no rollout under way and no warm standby to go back to"
        return ignore(situation, RULE, because("no_standby", text))
    return ruling


def warm_standby(situation: Situation) -> Version | None:
    """The version that takes over again by one write, while it is kept warm."""
    facts = situation.facts
    standby = facts.versions.get(facts.standby)
    warm = facts.standby_until is not None and situation.now < facts.standby_until
    return standby if standby and standby.state == "standby" and warm else None


def go_back(situation: Situation, reason: Reason) -> Ruling | None:
    """To the champion during a rollout, to the warm standby afterwards; None when there is nothing to go back to."""
    facts, standby = situation.facts, warm_standby(situation)
    if facts.rollout:
        return give_up(situation, facts.rollout, reason)
    if standby is None:
        return None
    away = facts.versions[facts.champion].after("rollout_failed", situation.now)
    facts = facts.with_version(away).with_version(standby.after("restored", situation.now))
    facts = replace(facts, champion=standby.version, standby="", standby_until=None)
    facts = remedy.candidate_lost(situation, facts, away)
    ruling = _roll_back(situation, facts, standby.version, away.version, (reason,))
    expiry = situation.wake("standby_expiry", standby.version, situation.now)
    return dataclasses.replace(ruling, released=(expiry.id,))
