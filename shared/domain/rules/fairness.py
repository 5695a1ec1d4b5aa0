"""Whether a model treats groups of people more differently than the policy allows.

Owns the verdict of ``fairness``. Knows no formula (``telemetry``), and nothing of the windows before.
"""

from shared.domain.policy_performance import SAME_AS, Fairness
from shared.domain.rules.verdicts import Found, found, listing
from shared.domain.telemetry_signals import PerformanceMeasured, WindowVerdict

RULE = "fairness"


def judge_groups(rule: Fairness, signal: PerformanceMeasured) -> Found:
    """The verdict by the gap between groups that are large enough to say something."""
    large = [group for group in signal.groups if group.rows >= rule.min_rows_per_group]
    gap = signal.disparities.get(SAME_AS.get(rule.metric, rule.metric), signal.disparities.get(rule.metric))
    if signal.sensitive != rule.sensitive or gap is None or len(large) < 2:
        known = f"{len(large)} groups by {rule.sensitive} have {rule.min_rows_per_group} rows, two are needed"
        why = known if len(large) < 2 else f"{rule.metric} was not measured by {rule.sensitive}"
        return found(rule, signal, "no_data", 0.0, rule.limit, why)
    verdict: WindowVerdict = "pass"
    if rule.beyond(gap, rule.limit):
        verdict = "detected"
    elif rule.beyond(gap, rule.suspected):
        verdict = "suspected"
    names = listing([f"{group.group or '(none)'} {group.rows} rows" for group in large])
    text = f"{rule.metric} by {rule.sensitive} is {gap:.3f} where {rule.limit:g} is the limit; {names}"
    return found(rule, signal, verdict, gap, rule.limit, text)
