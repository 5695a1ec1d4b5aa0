"""What can hold an action back, in one visible order. Every guard that holds is listed, not only the first.

Owns the guards of what would be begun: retrainings and promotions. Each reason says until when it holds, or what would
release it. A rollback passes none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.domain.decisions import Reason
from shared.domain.durations import format_duration
from shared.domain.facts import Facts
from shared.domain.images import doubtful
from shared.domain.lifecycle import IN_PROMOTION
from shared.domain.policy_environments import Environment
from shared.domain.policy_upstream import Upstream
from shared.domain.proposals import Beginning, unanswered
from shared.domain.requirements import unmet
from shared.domain.routing import concerned, drifted_features, lies_in, places_of, shared_origins, upstream_subject
from shared.domain.signals import DEPTH_MAX
from shared.domain.silences import covering
from shared.domain.situation import Situation, because
from shared.domain.upstream_facts import UpstreamSeen

REASONS_MAX = 10  # of one guard
LOOK_AGAIN = timedelta(hours=1)  # when a guard cannot say when it will release

Held = tuple[Reason, ...]
Asked = Callable[[Situation, Beginning], Held]


@dataclass(frozen=True, slots=True)
class Guard:
    """One place of the order: what it may hold back, when it does, and the question that finds out."""

    name: str
    holds_back: Literal["both", "retraining", "promotion", "relief"]
    when: str
    asked: Asked


def paused(situation: Situation) -> Reason | None:
    """A person stopped everything but rollback and notification."""
    if not situation.facts.paused:
        return None
    return because("paused", "the workload is paused", release=_resume(situation))


def observing(situation: Situation) -> Reason | None:
    """The policy only wants to know what would be done."""
    if situation.workload.mode != "observe":
        return None
    release = "set mode: act in the policy, or mode: propose to be asked first"
    return because("mode_observe", "mode is observe: this is what would be done", release=release)


def too_deep(situation: Situation) -> Reason | None:
    """Our own actions caused this too many times over."""
    depth = situation.signal.depth
    if depth < DEPTH_MAX:
        return None
    text = "too many of our own actions lie behind this: find out what makes the loop answer itself"
    return because("causal_depth", text, observed=depth, limit=DEPTH_MAX, release=_resume(situation))


def out_of_scope(situation: Situation, beginning: Beginning) -> Held:
    """Where it was heard from, or what it would touch, is not the workload's (any more): one reason a place."""
    release = "name it under environments: of the workload, or leave it: it is not begun"
    workload, places = situation.workload, places_of(situation.heard)
    strange = () if not places or concerned(workload, places) else places
    heard = [
        because("out_of_scope", f"{one} is no workspace of this workload", observed=one, release=release)
        for one in strange
    ]
    led = [
        because("out_of_scope", f"the plan leads to {one}, which is not this workload's", observed=one, release=release)
        for one in _foreign(situation, beginning)
    ]
    return (*heard, *led)[:REASONS_MAX]


def _foreign(situation: Situation, beginning: Beginning) -> list[str]:
    """The workspaces, endpoints and registries of a plan that the policy does not give to the workload."""
    known = situation.workload.environments
    environments = (known.development, known.staging, known.production)
    own = {(one.workspace.lower(), name.lower()) for one in environments for name in ("", one.endpoint)}
    touched = {
        (getattr(command, "workspace", "").lower(), getattr(command, "endpoint", "").lower())
        for command in beginning.plan
    }
    registries = {getattr(command, "registry", "") for command in beginning.plan}
    places = [
        f"{workspace}/onlineEndpoints/{endpoint}".removesuffix("/onlineEndpoints/")
        for workspace, endpoint in sorted(touched - own - {("", "")})
    ]
    return [*places, *sorted(registries - {"", situation.workload.registry})]


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


def cooling_down(situation: Situation) -> Reason | None:
    """The last retraining is too recent."""
    last, retraining = max(situation.facts.retrained_at, default=None), situation.workload.retrain
    if last is None or retraining is None or situation.now >= last + retraining.cooldown:
        return None
    until = last + retraining.cooldown
    text = f"the last retraining was at {last:%Y-%m-%d %H:%M:%S} UTC and the cooldown is {format_duration(retraining.cooldown)}"
    return because("cooldown", text, observed=last.isoformat(), limit=format_duration(retraining.cooldown), until=until)


def over_limit(situation: Situation) -> tuple[Reason, ...]:
    """Each limit of retraining that is used up."""
    limits = situation.workload.limits.retrains or situation.policy.defaults.limits.retrains
    past = (*situation.facts.retrained_at, *situation.facts.retrained_in_staging_at)
    found = ((limit, limit.free_at(past, situation.now)) for limit in limits)
    return tuple(
        because("limit", f"retraining is limited to {limit}", limit=str(limit), until=until)
        for limit, until in found
        if until is not None
    )


def hopeless(situation: Situation) -> Reason | None:
    """So many remedies in a row did not help that a person has to look."""
    fruitless, retraining = situation.facts.fruitless, situation.workload.retrain
    if retraining is None or fruitless < retraining.give_up_after:
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


def upstream(situation: Situation, beginning: Beginning) -> Held:
    """The features that drift come from one origin, and other models drift on them too, or may: one reason an origin."""
    drifting = drifted_features(situation.workload, situation.heard)
    holding_back = ((rule, names) for rule, names in shared_origins(situation.policy, drifting).items() if rule.holds)
    return tuple(reason for rule, names in holding_back for reason in _of_origin(situation, beginning, rule, names))


def _of_origin(situation: Situation, beginning: Beginning, rule: Upstream, names: tuple[str, ...]) -> Held:
    subject = upstream_subject(rule)
    facts = situation.upstream.get(subject, Facts())
    incident, seen = facts.open_incident("upstream"), facts.upstream or UpstreamSeen()
    common = [name for name in names if name in seen.features]
    if incident and common:
        models = ", ".join(seen.models[:REASONS_MAX]) + (" and more" if len(seen.models) > REASONS_MAX else "")
        text = f"{', '.join(common[:REASONS_MAX])} drift in {len(seen.models)} models at once ({models}): see incident {incident.id}"
        release = f"when that is closed, or: outerloop ask close '{subject}' --by YOU --why WHY"
        return (because("upstream", text, observed=len(seen.models), limit=rule.models_min, release=release),)
    opened = next((one.opened_at for one in situation.facts.incidents if beginning.about == f"incident {one.id}"), None)
    until = (opened or situation.now) + rule.group_wait
    if until <= situation.now:
        return ()
    text = f"{', '.join(names[:REASONS_MAX])} may drift in other models too: it waits {format_duration(rule.group_wait)} to see"
    return (because("upstream_wait", text, until=until),)


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
    found = doubtful(rule, facts.images, situation.now) if rule else ()
    release = "when its scan is clean, a newer image is, or it is deleted"
    return tuple(
        because(
            "image",
            one.text,
            observed=one.image.worst or one.doubt,
            limit=rule.severity_max if rule else None,
            until=one.until,
            release=release,
        )
        for one in found
    )[:REASONS_MAX]


def blocking(situation: Situation, facts: Facts) -> tuple[Reason, ...]:
    """What keeps promotions out of staging or production."""
    environments = situation.workload.environments
    return noncompliant(facts, environments.staging, environments.production)


def promoting(situation: Situation, beginning: Beginning) -> Reason | None:
    """Another version is on its way through staging to production: one at a time has the endpoints."""
    on_their_way = (known.version for known in situation.facts.versions.values() if known.state in IN_PROMOTION)
    other = next((number for number in on_their_way if beginning.about != f"version {number}"), None)
    if other is None:
        return None
    return because("promotion_under_way", f"version {other} is being promoted", release="when that has ended")


GUARDS: tuple[Guard, ...] = (
    Guard("pause", "both", "a person paused the workload", lambda here, _: _listed(paused(here))),
    Guard("mode", "both", "the policy only wants to know", lambda here, _: _listed(observing(here))),
    Guard("depth", "both", "too many of our own actions lie behind it", lambda here, _: _listed(too_deep(here))),
    Guard("scope", "both", "it comes from, or leads to, what is not the workload's", out_of_scope),
    Guard("silence", "retraining", "a person wants quiet", lambda here, it: _listed(silenced(here, *it.names))),
    Guard("maintenance", "both", "a maintenance window is open", lambda here, _: _listed(in_maintenance(here))),
    Guard("cooldown", "retraining", "the last one is too recent", lambda here, _: _listed(cooling_down(here))),
    Guard(
        "limits", "both", "so many trainings in that time are used up", lambda h, it: over_limit(h) if it.trains else ()
    ),
    Guard("budget", "both", "it trains, and a budget is used up", lambda h, it: frozen(h) if it.trains else ()),
    Guard("upstream", "retraining", "many models drift on what they share", upstream),
    Guard("requirements", "retraining", "too few new rows or files are there", lambda here, _: unmet(here)),
    Guard("requirements", "retraining", "remedies in a row did not help", lambda here, _: _listed(hopeless(here))),
    Guard("requirements", "promotion", "a workspace does not comply", lambda here, _: blocking(here, here.facts)),
    Guard(
        "requirements",
        "promotion",
        "an image is not known to be good",
        lambda here, _: untrusted_images(here, here.facts),
    ),
    Guard("lease", "promotion", "another version is on its way", lambda here, it: _listed(promoting(here, it))),
    Guard("approval", "both", "a person's yes is missing", lambda here, it: _listed(unanswered(here, it))),
)
"""The order in which guards are asked and listed. The last one asks people, so it asks when no other holds."""


def holding(situation: Situation, beginning: Beginning) -> Held:
    """Every reason that holds a beginning back, in the order of the guards; none when it may begin."""
    asked = (guard.asked(situation, beginning) for guard in GUARDS if guard.holds_back in ("both", beginning.what))
    return tuple(reason for held in asked for reason in held)


def closed_meanwhile(situation: Situation) -> Held:
    """What keeps a retraining from going on that has begun with a refresh of its data, whatever let it begin.

    A pause is not among it: the order waits that out itself.
    """
    return (*_listed(observing(situation)), *_listed(in_maintenance(situation)), *frozen(situation))


def as_markdown() -> str:
    """The order as a table, for the documentation."""
    rows = [f"| {place} | {one.name} | {one.holds_back} | {one.when} |" for place, one in enumerate(GUARDS, 1)]
    return "\n".join(["| | guard | holds back | when |", "| --- | --- | --- | --- |", *rows, ""])


def until(reasons: tuple[Reason, ...], now: datetime) -> datetime:
    """When to evaluate again: when the last of the guards that know their end releases."""
    ends = (reason.until for reason in reasons if reason.until and reason.until > now)
    return max(ends, default=now + LOOK_AGAIN)


def _resume(situation: Situation) -> str:
    return f"outerloop ask resume {situation.workload.name} --by YOU --why WHY"


def _listed(reason: Reason | None) -> Held:
    return (reason,) if reason else ()
