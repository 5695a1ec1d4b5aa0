"""Retraining as a remedy, and whether it helped: order, follow, measure, close.

Owns incidents from their opening to their end. *Helped* means that the new champion beats the replaced one on the same
later labelled rows; drift alone never decides it. Knows nothing of how drift was found (``monitoring``).
"""

from shared.domain import guards, proposals, requirements
from shared.domain.commands import RunEvaluation
from shared.domain.decisions import Hold, Reason
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts, Incident, IncidentKind, Version
from shared.domain.ids import derive
from shared.domain.limits import COUNT_MAX
from shared.domain.outcomes import Refusal, Skipped, Succeeded
from shared.domain.policy_retraining import Retraining
from shared.domain.proposals import Asking, Beginning
from shared.domain.rules import repeats, training
from shared.domain.signals import CommandFinished, HoldElapsed, OperatorAsked
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "remedy"
RETRAINS_KEPT_MAX = COUNT_MAX
DETAIL_MAX = 1000  # characters: what is kept with an incident has to stay small


def open_and_retrain(
    situation: Situation, facts: Facts, kind: IncidentKind, why: tuple[Reason, ...], rule: str
) -> Ruling:
    """Open an incident and order its remedy; with a guard in the way, hold the order and keep the incident open.

    When only a person's yes is missing, it is asked for.
    """
    retraining = situation.workload.retrain
    if retraining is None:
        return ignore(situation, rule, because("no_retrain", "the policy has no retrain: section"))
    known = facts.open_incident(kind)
    incident = known or Incident(
        id=derive("incident", situation.subject, kind, situation.heard.dedup_key),
        kind=kind,
        state="open",
        opened_at=situation.now,
        version=facts.champion,
        detail="; ".join(reason.text for reason in why)[:DETAIL_MAX],
    )
    beginning = _beginning(situation, retraining, incident, rule)
    held_by = guards.holding(situation, beginning)
    if held_by:
        asking = proposals.put(situation, facts.with_incident(incident), beginning, held_by)
        return _hold(situation, asking, beginning, why, rule)
    return _retrain(situation, facts, retraining, incident, why, rule)


def _beginning(situation: Situation, retraining: Retraining, incident: Incident, rule: str) -> Beginning:
    return Beginning(
        what="retraining",
        about=f"incident {incident.id}",
        title=f"retrain because of {incident.kind.replace('_', ' ')}",
        why=incident.detail,  # of when it was opened: what is heard later must not make it another question
        plan=_plan(situation, retraining, incident),
        names=(rule, incident.kind),
    )


def _plan(situation: Situation, retraining: Retraining, incident: Incident) -> tuple[AnyCommand, ...]:
    """Everything that would be ordered, in order."""
    refresh = training.refreshing(situation, retraining, incident)
    return (*((refresh,) if refresh else ()), training.order(situation, retraining, incident))


def _hold(situation: Situation, asking: Asking, beginning: Beginning, why: tuple[Reason, ...], rule: str) -> Ruling:
    reasons = (*why, *asking.reasons)
    hold, facts = situation.wait(beginning.about, guards.until(asking.reasons, situation.now), asking.facts)
    holds, planned = (hold, *asking.holds), beginning.plan
    return Ruling("hold", rule, reasons, facts, commands=asking.commands, planned=planned, holds=holds)


def _retrain(
    situation: Situation, facts: Facts, retraining: Retraining, incident: Incident, why: tuple[Reason, ...], rule: str
) -> Ruling:
    command = _plan(situation, retraining, incident)[0]
    ordered = replace(
        incident,
        state="remedying",
        version=facts.champion,
        remedy=command.id,
        ordered=requirements.using(situation, facts),
    )
    facts = facts.with_incident(replace(ordered, remedy_version="", verification=""))
    facts = requirements.used(situation, facts)
    facts = replace(facts, retrained_at=(*facts.retrained_at, situation.now)[-RETRAINS_KEPT_MAX:])
    title = f"{situation.workload.name}: retraining because of {incident.kind.replace('_', ' ')}"
    told = situation.tell(situation.workload.owner, title, {reason.code: reason.text for reason in why})
    # A remedy whose version never comes must not keep the incident open, and later drift uncounted, for ever.
    deadline = situation.wake("verify_deadline", incident.id, situation.now + retraining.verify_within)
    return Ruling("act", rule, why, facts, commands=(command, told), holds=(deadline,))


def on_retrain_asked(situation: Situation, signal: OperatorAsked) -> Ruling:
    """A person wants a retraining: the same guards hold it."""
    reason = because("asked", f"{signal.by} asked for it: {signal.why or 'without saying why'}")
    under_way = repeats.under_way(situation.facts)
    if under_way:
        already = because("remedy_under_way", f"incident {under_way.id} is being mended by a retraining already")
        return ignore(situation, RULE, reason, already)
    return open_and_retrain(situation, situation.facts, "manual_retrain", (reason,), RULE)


def on_refreshed(situation: Situation, signal: CommandFinished) -> Ruling:
    """The newest data are there: train. Or they are not, and training on old ones would help nobody."""
    incident = next((known for known in situation.facts.incidents if known.remedy == signal.command_id), None)
    retraining = situation.workload.retrain
    if incident is None or incident.state not in ("remedying", "open") or retraining is None:
        return ignore(situation, RULE, because("stale", "no incident waits for these data"))
    if incident.state == "open":  # a guard held the training back, and the data grow old meanwhile
        over = because("refresh_waited", "the data were refreshed, and what held the training back may be over")
        return _again(situation, incident, over)
    if not isinstance(signal.outcome, Succeeded):
        reason = because("refresh_failed", signal.outcome.reason)
        return _close(situation, situation.facts, incident, "failed", reason)
    held_by = guards.closed_meanwhile(situation)
    if held_by:
        return _wait_anew(situation, incident, held_by)
    command = training.order(situation, retraining, incident)
    reason = because("refreshed", f"the newest data are there: the training for incident {incident.id} is ordered")
    ordered = incident.ordered and requirements.using_too(situation, incident.ordered)
    facts = situation.facts.with_incident(replace(incident, remedy=command.id, ordered=ordered))
    return Ruling("act", RULE, (reason,), requirements.used(situation, facts), (command,))


def on_retrained(situation: Situation, signal: CommandFinished) -> Ruling:
    """The training job ended: remember which version it made, or close the incident as failed."""
    incident = next((known for known in situation.facts.incidents if known.remedy == signal.command_id), None)
    if incident is None or incident.state == "closed":
        return ignore(situation, RULE, because("stale", "no incident waits for this training"))
    if isinstance(signal.outcome, Skipped) and signal.outcome.refusals:
        return _refused(situation, incident, signal.outcome)
    if not isinstance(signal.outcome, Succeeded):
        reason = because("retrain_failed", signal.outcome.reason)
        return _close(situation, situation.facts, incident, "failed", reason)
    version = str(signal.outcome.data.get("model_version", ""))
    if not version:
        reason = because("no_model", training.without_model(situation, signal))
        return _close(situation, situation.facts, incident, "failed", reason)
    facts = situation.facts.with_incident(replace(incident, remedy_version=version))
    reason = because("trained", f"the training made version {version}")
    known = facts.versions.get(version)
    if known and known.state in ("rejected", "rolled_back", "retired"):
        return Ruling("act", RULE, (reason,), candidate_lost(situation, facts, known))
    if facts.champion != version:
        return Ruling("act", RULE, (reason,), facts)
    facts, holds = candidate_serves(situation, facts, version)
    return Ruling("act", RULE, (reason,), facts, holds=holds)


def _refused(situation: Situation, incident: Incident, outcome: Skipped) -> Ruling:
    """A limit across workloads had no room: the incident stays open, and its remedy is ordered anew when there may be.

    What was refused was no retraining: no cooldown and no limit counts it, and new data stay new.
    """
    if situation.original is not None or situation.workload.retrain is None:  # it has waited, or it is wanted no more
        return _again(situation, incident, because("limit_waited", f"it has waited for a limit: {outcome.reason}"))
    why = tuple(_no_room(situation, refusal) for refusal in outcome.refusals)
    return _wait_anew(situation, incident, why)


def _again(situation: Situation, incident: Incident, over: Reason) -> Ruling:
    """A retraining that did not begin is wanted still, unless another has begun in its place."""
    facts = situation.facts
    if incident.kind == "scheduled_retrain" and any(at >= incident.opened_at for at in facts.retrained_at):
        return repeats.overtake(situation, RULE, incident, "a retraining has begun since it was due")
    return open_and_retrain(situation, facts, incident.kind, (over,), RULE)


def _wait_anew(situation: Situation, incident: Incident, why: tuple[Reason, ...]) -> Ruling:
    """No training has begun: what its order counted and used up is given back, and it is wanted again when nothing holds it."""
    facts = situation.facts
    facts = requirements.given_back(facts, incident.ordered) if incident.ordered else facts
    facts = facts.with_incident(replace(incident, state="open", ordered=None))
    title = f"{situation.workload.name}: the retraining because of {incident.kind.replace('_', ' ')} waits"
    told = situation.tell(situation.workload.owner, title, {reason.code: reason.text for reason in why})
    hold, facts = situation.wait(f"incident {incident.id}", guards.until(why, situation.now), facts)
    deadline = situation.wake("verify_deadline", incident.id, situation.now)
    planned = _plan(situation, situation.workload.retrain, incident) if situation.workload.retrain else ()
    return Ruling("hold", RULE, why, facts, (told,), planned, (hold,), (deadline.id,))


def _no_room(situation: Situation, refusal: Refusal) -> Reason:
    release = f"after a change of the policy: outerloop ask resume {situation.workload.name} --by YOU --why WHY"
    details = {"observed": refusal.observed, "limit": refusal.limit, "until": refusal.until, "release": release}
    if refusal.code == "fleet_limit":
        return because("fleet_limit", refusal.text, **details)
    return because("budget_reserved", refusal.text, **details)


def candidate_serves(situation: Situation, facts: Facts, version: str) -> tuple[Facts, tuple[Hold, ...]]:
    """The remedy's version took over: from now on its effect is being verified, until a deadline."""
    retraining = situation.workload.retrain
    holds: list[Hold] = []
    for incident in facts.incidents:
        if retraining and incident.state == "remedying" and incident.remedy_version == version:
            facts = facts.with_incident(replace(incident, state="verifying"))
            holds.append(situation.wake("verify_deadline", incident.id, situation.now + retraining.verify_within))
    return facts, tuple(holds)


def candidate_lost(situation: Situation, facts: Facts, version: Version) -> Facts:
    """The remedy's version will not serve (any more): the remedy failed, which counts towards giving up."""
    for incident in facts.incidents:
        if incident.state in ("remedying", "verifying") and incident.remedy_version == version.version:
            closed = replace(incident, state="closed", closed_as="failed", closed_at=situation.now)
            facts = replace(facts.with_incident(closed), fruitless=facts.fruitless + 1)
    return facts


def measure(situation: Situation, facts: Facts) -> tuple[Facts, tuple[AnyCommand, ...]]:
    """Order the comparison of champion and replaced version on later rows, for each incident that waits for one."""
    commands: list[AnyCommand] = []
    for incident in facts.incidents:
        if incident.state == "verifying" and not incident.verification:
            command = _comparison(situation, facts, incident)
            if command is not None:
                facts = facts.with_incident(replace(incident, verification=command.id))
                commands.append(command)
    return facts, tuple(commands)


def _comparison(situation: Situation, facts: Facts, incident: Incident) -> RunEvaluation | None:
    retraining = situation.workload.retrain
    new, old = facts.versions.get(incident.remedy_version), facts.versions.get(incident.version)
    if retraining is None or new is None or old is None:
        return None
    return situation.order(
        RunEvaluation,
        incident.id,
        f"did version {new.version} help? It is compared with version {old.version} on rows later than both saw",
        workspace=situation.workload.environments.development.workspace,
        component=retraining.verify.component,
        model_ref=new.readable(situation.workload.registry),
        champion_ref=old.readable(situation.workload.registry),
        data=retraining.verify.data,
        on="later",
    )


def on_measured(situation: Situation, signal: CommandFinished, incident: Incident) -> Ruling:
    """Close the incident by what was measured; without later rows, wait for the next window."""
    retraining = situation.workload.retrain
    if retraining is None or incident.state != "verifying":
        return ignore(situation, RULE, because("stale", "this incident is closed"))
    metric = retraining.verify.metric
    data = signal.outcome.data if isinstance(signal.outcome, Succeeded) else {}
    new, old = data.get(metric), data.get(f"{metric}_champion")
    if not isinstance(new, float | int) or not isinstance(old, float | int):
        facts = situation.facts.with_incident(replace(incident, verification=""))
        why = "there are no later labelled rows yet" if isinstance(signal.outcome, Succeeded) else signal.outcome.reason
        return Ruling("suppress", RULE, (because("not_measured", f"{why}; the next window asks again"),), facts)
    text = (
        f"on the same later rows version {incident.remedy_version} reaches {metric} {new:.4f} "
        f"and version {incident.version} {old:.4f}"
    )
    reason = because("measured", text, observed=round(new - old, 5), limit=retraining.verify.better_by_min)
    return _close(situation, situation.facts, incident, _effect(new - old, retraining.verify.better_by_min), reason)


def _effect(difference: float, better_by_min: float) -> str:
    if difference > better_by_min:
        return "helped"
    return "worse" if difference < -better_by_min else "no_effect"


def on_verify_deadline(situation: Situation, signal: HoldElapsed) -> Ruling:
    """Nobody could show that the remedy helped in the time that the policy gives, or the remedy never came to serve."""
    incident = next((known for known in situation.facts.incidents if known.id == signal.about), None)
    if incident is None or incident.state not in ("remedying", "verifying"):
        return ignore(situation, RULE, because("stale", "this incident is closed"))
    if incident.state == "remedying":
        reason = because("remedy_deadline", "no retrained version came to serve in the time that the policy gives")
        return _close(situation, situation.facts, incident, "failed", reason)
    reason = because("verify_deadline", "its effect could not be measured in time")
    return _close(situation, situation.facts, incident, "no_effect", reason)


def _close(situation: Situation, facts: Facts, incident: Incident, closed_as: str, reason: Reason) -> Ruling:
    closed = replace(incident, state="closed", closed_as=closed_as, closed_at=situation.now)
    facts = facts.with_incident(closed)
    facts = replace(facts, fruitless=0 if closed_as == "helped" else facts.fruitless + 1)
    title = (
        f"{situation.workload.name}: incident {incident.kind.replace('_', ' ')} closed as {closed_as.replace('_', ' ')}"
    )
    told = situation.tell(situation.workload.owner, title, {"why": reason.text, "repeats": str(incident.repeats)})
    deadline = situation.wake("verify_deadline", incident.id, situation.now)
    return Ruling("act", RULE, (reason,), facts, commands=(told,), released=(deadline.id,))
