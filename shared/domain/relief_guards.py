"""What can hold a remedy for a deployment in trouble back, in one visible order, and what makes it pointless.

Owns these reasons. What holds is over some time, and the remedy is looked at again; what is refused is for people. A rollback passes
none of them.
"""

from datetime import timedelta

from shared.domain.capacity import NO_LIMIT, instances_counted
from shared.domain.decisions import Reason
from shared.domain.durations import format_duration
from shared.domain.facts import Incident
from shared.domain.guards import Guard, Held, in_maintenance, observing, out_of_scope, paused, silenced, too_deep
from shared.domain.lifecycle import VersionState
from shared.domain.policy_infrastructure import Relief
from shared.domain.proposals import Beginning, unanswered
from shared.domain.situation import Situation, because

LOOK_AGAIN = timedelta(minutes=10)  # trouble does not wait for the hour
WRITTEN: frozenset[VersionState] = frozenset(
    {"deploying", "probing", "rolling_out"}
)  # states that write to the endpoint

STOP_GUARDS = ("pause", "mode", "depth", "scope", "silence", "maintenance")  # of what only saves money


def spending_frozen(situation: Situation, beginning: Beginning) -> Held:
    """Each budget that is used up: more instances cost more, a restart does not."""
    if added_by(beginning) <= 0:
        return ()
    release = f"outerloop ask lift-freeze {situation.workload.name} --by YOU --why WHY"
    return tuple(
        because(
            "budget_freeze",
            f"budget {known.budget} is at {known.ratio:.0%}: no instance is added until its period ends",
            observed=round(known.ratio, 4),
            until=known.until,
            release=release,
        )
        for known in situation.facts.freezes.values()
        if known.in_force(situation.now)
    )


def writing(situation: Situation) -> Reason | None:
    """A version is on its way into production: one writer has the endpoint."""
    facts = situation.facts
    versions = (known.version for known in facts.versions.values() if known.state in WRITTEN)
    version = next(versions, facts.rollout.version if facts.rollout else "")
    if not version:
        return None
    until = situation.now + LOOK_AGAIN
    return because("promotion_under_way", f"version {version} is taking over the endpoint", until=until)


def platform_down(situation: Situation) -> Reason | None:
    """Azure itself is unwell where this is served: instances that it cannot give mend nothing."""
    unwell = (known for known in situation.facts.incidents if _is_platform(known) and known.state != "closed")
    known = next(unwell, None)
    if known is None:
        return None
    text = f"Azure says that it is unwell itself: {known.detail} (incident {known.id})"
    return because("platform_unwell", text, until=situation.now + LOOK_AGAIN, release="when Azure says that it is well")


def _is_platform(known: Incident) -> bool:
    return known.kind == "infrastructure" and known.alert.split(" ")[0] in ("service_health", "maintenance")


def relieved_lately(situation: Situation) -> Reason | None:
    """Another remedy is under way, or was begun too short a time ago."""
    about = next((one for one in situation.facts.incidents if _is_relieved(one)), None)
    if about:
        until = situation.now + LOOK_AGAIN
        return because("remedy_under_way", f"a remedy for incident {about.id} is under way", until=until)
    return None


def _is_relieved(known: Incident) -> bool:
    return known.kind == "infrastructure" and known.state in ("remedying", "verifying")


def cooling_down(situation: Situation, limits: Relief) -> Reason | None:
    """The last remedy is too recent."""
    last = max(situation.facts.relief.ordered_at, default=None)
    if last is None or situation.now >= last + limits.cooldown:
        return None
    cooldown = format_duration(limits.cooldown)
    text = f"the last remedy was ordered at {last:%Y-%m-%d %H:%M:%S} UTC and the cooldown is {cooldown}"
    return because("cooldown", text, observed=last.isoformat(), limit=cooldown, until=last + limits.cooldown)


def short_of(situation: Situation, beginning: Beginning) -> Held:
    """Why the instances that would be added have no room in the quota; nothing when they have, or it is unknown."""
    quota, added = situation.quota, added_by(beginning)
    if quota is None or quota.limit == NO_LIMIT or added <= 0:
        return ()
    before = situation.facts.relief.instances.get(
        situation.facts.champion, situation.workload.deployment.instance_count
    )
    counted = instances_counted(before + added) - instances_counted(before)
    if counted * quota.cores <= quota.free:
        return ()
    text = (
        f"{added} more of {situation.workload.deployment.instance_type} count as {counted} instances, "
        f"{counted * quota.cores} cores; of the {quota.limit} of {quota.family} in {quota.location} {quota.free} are free"
    )
    release = (
        f"raise the quota of {quota.family} in {quota.location} to {quota.used + counted * quota.cores} cores or more"
    )
    until = situation.now + LOOK_AGAIN
    return (because("quota", text, observed=quota.free, limit=counted * quota.cores, until=until, release=release),)


def added_by(beginning: Beginning) -> int:
    """How many instances a remedy would add."""
    return sum(getattr(one, "instances", 0) - getattr(one, "expected", 0) for one in beginning.plan)


RELIEF_GUARDS: tuple[Guard, ...] = (
    Guard("pause", "relief", "a person paused the workload", lambda here, _: _listed(paused(here))),
    Guard("mode", "relief", "the policy only wants to know", lambda here, _: _listed(observing(here))),
    Guard("depth", "relief", "too many of our own actions lie behind it", lambda here, _: _listed(too_deep(here))),
    Guard("scope", "relief", "it leads to what is not the workload's", out_of_scope),
    Guard("silence", "relief", "a person wants quiet", lambda here, it: _listed(silenced(here, *it.names))),
    Guard("maintenance", "relief", "a maintenance window is open", lambda here, _: _listed(in_maintenance(here))),
    Guard("lease", "relief", "a version is taking over the endpoint", lambda here, _: _listed(writing(here))),
    Guard("platform", "relief", "Azure itself is unwell", lambda here, _: _listed(platform_down(here))),
    Guard("remedy", "relief", "another remedy is under way", lambda here, _: _listed(relieved_lately(here))),
    Guard("budget", "relief", "a budget is used up, and it adds instances", spending_frozen),
    Guard("quota", "relief", "the instances have no room", short_of),
)
"""The order in which they are asked and listed, before the rule's own cooldown and, last, a person's yes."""


def holding(situation: Situation, beginning: Beginning, limits: Relief) -> Held:
    """Every reason that holds a remedy back; none when it may begin."""
    asked = tuple(reason for guard in RELIEF_GUARDS for reason in guard.asked(situation, beginning))
    return (*asked, *_listed(cooling_down(situation, limits)), *_listed(unanswered(situation, beginning)))


def holding_stop(situation: Situation, beginning: Beginning) -> Held:
    """Every reason that holds back to stop what nobody uses."""
    guards = (guard for guard in RELIEF_GUARDS if guard.name in STOP_GUARDS)
    asked = tuple(reason for guard in guards for reason in guard.asked(situation, beginning))
    return (*asked, *_listed(unanswered(situation, beginning)))


def gave_up(situation: Situation, limits: Relief) -> Reason | None:
    """So many remedies in a row did not help that a person has to look."""
    relief = situation.facts.relief
    if relief.fruitless < limits.give_up_after:
        return None
    text = f"{relief.fruitless} remedies in a row did not help; a person has to look"
    release = f"outerloop ask resume {situation.workload.name} --by YOU --why WHY"
    return because("give_up", text, observed=relief.fruitless, limit=limits.give_up_after, release=release)


def at_limit(limits: Relief) -> Reason:
    """Why no instance is added any more."""
    release = "raise instances_max in the policy, or find what takes the load"
    text = f"the deployment runs on {limits.instances_max} instances, the most that the policy allows"
    return because("instances_max", text, limit=limits.instances_max, release=release)


def as_markdown() -> str:
    """The order as a table, for the documentation."""
    rows = [f"| {place} | {one.name} | {one.when} |" for place, one in enumerate(RELIEF_GUARDS, 1)]
    rows += [f"| {len(rows) + 1} | cooldown | the last remedy is too recent |"]
    rows += [f"| {len(rows) + 1} | approval | a person's yes is missing |"]
    return "\n".join(["| | guard | when |", "| --- | --- | --- |", *rows, ""])


def _listed(reason: Reason | None) -> Held:
    return (reason,) if reason else ()
