"""From a registered version to a person's yes: share, deploy to staging, check, ask.

Owns the rulings up to the deployment in staging. What is checked there is ``staging``'s, production is ``rollout``'s.
"""

import dataclasses

from shared.domain import guards, proposals
from shared.domain.ci_runs import where
from shared.domain.commands import ShareEnvironment
from shared.domain.decisions import Reason
from shared.domain.facts import Facts, Rollout, Version
from shared.domain.outcomes import Succeeded
from shared.domain.proposals import Beginning
from shared.domain.routing import concerned
from shared.domain.rules import remedy, staging, staging_training, superseding
from shared.domain.rules.candidate import deployment_of, promotion_by_pipeline, reject, sharing
from shared.domain.signals import CommandFinished, ModelRegistered
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "promotion"
TEXT_MAX = 1000  # characters of any one text that becomes part of the facts, which have a limit
WAITING_MAX = 5  # versions that wait for their turn; older ones are superseded


def on_registered(situation: Situation, signal: ModelRegistered) -> Ruling:
    """Start a promotion, hold it, or say why this registration starts none."""
    refusal = _no_candidate(situation, signal)
    if refusal:
        return _refuse(situation, situation.facts.versions.get(signal.model_version), refusal)
    facts = situation.facts
    version = facts.versions.get(signal.model_version) or Version(
        version=signal.model_version,
        model=signal.model_name,
        state="registered",
        since=situation.now,
        registered_at=signal.occurred_at,
        author=signal.tags.get("author", "")[:TEXT_MAX],
    )
    beginning = _beginning(situation, version)
    held_by = guards.holding(situation, beginning)
    older = superseding.in_the_way(situation, version, held_by)
    if older:
        return _supersede_rollout(situation, older, version, beginning, held_by)
    if held_by:
        return _hold(situation, facts.with_version(version), version, beginning, held_by)
    return _start(situation, version)


def _supersede_rollout(
    situation: Situation, older: Rollout, version: Version, beginning: Beginning, held_by: tuple[Reason, ...]
) -> Ruling:
    """The traffic goes back to the champion first; this version waits for that, and then begins."""
    facts, commands, removals = superseding.give_way(situation, older, version)
    waiting = _hold(situation, facts.with_version(version), version, beginning, held_by)
    return dataclasses.replace(
        waiting, verdict="act", commands=(*waiting.commands, *commands), holds=(*waiting.holds, *removals)
    )


def _beginning(situation: Situation, version: Version) -> Beginning:
    checks = situation.workload.promotion.staging.checks
    run = situation.workload.promotion.run({})
    by = f" by {where(run)}" if run else ""
    training = situation.workload.promotion.staging.retrain
    first = f"it is trained anew there on {training.data}, " if training else ""
    then = f"{first}then it is deployed to staging{by} and checked ({len(checks)} checks), and production asks again"
    return Beginning(
        what="promotion",
        about=_about(version),
        title=f"promote version {version.version}",
        why=f"version {version.version} of {version.model} was registered in development; {then}",
        plan=_start(situation, version).commands,
        author=version.author,
    )


def _no_candidate(situation: Situation, signal: ModelRegistered) -> Reason | None:
    development = situation.workload.environments.development.workspace.lower()
    # What waited, and comes from a workspace that the policy has given up, is held by the guard ``scope``.
    if signal.workspace != development and not _waited_out_of_scope(situation, signal):
        return because("not_development", "only registrations in the development workspace start a promotion")
    known = situation.facts.versions.get(signal.model_version)
    if known and known.state != "registered":
        return because("known_version", f"version {known.version} is known and is {known.state}")
    champion = situation.facts.versions.get(situation.facts.champion)
    if champion and signal.occurred_at < champion.registered_at:
        return because(
            "older_than_champion", f"version {signal.model_version} is older than the champion {champion.version}"
        )
    return None


def _refuse(situation: Situation, known: Version | None, refusal: Reason) -> Ruling:
    """A version that waited for its turn will never have it; a remedy that hoped for it has failed."""
    if known is None or known.state != "registered" or refusal.code != "older_than_champion":
        return ignore(situation, RULE, refusal)
    return Ruling("suppress", RULE, (refusal,), _supersede(situation, situation.facts, known))


def _supersede(situation: Situation, facts: Facts, version: Version) -> Facts:
    ended = version.after("superseded", situation.now)
    return remedy.candidate_lost(situation, facts.with_version(ended), ended)


def _waited_out_of_scope(situation: Situation, signal: ModelRegistered) -> bool:
    return situation.original is not None and not concerned(situation.workload, (signal.workspace,))


def _hold(
    situation: Situation, facts: Facts, version: Version, beginning: Beginning, held_by: tuple[Reason, ...]
) -> Ruling:
    facts, released = _make_room(situation, facts)
    if version.version not in {v.version for v in facts.versions.values() if v.state == "registered"}:
        crowded = because("superseded", f"{WAITING_MAX} newer versions wait already", limit=WAITING_MAX)
        return Ruling("suppress", RULE, (*held_by, crowded), facts, released=released)
    asking = proposals.put(situation, facts, beginning, held_by)
    due = guards.until(asking.reasons, situation.now)
    if any(reason.code == "promotion_under_way" for reason in asking.reasons):
        due = min(due, situation.now + situation.workload.promotion.rollout.bake)
    hold, held = situation.wait(beginning.about, due, asking.facts)
    holds, planned = (hold, *asking.holds), beginning.plan
    return Ruling("hold", RULE, asking.reasons, held, asking.commands, planned, holds, released)


def _make_room(situation: Situation, facts: Facts) -> tuple[Facts, tuple[str, ...]]:
    """The oldest versions that wait are superseded beyond the limit, and the holds that would wake them released."""
    waiting = sorted((v for v in facts.versions.values() if v.state == "registered"), key=lambda v: v.registered_at)
    surplus = waiting[:-WAITING_MAX]
    for version in surplus:
        facts = _supersede(situation, facts, version)
    return facts, tuple(situation.wake("retry", _about(version), situation.now).id for version in surplus)


def _about(version: Version) -> str:
    return f"version {version.version}"


def _start(situation: Situation, version: Version) -> Ruling:
    training = staging_training.order(situation, version)
    first = (training,) if training else sharing(situation, version)
    orders = (*first, *_environment(situation, version))
    moved = replace(version.after("promotion_started", situation.now), awaiting=tuple(order.id for order in orders))
    facts = situation.facts.with_version(moved)
    facts = staging_training.counted(situation, facts) if training else facts
    reason = because("registered", f"version {version.version} of {version.model} was registered in development")
    return Ruling("act", RULE, (reason,), facts, commands=orders)


def _environment(situation: Situation, version: Version) -> tuple[ShareEnvironment, ...]:
    workload = situation.workload
    if not workload.deployment.share_environment:
        return ()
    order = situation.order(
        ShareEnvironment,
        workload.deployment.environment,
        f"version {version.version} runs in staging and in production in what is its environment now",
        workspace=workload.environments.development.workspace,
        registry=workload.registry,
        environment=workload.deployment.environment,
    )
    return (order,)


def on_finished(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    """Take the next step when everything that this version waits for has finished well, else reject it."""
    if signal.command_kind == "Retrain":
        return staging_training.on_trained(situation, signal, version)
    if version.state == "staging" and not isinstance(signal.outcome, Succeeded):
        return reject(
            situation, version, "staging_failed", because("failed", f"{signal.command_kind}: {signal.outcome.reason}")
        )
    waiting = replace(version, awaiting=tuple(known for known in version.awaiting if known != signal.command_id))
    if version.state == "testing":
        return staging.on_check(situation, signal, waiting)
    if isinstance(signal.outcome, Succeeded) and signal.command_kind == "ShareEnvironment":
        waiting = replace(waiting, environment=str(signal.outcome.data.get("environment_ref", "")))
    if waiting.awaiting:
        reason = because("waiting", f"{len(waiting.awaiting)} more to finish before the next step")
        return Ruling("suppress", RULE, (reason,), situation.facts.with_version(waiting))
    if signal.command_kind in ("DeployModel", "DispatchPromotion"):
        return staging.check(situation, waiting.after("staging_deployed", situation.now))
    facts = situation.facts
    closed = (
        *guards.noncompliant(facts, situation.workload.environments.staging),
        *guards.untrusted_images(situation, facts),
    )
    if closed:  # the facts stay as they are, so that this end of a command can be heard again
        hold, held = situation.wait(_about(version), guards.until(closed, situation.now), situation.facts)
        return Ruling("hold", RULE, closed, held, holds=(hold,))
    return _deploy_to_staging(situation, waiting)


def _deploy_to_staging(situation: Situation, version: Version) -> Ruling:
    by_pipeline = promotion_by_pipeline(situation, version, "the candidate's turn in staging")
    staging_place = situation.workload.environments.staging
    command = by_pipeline or deployment_of(situation, version, staging_place, "the candidate is shared")
    facts = situation.facts.with_version(replace(version, awaiting=(command.id,)))
    reason = because("shared", "the model is in the registry")
    if by_pipeline:
        reason = because("handed_over", f"{where(by_pipeline.start)} shares the model and deploys it to staging")
    return Ruling("act", RULE, (reason,), facts, commands=(command,))
