"""How a rollout ends: the version serves everything, or all traffic goes back.

Owns both endings, and the way back after promotion. The write itself is ``rollback``'s.
"""

import dataclasses

from shared.domain.decisions import Hold, Reason
from shared.domain.facts import Incident, Rollout
from shared.domain.ids import derive
from shared.domain.rules import remedy, rollback
from shared.domain.rules.candidate import clean_staging
from shared.domain.rules.standby import remove_later, stays_warm
from shared.domain.rules.work_item import overtaken
from shared.domain.signals import OperatorAsked
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "rollout"


def complete(situation: Situation, rollout: Rollout, *reasons: Reason) -> Ruling:
    """The version serves everything; the one before stays warm for a time."""
    facts, now = situation.facts, situation.now
    version = facts.versions[rollout.version].after("rollout_completed", now)
    facts = replace(facts.with_version(version), champion=rollout.version, rollout=None)
    holds: tuple[Hold, ...] = ()
    told = {reason.code: reason.text for reason in reasons}
    if rollout.champion:
        until = now + situation.workload.promotion.rollout.warm_standby
        facts = facts.with_version(facts.versions[rollout.champion].after("replaced", now))
        facts = replace(facts, standby=rollout.champion, standby_until=until)
        holds = (situation.wake("standby_expiry", rollout.champion, until),)
        told[f"back to version {rollout.champion}"] = stays_warm(situation, until)
    facts, verifying = remedy.candidate_serves(situation, overtaken(situation, facts, "promoted"), rollout.version)
    title = f"{situation.workload.name}: version {rollout.version} serves all traffic"
    message = situation.tell(situation.workload.owner, title, told)
    commands = (message, *clean_staging(situation, version))
    return Ruling("act", RULE, reasons, facts, commands=commands, holds=(*holds, *verifying))


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
        detail="; ".join(reason.text for reason in reasons)[: remedy.DETAIL_MAX],
        closed_as="rolled_back",
        closed_at=situation.now,
    )
    facts = facts.with_incident(incident)
    ruling = rollback.order(situation, facts, rollout.champion, version.version, reasons)
    commands = (*ruling.commands, *clean_staging(situation, version))
    return dataclasses.replace(ruling, commands=commands, holds=(remove_later(situation, version),))


def on_rollback_asked(situation: Situation, signal: OperatorAsked) -> Ruling:
    """A person wants the version before."""
    return go_back(situation, because("asked", f"{signal.by} asked for it: {signal.why or 'without saying why'}"))


def go_back(situation: Situation, reason: Reason) -> Ruling:
    """To the version before: during a rollout the champion, afterwards the warm standby."""
    facts = situation.facts
    if facts.rollout:
        return give_up(situation, facts.rollout, reason)
    standby = facts.versions.get(facts.standby)
    if (
        standby is None
        or standby.state != "standby"
        or facts.standby_until is None
        or situation.now >= facts.standby_until
    ):
        return ignore(
            situation, RULE, because("no_standby", "there is no rollout under way and no warm standby to go back to")
        )
    away = facts.versions[facts.champion].after("rollout_failed", situation.now)
    facts = facts.with_version(away).with_version(standby.after("restored", situation.now))
    facts = replace(facts, champion=standby.version, standby="", standby_until=None)
    facts = overtaken(situation, remedy.candidate_lost(situation, facts, away), "rolled_back")
    ruling = rollback.order(situation, facts, standby.version, away.version, (reason,))
    expiry = situation.wake("standby_expiry", standby.version, situation.now)
    return dataclasses.replace(ruling, released=(expiry.id,), holds=(remove_later(situation, away),))
