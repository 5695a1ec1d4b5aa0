"""Whether predictions were good enough once their labels came: by the confidence bound, so that a small sample convicts nobody.

Owns the verdict of ``model_performance``. Knows no formula (``telemetry``), and nothing of the windows before.
"""

from shared.domain.policy_performance import ModelPerformance
from shared.domain.rules.verdicts import Found, found
from shared.domain.telemetry_signals import PerformanceMeasured, WindowVerdict

RULE = "model_performance"


def judge_performance(rule: ModelPerformance, signal: PerformanceMeasured) -> Found:
    """Detected when even the better bound is beyond the limit, suspected when only the value itself is."""
    value = signal.metrics.get(rule.metric)
    labelled = f"{signal.pairs} predictions met their label, of {signal.predictions}"
    if value is None or signal.pairs < rule.min_pairs:
        why = (
            f"{rule.min_pairs} are needed" if signal.pairs < rule.min_pairs else f"{rule.metric} is undefined for them"
        )
        return found(rule, signal, "no_data", value or 0.0, rule.limit, f"{labelled}; {why}")
    bound = better_bound(rule, signal, value)
    verdict: WindowVerdict = "pass"
    if rule.beyond(bound, rule.limit):
        verdict = "detected"
    elif rule.beyond(value, rule.suspected):
        verdict = "suspected"
    at_best = f", at best {bound:.4f}" if bound != value else ""
    text = f"{rule.metric} {value:.4f}{at_best} where {rule.limit:g} is the limit; {labelled}"
    return found(rule, signal, verdict, value, rule.limit, text)


def better_bound(rule: ModelPerformance, signal: PerformanceMeasured, value: float) -> float:
    """The side of the confidence interval that favours the model; the value itself where there is no interval."""
    bounds = signal.upper if rule.sense == "below" else signal.lower
    return bounds.get(rule.metric, value)
