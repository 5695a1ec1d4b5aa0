"""What would be done in production after a yes, in words: part of the evidence that an approval is bound to.

Owns these words. A change of the plan makes them others, and the question is put again. Decides nothing.
"""

from shared.domain.durations import format_duration
from shared.domain.policy import Workload
from shared.domain.policy_batch import ComparisonRun


def plan_for(workload: Workload, champion: str) -> str:
    """The steps of an online workload, or the comparison of a batch one. ``champion`` is empty for a first version."""
    rollout, comparison = workload.promotion.rollout, workload.promotion.comparison
    if workload.scores_in_batches and comparison:
        return _batch(comparison, workload.environments.production.endpoint, champion)
    steps, bake = " → ".join(str(step) for step in rollout.steps), format_duration(rollout.bake)
    shadow = f"a copy of {rollout.mirror} % first, then " if rollout.mirror else ""
    return f"{shadow}{steps} %, {bake} at each step" if champion else "probe, then 100 % (there is no champion)"


def _batch(rules: ComparisonRun, endpoint: str, champion: str) -> str:
    limits = {**rules.metrics}
    if rules.duration_vs_champion_max is not None:
        limits["duration_vs_champion_max"] = rules.duration_vs_champion_max
    wanted = ", ".join(f"{name} {limit:g}" for name, limit in limits.items() if champion or "_vs_champion" not in name)
    beside = f"beside version {champion}" if champion else "alone (there is no champion)"
    return (
        f"scores {rules.scores} {beside}; {rules.component} has to find {wanted}; then it is the default of {endpoint}"
    )
