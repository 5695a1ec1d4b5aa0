"""From a yes to all of the traffic, and back: deploy, probe, step by step, and the rollback that nothing can block.

Owns the rulings of production. One rollout at a time; it changes only through signals; every moment of waiting is a hold.
"""

import dataclasses

from shared.domain import guards
from shared.domain.commands import CheckEndpoint, RemoveDeployment, SetTraffic
from shared.domain.decisions import Hold, Reason
from shared.domain.durations import format_duration
from shared.domain.facts import Facts, Incident, Rollout, Version
from shared.domain.ids import derive
from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Succeeded
from shared.domain.policy_promotion import Analysis, EndpointCheck
from shared.domain.references import deployment_name
from shared.domain.rules import remedy, rollback
from shared.domain.rules.analysis import Judgement, judge_step
from shared.domain.rules.candidate import clean_staging, reject
from shared.domain.rules.checks import judge_endpoint
from shared.domain.rules.looks import beyond_limit, count, count_paused
from shared.domain.rules.work_item import overtaken
from shared.domain.signals import CommandFinished, HoldElapsed, OperatorAsked
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "rollout"


def on_finished(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    """The production deployment exists, or its probe ended."""
    if version.state == "deploying":
        if not isinstance(signal.outcome, Succeeded):
            return reject(situation, version, "deployment_failed", because("failed", signal.outcome.reason))
        return _probe(situation, version.after("deployed", situation.now))
    return _on_probed(situation, signal, version)


def _probe(situation: Situation, version: Version) -> Ruling:
    rollout, production = situation.workload.promotion.rollout, situation.workload.environments.production
    payload = next(
        (c.payload for c in situation.workload.promotion.staging.checks if isinstance(c, EndpointCheck)), "{}"
    )
    command = situation.order(
        CheckEndpoint,
        f"{production.endpoint}/{version.deployment}",
        "probed by header before it takes any traffic",
        workspace=production.workspace,
        endpoint=production.endpoint,
        deployment=version.deployment,
        requests=rollout.probe_requests,
        payload=payload,
    )
    facts = situation.facts.with_version(replace(version, awaiting=(command.id,)))
    return Ruling("act", RULE, (because("deployed", "the deployment answers"),), facts, commands=(command,))


def _on_probed(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    limits = situation.workload.promotion.rollout.analysis
    if not isinstance(signal.outcome, Succeeded):
        return reject(situation, version, "probe_failed", because("failed", signal.outcome.reason))
    metrics = {name: value for name, value in signal.outcome.data.items() if isinstance(value, float | int)}
    judged = judge_endpoint(metrics, _absolute(limits))
    if not judged.passed:
        return reject(situation, version, "probe_failed", because("probe", judged.detail))
    moved = replace(version.after("probe_passed", situation.now), awaiting=())
    facts = situation.facts.with_version(moved)
    champion = facts.champion
    percent = _first_step(situation, champion)
    rollout = Rollout(version=version.version, champion=champion)
    if paused := guards.paused(situation):
        return _wait(situation, facts, rollout, because("probe", judged.detail), paused)
    return _set_traffic(situation, facts, rollout, percent, because("probe", judged.detail))


def _first_step(situation: Situation, champion: str) -> int:
    return situation.workload.promotion.rollout.steps[0] if champion else 100


def _wait(situation: Situation, facts: Facts, rollout: Rollout, *reasons: Reason) -> Ruling:
    """Leave the traffic as it is and look again after another bake; no verdict is counted."""
    waiting = replace(rollout, looks=rollout.looks + 1, waits=True)
    return Ruling("hold", RULE, reasons, replace(facts, rollout=waiting), holds=(_bake(situation, waiting),))


def _absolute(limits: Analysis) -> EndpointCheck:
    return EndpointCheck(
        kind="endpoint",
        payload="",
        latency_p95_ms_max=limits.latency_p95_ms_max,
        error_rate_max=limits.error_rate_max,
    )


def traffic_for(rollout: Rollout, percent: int) -> dict[str, int]:
    """The endpoint's whole traffic map when the new version takes so many percent."""
    shares = {deployment_name(rollout.version): percent}
    if rollout.champion:
        shares[deployment_name(rollout.champion)] = 100 - percent
    return shares


def _set_traffic(situation: Situation, facts: Facts, rollout: Rollout, percent: int, *reasons: Reason) -> Ruling:
    production = situation.workload.environments.production
    command = situation.order(
        SetTraffic,
        production.endpoint,
        f"version {rollout.version} takes {percent} %",
        workspace=production.workspace,
        endpoint=production.endpoint,
        traffic=traffic_for(rollout, percent),
    )
    pending = replace(rollout, percent=percent, pending=command.id, step_started_at=None, looks=0)
    pending = replace(pending, failures=0, inconclusive=0, no_data=0, waits=False)
    return Ruling("act", RULE, reasons, replace(facts, rollout=pending), commands=(command,))


def on_traffic_set(situation: Situation, signal: CommandFinished) -> Ruling:
    """The traffic of a step is in force: bake it, or finish when there is nothing to compare with."""
    rollout = situation.facts.rollout
    if rollout is None:
        return rollback.after_late_write(situation, signal)
    if rollout.pending != signal.command_id:
        return ignore(situation, RULE, because("stale", "this step is over"))
    if not isinstance(signal.outcome, Succeeded):
        return give_up(situation, rollout, because("traffic_not_set", signal.outcome.reason))
    started = replace(rollout, pending="", step_started_at=situation.now)
    if not rollout.champion:
        return complete(situation, started, because("first_version", "there is no champion to compare with"))
    bake = format_duration(situation.workload.promotion.rollout.bake)
    reason = because("baking", f"{rollout.percent} % is in force and is watched for {bake}")
    facts = replace(situation.facts, rollout=started)
    return Ruling("act", RULE, (reason,), facts, holds=(_bake(situation, started),))


def _bake(situation: Situation, rollout: Rollout) -> Hold:
    due = situation.now + situation.workload.promotion.rollout.bake
    return situation.wake("bake", rollout.look, due)


def on_bake(situation: Situation, signal: HoldElapsed) -> Ruling:
    """Look at what both deployments served since the step began."""
    rollout = situation.facts.rollout
    if rollout is None or signal.about != rollout.look or rollout.pending:
        return ignore(situation, RULE, because("stale", "this step is over"))
    limits, paused = situation.workload.promotion.rollout.analysis, guards.paused(situation)
    if not rollout.percent:  # probed while the workload was paused
        percent = _first_step(situation, rollout.champion)
        resumed = because("resumed", "the workload is not paused any more")
        if paused:
            return _wait(situation, situation.facts, rollout, paused)
        return _set_traffic(situation, situation.facts, rollout, percent, resumed)
    judged = judge_step(*_samples(situation, rollout), limits)
    if judged.verdict == "pass" and not paused:
        return _advance(situation, rollout, judged)
    counted = count_paused(rollout, judged) if paused else count(rollout, judged)
    if beyond_limit(counted, limits):
        return give_up(situation, counted, *judged.reasons)
    reasons = (*judged.reasons, paused) if paused else judged.reasons
    facts = replace(situation.facts, rollout=counted)
    return Ruling("hold", RULE, reasons, facts, holds=(_bake(situation, counted),))


def _samples(situation: Situation, rollout: Rollout) -> tuple[TrafficSample, TrafficSample | None]:
    candidate = situation.traffic.get(deployment_name(rollout.version), TrafficSample())
    return candidate, situation.traffic.get(deployment_name(rollout.champion))


def _advance(situation: Situation, rollout: Rollout, judged: Judgement) -> Ruling:
    steps = situation.workload.promotion.rollout.steps  # these may be others than when the rollout began
    percent = next((step for step in steps if step > rollout.percent), None)
    if percent is None:
        return complete(situation, rollout, *judged.reasons)
    onward = replace(rollout, step=rollout.step + 1)
    return _set_traffic(situation, situation.facts, onward, percent, *judged.reasons)


def complete(situation: Situation, rollout: Rollout, *reasons: Reason) -> Ruling:
    """The new version serves everything, and the one before stays as its warm standby."""
    facts, now = situation.facts, situation.now
    version = facts.versions[rollout.version].after("rollout_completed", now)
    facts = replace(facts.with_version(version), champion=rollout.version, rollout=None)
    holds: tuple[Hold, ...] = ()
    if rollout.champion:
        until = now + situation.workload.promotion.rollout.warm_standby
        facts = facts.with_version(facts.versions[rollout.champion].after("replaced", now))
        facts = replace(facts, standby=rollout.champion, standby_until=until)
        holds = (situation.wake("standby_expiry", rollout.champion, until),)
    facts, verifying = remedy.candidate_serves(situation, overtaken(situation, facts, "promoted"), rollout.version)
    title = f"{situation.workload.name}: version {rollout.version} serves all traffic"
    told = situation.tell(situation.workload.owner, title, {reason.code: reason.text for reason in reasons})
    commands = (told, *clean_staging(situation, version))
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
    return dataclasses.replace(ruling, commands=(*ruling.commands, *clean_staging(situation, version)))


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
    return dataclasses.replace(ruling, released=(expiry.id,))


def on_standby_ended(situation: Situation, signal: HoldElapsed) -> Ruling:
    """The time in which going back takes one write is over."""
    standby = situation.facts.versions.get(signal.about)
    if standby is None or standby.state != "standby":
        return ignore(situation, RULE, because("stale", "this version is no standby any more"))
    if situation.facts.rollout:  # to remove a deployment keeps the endpoint busy, and a rollback would have to wait
        due = situation.now + situation.workload.promotion.rollout.bake
        reason = because("rollout_under_way", "no other write to the endpoint begins during a rollout", until=due)
        hold = situation.wake("standby_expiry", standby.version, due)
        return Ruling("hold", RULE, (reason,), situation.facts, holds=(hold,))
    facts = situation.facts.with_version(standby.after("standby_ended", situation.now))
    if facts.standby == standby.version:  # a newer standby may have taken its place, and stays reachable
        facts = replace(facts, standby="", standby_until=None)
    removal = _remove(situation, standby.deployment)
    reason = because("standby_ended", f"version {standby.version} was kept warm as long as the policy says")
    return Ruling("act", RULE, (reason,), facts, commands=(removal,))


def _remove(situation: Situation, deployment: str) -> RemoveDeployment:
    production = situation.workload.environments.production
    return situation.order(
        RemoveDeployment,
        f"{production.endpoint}/{deployment}",
        "its warm standby is over",
        workspace=production.workspace,
        endpoint=production.endpoint,
        endpoint_kind=production.kind,
        deployment=deployment,
        production=True,
    )
