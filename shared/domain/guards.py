"""What can hold an action back, in one visible order. Every guard that holds is listed, not only the first.

Owns the guards of actions that spend or change something. A rollback passes none of them.
"""

from datetime import datetime, timedelta

from shared.domain.decisions import Reason
from shared.domain.durations import format_duration
from shared.domain.facts import Facts
from shared.domain.images import doubtful
from shared.domain.policy import Environment, Retraining
from shared.domain.routing import lies_in
from shared.domain.signals import DEPTH_MAX
from shared.domain.silences import covering
from shared.domain.situation import Situation, because

REASONS_MAX = 10  # of one guard
LOOK_AGAIN = timedelta(hours=1)  # when a guard cannot say when it will release


def paused(situation: Situation) -> Reason | None:
    """A person stopped everything but rollback and notification."""
    if not situation.facts.paused:
        return None
    return because("paused", "the workload is paused", release=_resume(situation))


def observing(situation: Situation) -> Reason | None:
    """The policy only wants to know what would be done."""
    if situation.workload.mode == "act":
        return None
    return because("mode_observe", "mode is observe: this is what would be done", release="set mode: act in the policy")


def too_deep(situation: Situation) -> Reason | None:
    """Our own actions caused this too many times over."""
    depth = situation.signal.depth
    if depth < DEPTH_MAX:
        return None
    return because("causal_depth", "too many of our own actions lie behind this", observed=depth, limit=DEPTH_MAX)


def silenced(situation: Situation, *names: str) -> Reason | None:
    """A person wants quiet about one of these: rules, or kinds of incidents."""
    silence = covering(situation.facts.silences, names, situation.now)
    if silence is None:
        return None
    text = f"{silence.by} silenced {silence.what} until {silence.until:%Y-%m-%d %H:%M} UTC: {silence.comment}"
    release = f"outerloop silence expire {situation.workload.name} {silence.id} --by YOU --why WHY"
    return because("silenced", text, until=silence.until, release=release)


def in_maintenance(situation: Situation) -> Reason | None:
    """A maintenance window is open: nothing new is begun."""
    windows = situation.workload.maintenance
    until = max((end for end in (known.open_until(situation.now) for known in windows) if end), default=None)
    if until is None:
        return None
    return because("maintenance", f"a maintenance window is open until {until:%Y-%m-%d %H:%M} UTC", until=until)


def cooling_down(situation: Situation, retraining: Retraining) -> Reason | None:
    """The last retraining is too recent."""
    last = max(situation.facts.retrained_at, default=None)
    if last is None or situation.now >= last + retraining.cooldown:
        return None
    until = last + retraining.cooldown
    text = f"the last retraining was at {last:%Y-%m-%d %H:%M:%S} UTC and the cooldown is {format_duration(retraining.cooldown)}"
    return because("cooldown", text, observed=last.isoformat(), limit=format_duration(retraining.cooldown), until=until)


def over_limit(situation: Situation) -> tuple[Reason, ...]:
    """Each limit of retraining that is used up."""
    limits = situation.workload.limits.retrains or situation.policy.defaults.limits.retrains
    found = ((limit, limit.free_at(situation.facts.retrained_at, situation.now)) for limit in limits)
    return tuple(
        because("limit", f"retraining is limited to {limit}", limit=str(limit), until=until)
        for limit, until in found
        if until is not None
    )


def hopeless(situation: Situation, retraining: Retraining) -> Reason | None:
    """So many remedies in a row did not help that a person has to look."""
    fruitless = situation.facts.fruitless
    if fruitless < retraining.give_up_after:
        return None
    text = f"{fruitless} retrainings in a row did not help; a person has to look"
    return because("give_up", text, observed=fruitless, limit=retraining.give_up_after, release=_resume(situation))


def frozen(situation: Situation) -> tuple[Reason, ...]:
    """Each budget that is used up, until its period ends."""
    release = f"outerloop ask lift-freeze {situation.workload.name} --by YOU --why WHY"
    return tuple(
        because(
            "budget_freeze",
            f"budget {known.budget} is at {known.ratio:.0%}: nothing is retrained until its period ends",
            observed=round(known.ratio, 4),
            until=known.until,
            release=release,
        )
        for known in situation.facts.freezes.values()
        if known.in_force(situation.now)
    )


def noncompliant(facts: Facts, *environments: Environment) -> tuple[Reason, ...]:
    """Azure Policy finds something wrong in a workspace that the promotion leads into: one reason a judgement."""
    return tuple(
        because(
            "noncompliant",
            f"{one.resource} does not comply with {one.assignment}",
            observed=one.at.isoformat(),
            release="when Azure Policy finds it compliant, or the assignment is removed",
        )
        for one in facts.judged
        if not one.compliant and any(lies_in(known.workspace, one.resource) for known in environments)
    )[:REASONS_MAX]


def untrusted_images(situation: Situation, facts: Facts) -> tuple[Reason, ...]:
    """The next deployment would take an image that is not known to be good: one reason a repository."""
    rule = situation.workload.images
    return (
        tuple(
            because(
                "image",
                one.text,
                observed=one.image.worst or one.doubt,
                limit=rule.severity_max,
                until=one.until,
                release="when its scan is clean, a newer image is, or it is deleted",
            )
            for one in doubtful(rule, facts.images, situation.now)
        )[:REASONS_MAX]
        if rule
        else ()
    )


def blocking(situation: Situation, facts: Facts) -> tuple[Reason, ...]:
    """What keeps promotions out of staging or production."""
    environments = situation.workload.environments
    return noncompliant(facts, environments.staging, environments.production)


def for_promotion(situation: Situation) -> tuple[Reason, ...]:
    """What holds a promotion back, in order."""
    first = (paused(situation), observing(situation), too_deep(situation), in_maintenance(situation))
    return (
        *(reason for reason in first if reason),
        *blocking(situation, situation.facts),
        *untrusted_images(situation, situation.facts),
    )


def for_retraining(situation: Situation, retraining: Retraining, *names: str) -> tuple[Reason, ...]:
    """What holds a retraining back, in order. ``names`` are the rule and the kind of incident that want it."""
    first = (
        paused(situation),
        observing(situation),
        too_deep(situation),
        silenced(situation, *names),
        in_maintenance(situation),
        cooling_down(situation, retraining),
    )
    return (
        *(reason for reason in first if reason),
        *over_limit(situation),
        *frozen(situation),
        *_optional(hopeless(situation, retraining)),
    )


def until(reasons: tuple[Reason, ...], now: datetime) -> datetime:
    """When to evaluate again: when the last of the guards that know their end releases."""
    return max((reason.until for reason in reasons if reason.until), default=now + LOOK_AGAIN)


def _resume(situation: Situation) -> str:
    return f"outerloop ask resume {situation.workload.name} --by YOU --why WHY"


def _optional(reason: Reason | None) -> tuple[Reason, ...]:
    return (reason,) if reason else ()
