"""Training a candidate anew in the staging workspace, on production's data, before it is shared and tested.

Owns that order and what comes of it: the version that was trained takes the candidate's place under the same number, or the
candidate is rejected, or goes on as it was registered. What follows either way is ``promotion``'s.
"""

from shared.domain import guards
from shared.domain.commands import Retrain
from shared.domain.decisions import Reason
from shared.domain.facts import Facts, Version
from shared.domain.limits import COUNT_MAX
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.policy_retraining import StagingTraining
from shared.domain.references import retrained_in_staging
from shared.domain.rules.candidate import reject, sharing
from shared.domain.rules.checks import judge_metrics
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

RULE = "promotion"
TEXT_MAX = 200  # characters of what came of it: it stays with every version that is kept


def order(situation: Situation, version: Version) -> Retrain | None:
    """The training that a candidate goes through in staging; None when the policy asks for none."""
    training = situation.workload.promotion.staging.retrain
    if training is None:
        return None
    came_of = f"{version.model}:{version.version}"
    return situation.order(
        Retrain,
        came_of,
        f"version {version.version} is trained anew on production data before it is tested",
        workspace=situation.workload.environments.staging.workspace,
        component=training.component,
        data=training.data,
        experiment=training.experiment,
        inputs=training.inputs,
        model=retrained_in_staging(version.model),
        version=version.version,
        came_of=came_of,
        compute=training.compute,
    )


def counted(situation: Situation, facts: Facts) -> Facts:
    """The facts when such a training is ordered: it counts towards the limits of retraining."""
    return replace(facts, retrained_in_staging_at=(*facts.retrained_in_staging_at, situation.now)[-COUNT_MAX:])


def awaited(facts: Facts, command: str) -> bool:
    """Whether a training is one that a candidate goes through, rather than the remedy of an incident."""
    mends = any(incident.remedy == command for incident in facts.incidents)
    return not mends and any(command in version.awaiting for version in facts.versions.values())


def on_trained(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    """Go on with what was trained, or as the policy says when nothing good came of it; wait when a limit had no room."""
    training, outcome = situation.workload.promotion.staging.retrain, signal.outcome
    if training is None:
        text = "the policy no longer retrains in staging: the candidate goes on as it was registered"
        return _go_on(situation, signal, replace(version, retraining=text), because("policy_changed", text))
    if isinstance(outcome, Skipped) and outcome.refusals:
        return _wait_for_room(situation, signal, outcome, version)
    short = _what_is_short(situation, signal, training, version)
    if short and training.otherwise == "reject":
        return reject(situation, version, "staging_failed", short)
    if short:
        rest = "; it goes on as it was registered"
        text = f"{short.text[: TEXT_MAX - len(rest)]}{rest}"
        return _go_on(situation, signal, replace(version, retraining=text), short)
    text = _in_words(signal, training, version)
    trained = replace(version, retrained_as=retrained_in_staging(version.model), retraining=text[:TEXT_MAX])
    return _go_on(situation, signal, trained, because("retrained_in_staging", text))


def _what_is_short(
    situation: Situation, signal: CommandFinished, training: StagingTraining, version: Version
) -> Reason | None:
    """Why what came of it cannot take the candidate's place; None when it can."""
    outcome = signal.outcome
    if not isinstance(outcome, Succeeded):
        return because("staging_training_failed", f"it could not be retrained in staging: {outcome.reason}")
    wanted = f"{retrained_in_staging(version.model)}:{version.version}"
    if str(outcome.data.get("model_version", "")) != version.version:
        text = f"the training in staging ended well and registered no {wanted}"
        return because("staging_training_failed", text, observed=str(outcome.data.get("model_version", "")))
    metrics = {name: value for name, value in outcome.data.items() if isinstance(value, float | int)}
    judged = judge_metrics(metrics, training.metrics, has_champion=bool(situation.facts.champion))
    return None if judged.passed else because("staging_training_short", f"retrained in staging: {judged.detail}")


def _in_words(signal: CommandFinished, training: StagingTraining, version: Version) -> str:
    data = signal.outcome.data if isinstance(signal.outcome, Succeeded) else {}
    measured = {name.rpartition("_")[0]: None for name in training.metrics}
    numbers = ", ".join(f"{name} {float(data[name]):.4g}" for name in measured if name in data)
    told = f" ({numbers})" if numbers else ""
    return f"{version.model}:{version.version} was trained anew on {training.data} as {retrained_in_staging(version.model)}:{version.version}{told}"


def _go_on(situation: Situation, signal: CommandFinished, version: Version, reason: Reason) -> Ruling:
    orders = sharing(situation, version)
    others = tuple(known for known in version.awaiting if known != signal.command_id)
    waiting = replace(version, awaiting=(*others, *(one.id for one in orders)))
    return Ruling("act", RULE, (reason,), situation.facts.with_version(waiting), commands=orders)


def _wait_for_room(situation: Situation, signal: CommandFinished, outcome: Skipped, version: Version) -> Ruling:
    """A limit across workloads had no room: nothing was trained, and it is ordered anew when there may be."""
    if situation.original is None:
        why = tuple(
            because(one.code, one.text, observed=one.observed, limit=one.limit, until=one.until)
            for one in outcome.refusals
        )
        facts = replace(situation.facts, retrained_in_staging_at=situation.facts.retrained_in_staging_at[:-1])
        return _hold(situation, version, facts, why)
    closed = (*guards.closed_meanwhile(situation), *guards.over_limit(situation))
    command = order(situation, version)
    if closed or command is None:
        return _hold(situation, version, situation.facts, closed)
    others = tuple(known for known in version.awaiting if known != signal.command_id)
    waiting = replace(version, awaiting=(*others, command.id))
    reason = because("limit_waited", f"it has waited for a limit: {outcome.reason}")
    facts = counted(situation, situation.facts.with_version(waiting))
    return Ruling("act", RULE, (reason,), facts, commands=(command,))


def _hold(situation: Situation, version: Version, facts: Facts, why: tuple[Reason, ...]) -> Ruling:
    """The facts still wait for the training that ended, so that its end can be heard again."""
    command = order(situation, version)
    hold, held = situation.wait(f"version {version.version}", guards.until(why, situation.now), facts)
    return Ruling("hold", RULE, why, held, planned=(command,) if command else (), holds=(hold,))
