"""Deployments that take no traffic and are kept for a time: the warm standby, and what failed, for those who look into it.

Owns when they are removed, and what they cost. To remove one keeps the endpoint busy, so none is during a rollout.
"""

from datetime import datetime

from shared.domain.commands import RemoveDeployment
from shared.domain.decisions import Hold
from shared.domain.durations import format_duration
from shared.domain.facts import Version
from shared.domain.lifecycle import ENDED
from shared.domain.outcomes import Failed
from shared.domain.references import deployment_name
from shared.domain.rules import operator
from shared.domain.signals import CommandFinished, HoldElapsed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "rollout"


def stays_warm(situation: Situation, until: datetime) -> str:
    """How long the replaced version can take the traffic back with one write, and what that costs."""
    rollout, price = situation.workload.promotion.rollout, situation.workload.deployment.hourly
    if situation.workload.scores_in_batches:
        price = None  # a batch deployment keeps no instances: its runs start them
    text = f"within {format_duration(rollout.warm_standby)}, until {until:%Y-%m-%d %H:%M} UTC"
    return f"{text}; it costs {price} an hour" if price else text


def remove_later(situation: Situation, ended: Version) -> Hold:
    """When the deployment of a version that will not serve is removed: until then people can look into it."""
    due = situation.now + situation.workload.promotion.rollout.keep_failed
    return situation.wake("failed_expiry", ended.version, due)


def on_standby_ended(situation: Situation, signal: HoldElapsed) -> Ruling:
    """The time in which going back takes one write is over."""
    standby = situation.facts.versions.get(signal.about)
    if standby is None or standby.state != "standby":
        return ignore(situation, RULE, because("stale", "this version is no standby any more"))
    if situation.facts.rollout:
        return _after_the_rollout(situation, signal)
    facts = situation.facts.with_version(standby.after("standby_ended", situation.now))
    if facts.standby == standby.version:  # a newer standby may have taken its place, and stays reachable
        facts = replace(facts, standby="", standby_until=None)
    removal = _remove(situation, standby.deployment, "its warm standby is over")
    reason = because("standby_ended", f"version {standby.version} was kept warm as long as the policy says")
    return Ruling("act", RULE, (reason,), facts, commands=(removal,))


def on_failed_ended(situation: Situation, signal: HoldElapsed) -> Ruling:
    """The time in which people can look into what failed is over."""
    version = situation.facts.versions.get(signal.about)
    if version and version.state not in ENDED:
        return ignore(situation, RULE, because("stale", "this version is in use again"))
    if situation.facts.rollout:
        return _after_the_rollout(situation, signal)
    reason = because("failed_ended", f"version {signal.about} was kept to be looked into as long as the policy says")
    removal = _remove(situation, deployment_name(signal.about), "it failed, and was kept to be looked into")
    return Ruling("act", RULE, (reason,), situation.facts, commands=(removal,))


def on_removed(situation: Situation, signal: CommandFinished) -> Ruling:
    """A removal came to its end. What a person gave traffic is not taken away: its owner hears that it stays, and it is tried again."""
    used = _still_used(situation, signal)
    if used is None or not isinstance(signal.outcome, Failed):
        return operator.on_other_finished(situation, signal)
    workload, hold = situation.workload, remove_later(situation, used)
    in_use = because("still_used", signal.outcome.reason, until=hold.due)
    title = f"{workload.name}: the deployment of version {used.version}, which has ended, is in use and stays"
    shown = {
        "why": in_use.text,
        "what it means": "the loop gave it no traffic, and removes nothing that answers people; it goes on costing",
        "do this": "give its traffic to the champion, or leave it and register the version anew",
        "tried again": f"{hold.due:%Y-%m-%d %H:%M} UTC",
    }
    told = situation.tell(workload.owner, title, shown)
    return Ruling("hold", RULE, (in_use,), situation.facts, commands=(told,), holds=(hold,))


def _still_used(situation: Situation, signal: CommandFinished) -> Version | None:
    """The version whose way has ended, and whose production deployment could not be removed since it takes traffic."""
    data = signal.outcome.data if isinstance(signal.outcome, Failed) else {}
    if data.get("endpoint") != situation.workload.environments.production.endpoint:
        return None
    ended = (version for version in situation.facts.versions.values() if version.state in ENDED)
    return next((version for version in ended if deployment_name(version.version) == data.get("in_use")), None)


def _after_the_rollout(situation: Situation, signal: HoldElapsed) -> Ruling:
    """To remove a deployment keeps the endpoint busy, and a rollback would have to wait."""
    due = situation.now + situation.workload.promotion.rollout.bake
    reason = because("rollout_under_way", "no other write to the endpoint begins during a rollout", until=due)
    hold = situation.wake(signal.purpose, signal.about, due)
    return Ruling("hold", RULE, (reason,), situation.facts, holds=(hold,))


def _remove(situation: Situation, deployment: str, reason: str) -> RemoveDeployment:
    production = situation.workload.environments.production
    return situation.order(
        RemoveDeployment,
        f"{production.endpoint}/{deployment}",
        reason,
        workspace=production.workspace,
        endpoint=production.endpoint,
        endpoint_kind=production.kind,
        deployment=deployment,
        production=True,
    )
