"""Deployments that take no traffic and are kept for a time: the warm standby.

Owns when they are removed. To remove one keeps the endpoint busy, so none is during a rollout.
"""

from shared.domain.commands import RemoveDeployment
from shared.domain.signals import HoldElapsed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "rollout"


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
        deployment=deployment,
        production=True,
    )
