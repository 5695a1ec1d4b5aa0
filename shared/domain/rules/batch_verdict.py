"""Is a new version as good as the one it replaces, by what both wrote about the same input?

Owns the verdicts of a comparison run. Only what the candidate itself did wrong is its failure: a run of the champion that failed,
a comparison that measured nothing, a deadline and a missing input say nothing about it. Decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.domain.commands import OVERDUE
from shared.domain.comparison_facts import Comparison
from shared.domain.decisions import Reason
from shared.domain.outcomes import Failed, Final, Skipped, Succeeded
from shared.domain.policy_batch import AGAINST_CHAMPION, ComparisonRun
from shared.domain.rules.checks import judge_metrics
from shared.domain.situation import because

ComparisonVerdict = Literal["pass", "fail", "inconclusive", "no_data"]
ROWS, CHAMPION_ROWS = (
    "rows",
    "rows_champion",
)  # the two that a component need not log, and that mean something when it does


@dataclass(frozen=True, slots=True)
class Compared:
    """A verdict and what led to it."""

    verdict: ComparisonVerdict
    reasons: tuple[Reason, ...]


def judge_run(outcome: Failed | Skipped, who: str, *, champions: bool) -> tuple[ComparisonVerdict, Reason]:
    """A run that did not end well: whose fault it is."""
    data = outcome.data if isinstance(outcome, Failed) else {}
    if data.get("missing") == "input":
        return "no_data", because("no_input", f"there is nothing to score: {outcome.reason}")
    if champions:
        return "inconclusive", because(
            "champion_run_failed",
            f"{who} could not score the input, which says nothing about the candidate: {outcome.reason}",
        )
    if data.get("status") == "Failed":
        return "fail", because("run_failed", f"{who} could not score the input: {outcome.reason}")
    return "inconclusive", because("run_without_end", f"the run of {who} came to no end of its own: {outcome.reason}")


def is_overdue(outcome: Final) -> bool:
    """Whether the run was cancelled, since it was not over by its deadline."""
    return isinstance(outcome, Failed) and outcome.data.get("status") == OVERDUE


def judge_comparison(outcome: Final, compared: Comparison, rules: ComparisonRun) -> Compared:
    """What the comparison measured, and how long the two runs took, against the limits of the policy."""
    if not isinstance(outcome, Succeeded):
        text = f"the comparison itself failed, which says nothing about either version: {outcome.reason}"
        return Compared("inconclusive", (because("comparison_failed", text),))
    metrics = {name: value for name, value in outcome.data.items() if isinstance(value, float | int)}
    empty = _nothing_scored(metrics, compared)
    if empty:
        return empty
    missing = sorted(name for name in _wanted(rules, compared) if name not in metrics)
    if missing:
        text = f"{rules.component} measured no {', '.join(missing)}, of which the policy has a limit"
        return Compared("inconclusive", (because("not_measured", text),))
    untold = _untold(compared, rules)
    if untold:
        return Compared("inconclusive", (because("not_measured", untold),))
    judged = judge_metrics(metrics, rules.metrics, has_champion=bool(compared.champion))
    text = judged.detail or "there is no champion to compare with"
    measured, slow = because("comparison", text), _duration(compared, rules)
    reasons = (measured, slow[1]) if slow else (measured,)
    good = judged.passed and (slow is None or slow[0])
    return Compared("pass" if good else "fail", reasons)


def _wanted(rules: ComparisonRun, compared: Comparison) -> set[str]:
    limits = (name for name in rules.metrics if compared.champion or AGAINST_CHAMPION not in name)
    return {name.rpartition("_")[0] for name in limits}


def _nothing_scored(metrics: Mapping[str, float], compared: Comparison) -> Compared | None:
    if compared.champion and metrics.get(CHAMPION_ROWS) == 0:
        text = "the champion wrote no predictions, so that there is nothing to compare with"
        return Compared("inconclusive", (because("champion_rows", text, observed=0),))
    if metrics.get(ROWS) == 0 and not (compared.champion and metrics.get(CHAMPION_ROWS)):
        return Compared("no_data", (because("no_input", "the input holds nothing that was scored", observed=0),))
    return None


def _untold(compared: Comparison, rules: ComparisonRun) -> str:
    """Whose run's record has no start or no end, where the policy compares durations; silence is no pass."""
    runs = {"champion": compared.champion_run, "candidate": compared.candidate_run}
    if rules.duration_vs_champion_max is None or not all(runs.values()):
        return ""
    untold = [who for who, run in runs.items() if run and run.seconds <= 0]
    return (
        f"nobody tells how long the run of the {' and of the '.join(untold)} took, of which the policy has a limit"
        if untold
        else ""
    )


def _duration(compared: Comparison, rules: ComparisonRun) -> tuple[bool, Reason] | None:
    """Whether the candidate was quick enough, where both were measured and the policy asks."""
    limit, old, new = rules.duration_vs_champion_max, compared.champion_run, compared.candidate_run
    if limit is None or old is None or new is None:
        return None
    ratio = new.seconds / old.seconds
    text = (
        f"its run took {new.seconds:.0f} s, and the champion's {old.seconds:.0f} s ({ratio:.2f} times, limit {limit:g})"
    )
    return ratio <= limit, because("duration_vs_champion", text, observed=round(ratio, 3), limit=limit)
