"""The steps of a rollout: each bakes, is looked at, and leads onward or back.

Owns the rulings while a version takes over. One rollout at a time; it changes only through signals; every moment of waiting
is a hold. What comes before the first traffic is ``probing``'s, what comes after the last ``ending``'s.
"""

from shared.domain import guards
from shared.domain.decisions import Reason
from shared.domain.durations import format_duration
from shared.domain.facts import Rollout
from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.references import deployment_name
from shared.domain.rules import rollback
from shared.domain.rules.analysis import Judgement, judge_step, unread
from shared.domain.rules.ending import complete, give_up
from shared.domain.rules.freeze import remind, stand_still
from shared.domain.rules.hand_incidents import frozen_by_hand
from shared.domain.rules.looks import bake_is_over, count, count_early, count_paused, limit_reached
from shared.domain.rules.met_by_hand import met_by_hand, on_met
from shared.domain.rules.steps import advance, begin, look_again, not_taken, share_of, wait
from shared.domain.signals import CommandFinished, HoldElapsed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "rollout"
UNTOLD = "Azure Monitor logs no requests on Kubernetes: the scoring script has to tell of each (outerloop-emitter: collector.request)"


def on_traffic_set(situation: Situation, signal: CommandFinished) -> Ruling:
    """The traffic of a step is in force: bake it, or finish when there is nothing to compare with."""
    rollout = situation.facts.rollout
    if rollout is None:
        return rollback.after_late_write(situation, signal)
    if rollout.pending != signal.command_id:
        return ignore(situation, RULE, because("stale", "this step is over"))
    if not isinstance(signal.outcome, Succeeded):
        return _not_set(situation, signal, rollout)
    rule = situation.workload.promotion.rollout
    started = replace(rollout, pending="", before=None, step_started_at=situation.now)
    started = replace(started, baked_at=situation.now + rule.bake)
    if not rollout.champion:
        return complete(situation, started, because("first_version", "there is no champion to compare with"))
    reason = because("baking", f"{share_of(rollout)} is in force and is watched for {format_duration(rule.bake)}")
    facts = replace(situation.facts, rollout=started)
    return Ruling("act", RULE, (reason,), facts, holds=(look_again(situation, started),))


def _not_set(situation: Situation, signal: CommandFinished, rollout: Rollout) -> Ruling:
    """What Azure refused goes back. What was never begun, or met traffic that somebody else set, is written over nothing."""
    assert not isinstance(signal.outcome, Succeeded)  # noqa: S101  # its caller looked
    if met_by_hand(signal.outcome):
        return on_met(situation, signal, rollout)
    if isinstance(signal.outcome, Skipped):
        return not_taken(situation, rollout, because("not_begun", f"this step was not begun: {signal.outcome.reason}"))
    return give_up(situation, rollout, because("traffic_not_set", signal.outcome.reason))


def on_bake(situation: Situation, signal: HoldElapsed) -> Ruling:
    """Look at what both deployments served since the step began."""
    rollout = situation.facts.rollout
    if rollout is None or signal.about != rollout.look or rollout.pending:
        return ignore(situation, RULE, because("stale", "this step is over"))
    if by_hand := frozen_by_hand(situation):
        return wait(situation, situation.facts, rollout, by_hand)
    if rollout.frozen:
        return remind(situation, rollout)
    paused = guards.paused(situation)
    if not rollout.percent and not rollout.mirror:
        return _first_traffic(situation, rollout, paused)
    judged = _judged(situation, rollout)
    if not bake_is_over(rollout, situation.now):
        return _looked_early(situation, rollout, judged)
    if paused:
        return _go_on_or_back(situation, count_paused(rollout, judged), (*judged.reasons, paused))
    if judged.verdict == "pass":
        return advance(situation, rollout, *judged.reasons)
    baked_at = situation.now + situation.workload.promotion.rollout.bake
    return _go_on_or_back(situation, count(rollout, judged, baked_at), judged.reasons)


def _first_traffic(situation: Situation, rollout: Rollout, paused: Reason | None) -> Ruling:
    """Of a version that was probed while the workload was paused."""
    if paused:
        return wait(situation, situation.facts, rollout, paused)
    resumed = because("resumed", "the workload is not paused any more")
    return begin(situation, situation.facts, rollout, resumed)


def _looked_early(situation: Situation, rollout: Rollout, judged: Judgement) -> Ruling:
    """A failure goes back at once; anything else is too early to say."""
    counted = count_early(rollout, judged)
    if judged.verdict == "fail":
        return _go_on_or_back(situation, counted, judged.reasons)
    reason = because("baking", f"{share_of(rollout)} has not failed so far, and is watched on", until=rollout.baked_at)
    facts = replace(situation.facts, rollout=counted)
    return Ruling("suppress", RULE, (reason, *judged.reasons), facts, holds=(look_again(situation, counted),))


def _go_on_or_back(situation: Situation, counted: Rollout, reasons: tuple[Reason, ...]) -> Ruling:
    """Bake on, unless a limit is reached: then back, or stand still where the policy wants a person's word."""
    rule = situation.workload.promotion.rollout
    reached = limit_reached(counted, rule.analysis)
    if reached:
        end = stand_still if rule.on_failure == "freeze" else give_up
        return end(situation, counted, *reasons, reached)
    facts = replace(situation.facts, rollout=counted)
    return Ruling("hold", RULE, reasons, facts, holds=(look_again(situation, counted),))


def _judged(situation: Situation, rollout: Rollout) -> Judgement:
    if situation.traffic_unknown:
        return unread(situation.traffic_unknown)
    rule = situation.workload.promotion.rollout
    candidate = situation.traffic.get(deployment_name(rollout.version), TrafficSample())
    champion = situation.traffic.get(deployment_name(rollout.champion))
    judged = judge_step(candidate, champion, rule.analysis, rule.chance)
    if judged.verdict == "no_data" and situation.workload.environments.production.on_kubernetes:
        judged = Judgement(judged.verdict, (*judged.reasons, because("no_data", UNTOLD)))
    if not situation.traffic_from:
        return judged
    return Judgement(judged.verdict, (*judged.reasons, because("measured_by", situation.traffic_from)))
