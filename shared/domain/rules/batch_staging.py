"""The staging check of a batch workload: the candidate scores a small input on the staging endpoint, and a job looks at what it wrote.

Owns the check's orders and its judgement. That it has to end well is all that is asked where the policy names no component.
"""

from collections.abc import Mapping

from shared.domain.commands import CompareScores, ScoreBatch
from shared.domain.durations import format_duration
from shared.domain.facts import CheckResult, Version
from shared.domain.outcomes import Succeeded
from shared.domain.policy_batch import BatchRunCheck
from shared.domain.references import deployment_name
from shared.domain.rules.batch_verdict import ROWS
from shared.domain.rules.checks import Judged, judge_metrics
from shared.domain.signals import CommandFinished
from shared.domain.situation import Situation
from shared.domain.values import replace

SECONDS = "seconds"


def order(situation: Situation, version: Version, rule: BatchRunCheck, ordinal: int) -> ScoreBatch:
    """The run of the candidate's staging deployment."""
    staging = situation.workload.environments.staging
    return situation.order(
        ScoreBatch,
        staging.endpoint,
        "a staging check",
        ordinal,
        workspace=staging.workspace,
        endpoint=staging.endpoint,
        endpoint_kind="batch",
        deployment=deployment_name(version.version),
        data=rule.scores,
        deadline=rule.deadline,
    )


def on_scored(
    situation: Situation, signal: CommandFinished, known: CheckResult, rule: BatchRunCheck
) -> tuple[CheckResult, CompareScores | None]:
    """What is known when the run has ended well, and the job that looks at what it wrote, if the policy names one."""
    assert isinstance(signal.outcome, Succeeded)  # noqa: S101  # its caller looked
    run = signal.outcome.data
    seconds, scored = float(run.get("seconds", 0.0)), str(run.get("data", ""))
    quick = _duration(seconds, rule)
    detail = f"scored {scored} in {seconds:.0f} s{quick.detail}"
    ended = replace(known, detail=detail, metrics={SECONDS: seconds})
    if not rule.component or not quick.passed:
        return replace(ended, passed=quick.passed), None
    look = situation.order(
        CompareScores,
        rule.component,
        "a staging check looks at what the run wrote",
        workspace=situation.workload.environments.staging.workspace,
        component=rule.component,
        candidate=str(run.get("output", "")),
        champion="",
        data=scored,
    )
    return replace(ended, command_id=look.id), look


def on_looked(metrics: Mapping[str, float], known: CheckResult, rule: BatchRunCheck) -> CheckResult:
    """The judgement, by what the job measured. A run that wrote nothing has shown nothing."""
    judged = judge_metrics(metrics, rule.metrics, has_champion=False)
    wanted = {ROWS, *(limit.rpartition("_")[0] for limit in rule.metrics)}
    found = {name: value for name, value in metrics.items() if name in wanted}
    empty = metrics.get(ROWS) == 0
    said = (known.detail, "it wrote no predictions" if empty else "", judged.detail)
    detail = "; ".join(part for part in said if part)
    return replace(known, passed=judged.passed and not empty, detail=detail, metrics={**known.metrics, **found})


def _duration(seconds: float, rule: BatchRunCheck) -> Judged:
    if rule.duration_max is None:
        return Judged(passed=True, detail="")
    if seconds <= 0:  # the run's record has no start or no end, and silence is no pass
        return Judged(
            passed=False, detail=f": its duration was not told (at most {format_duration(rule.duration_max)})"
        )
    return Judged(seconds <= rule.duration_max.total_seconds(), f" (at most {format_duration(rule.duration_max)})")
