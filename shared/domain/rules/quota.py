"""No production deployment is ordered that Azure has no room for: it waits, and those who can ask for more are told once.

Owns that hold's reason and its message. What cannot be read holds nothing: Azure then says itself what is missing.
"""

from shared.domain.capacity import instances_counted, missing
from shared.domain.commands import Notify
from shared.domain.decisions import Reason
from shared.domain.signals import HoldElapsed
from shared.domain.situation import Situation, because


def short_of(situation: Situation) -> tuple[Reason, ...]:
    """Why a second deployment has no room beside the one that serves, and what to ask for; nothing when it has, or unknown."""
    quota, deployment = situation.quota, situation.workload.deployment
    if quota is None:
        return ()
    instances = instances_in_production(situation)
    lacking = missing(quota, instances)
    if not lacking:
        return ()
    counted = instances_counted(instances)
    text = (
        f"a deployment of {instances} x {deployment.instance_type} counts as {counted} instances "
        f"(Azure reserves 20 % for upgrades), which are {counted * quota.cores} cores; of the {quota.limit} of "
        f"{quota.family} in {quota.location} {quota.free} are free. "
        f"Both deployments of a rollout need {2 * counted} instances, {2 * counted * quota.cores} cores"
    )
    release = f"raise the quota of {quota.family} in {quota.location} to {quota.used + counted * quota.cores} cores or more, or free {lacking}"
    needed = counted * quota.cores
    return (because("quota", text, observed=quota.free, limit=needed, release=release),)


def instances_in_production(situation: Situation) -> int:
    """On how many instances a version is deployed: as the policy says, and no fewer than the champion was given for the same load."""
    usual, facts = situation.workload.deployment.instance_count, situation.facts
    return max(usual, facts.relief.instances.get(facts.champion, usual))


def was_told(situation: Situation) -> bool:
    """Whether this yes has waited for quota before, and those who can ask for more know. Something else may have held it first."""
    before = situation.facts.held.get(situation.signal.hold_id) if isinstance(situation.signal, HoldElapsed) else None
    return before is not None and before.quota_told


def tell(situation: Situation, reasons: tuple[Reason, ...]) -> tuple[Notify, ...]:
    """The message to those who can ask for more, when the wait for quota begins; nothing while it goes on."""
    short = [reason for reason in reasons if reason.code == "quota"]
    if not short or was_told(situation):
        return ()
    workload = situation.workload
    title = f"{workload.name}: a new version waits for quota"
    facts = {
        "quota": short[0].text,
        "what to do": short[0].release,
        "it goes on": "by itself: the quota is read each hour",
    }
    return (situation.tell(workload.promotion.rollout.quota_to or workload.owner, title, facts),)
