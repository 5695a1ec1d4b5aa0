"""What a candidate has to show in staging: each check of the policy ordered, judged, and kept as evidence.

Owns the checks of one candidate from their order to the question to a person, or its rejection. How a number compares with a
limit is ``checks``'s; what is known about images is ``images``'s.
"""

from shared.domain.commands import CheckEndpoint, RunEvaluation, ScoreBatch
from shared.domain.facts import CheckResult, Version
from shared.domain.outcomes import Succeeded
from shared.domain.policy_batch import BatchRunCheck
from shared.domain.policy_promotion import Check, EndpointCheck, ImageCheck, JobCheck
from shared.domain.references import deployment_name
from shared.domain.rules import approval, batch_staging
from shared.domain.rules.candidate import reject
from shared.domain.rules.checks import Judged, judge_endpoint, judge_images, judge_metrics
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

RULE = "promotion"
CheckOrder = CheckEndpoint | RunEvaluation | ScoreBatch
TEXT_MAX = 1000  # characters of any one text that becomes part of the facts, which have a limit


def check(situation: Situation, version: Version) -> Ruling:
    """Order every check of a candidate that answers in staging; what needs no order is judged at once."""
    rules = situation.workload.promotion.staging.checks
    orders = [_order(situation, version, rule, ordinal) for ordinal, rule in enumerate(rules)]
    results = tuple(_begun(situation, rule, order) for rule, order in zip(rules, orders, strict=True))
    commands = tuple(order for order in orders if order)
    if not commands:
        return _judged(situation, replace(version, checks=results))
    testing = replace(version, checks=results, awaiting=tuple(command.id for command in commands))
    reason = because("staging_deployed", "the candidate answers in staging")
    return Ruling("act", RULE, (reason,), situation.facts.with_version(testing), commands=commands)


def on_check(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    """Judge the check that ended; with the last of them, ask a person or reject the candidate."""
    known, rule = _ended(situation, signal, version)
    if (
        isinstance(rule, BatchRunCheck)
        and isinstance(signal.outcome, Succeeded)
        and signal.command_kind == "ScoreBatch"
    ):
        result, further = batch_staging.on_scored(situation, signal, known, rule)
    else:
        result, further = _judge(situation, signal, known, rule), None
    checks = tuple(result if known.command_id == signal.command_id else known for known in version.checks)
    version = replace(version, checks=checks)
    if further:
        reason = because("scored", f"check {result.name}: {result.detail}; {further.component} looks at what it wrote")
        facts = situation.facts.with_version(replace(version, awaiting=(*version.awaiting, further.id)))
        return Ruling("act", RULE, (reason,), facts, commands=(further,))
    if any(check.passed is None for check in checks):
        reason = because("waiting", f"check {result.name}: {result.detail}; others are still running")
        return Ruling("suppress", RULE, (reason,), situation.facts.with_version(version))
    return _judged(situation, version)


def _judged(situation: Situation, version: Version) -> Ruling:
    failed = [result for result in version.checks if not result.passed]
    if failed:
        reasons = [because("check_failed", f"check {result.name}: {result.detail}") for result in failed]
        return reject(situation, version, "checks_failed", *reasons)
    return approval.ask(situation, version.after("checks_passed", situation.now))


def _begun(situation: Situation, rule: Check, order: CheckOrder | None) -> CheckResult:
    if isinstance(rule, ImageCheck):
        judged = judge_images(situation.workload.images, situation.facts.images, rule, situation.now)
        return _with(CheckResult(name=rule.name, command_id=""), judged)
    return CheckResult(name=rule.name, command_id=order.id if order else "")


def _with(result: CheckResult, judged: Judged) -> CheckResult:
    return replace(result, passed=judged.passed, detail=judged.detail[:TEXT_MAX])


def _order(situation: Situation, version: Version, rule: Check, ordinal: int) -> CheckOrder | None:
    match rule:
        case ImageCheck():
            return None
        case JobCheck():
            return _evaluation(situation, version, rule, ordinal)
        case EndpointCheck():
            return _probe(situation, version, rule, ordinal)
        case BatchRunCheck():
            return batch_staging.order(situation, version, rule, ordinal)


def _evaluation(situation: Situation, version: Version, rule: JobCheck, ordinal: int) -> RunEvaluation:
    champion = situation.facts.versions.get(situation.facts.champion)
    return situation.order(
        RunEvaluation,
        rule.component,
        "a staging check",
        ordinal,
        workspace=situation.workload.environments.development.workspace,
        component=rule.component,
        model_ref=version.readable(situation.workload.registry),
        champion_ref=champion.readable(situation.workload.registry) if champion else "",
        data=rule.data,
        on="holdout",
    )


def _probe(situation: Situation, version: Version, rule: EndpointCheck, ordinal: int) -> CheckEndpoint:
    staging = situation.workload.environments.staging
    return situation.order(
        CheckEndpoint,
        staging.endpoint,
        "a staging check",
        ordinal,
        workspace=staging.workspace,
        endpoint=staging.endpoint,
        deployment=deployment_name(version.version),
        requests=rule.requests,
        payload=rule.payload,
    )


def _ended(situation: Situation, signal: CommandFinished, version: Version) -> tuple[CheckResult, Check | None]:
    """What is known of the check that a command was ordered for, and what the policy says of it by now."""
    position = next(n for n, known in enumerate(version.checks) if known.command_id == signal.command_id)
    rules = situation.workload.promotion.staging.checks
    return version.checks[position], rules[position] if position < len(rules) else None


def _judge(situation: Situation, signal: CommandFinished, known: CheckResult, rule: Check | None) -> CheckResult:
    if not isinstance(signal.outcome, Succeeded):
        return replace(known, passed=False, detail=signal.outcome.reason[:TEXT_MAX])
    metrics = {name: value for name, value in signal.outcome.data.items() if isinstance(value, float | int)}
    match rule:
        case BatchRunCheck() if signal.command_kind == "CompareScores":
            looked = batch_staging.on_looked(metrics, known, rule)
            return replace(looked, detail=looked.detail[:TEXT_MAX])
        case JobCheck() if signal.command_kind == "RunEvaluation":
            judged = judge_metrics(metrics, rule.metrics, has_champion=bool(situation.facts.champion))
            # A job may log thousands; the facts have a limit, and nobody asks for the others.
            named = {limit.rpartition("_")[0] for limit in rule.metrics}
            metrics = {name: value for name, value in metrics.items() if name in named}
        case EndpointCheck() if signal.command_kind == "CheckEndpoint":
            judged = judge_endpoint(metrics, rule)
        case _:
            changed = "the policy has changed and no longer says what is enough"
            return replace(known, passed=False, detail=changed)
    return replace(_with(known, judged), metrics=metrics)
