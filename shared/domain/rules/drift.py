"""Whether a window's inputs, or its predictions, lie too far from the reference: by effect size, never by a p-value.

Owns the verdicts of ``data_drift`` and ``prediction_drift``. A feature that the metric does not apply to counts for nothing.
Knows nothing of the windows before.
"""

from shared.domain.distances import distance, distances
from shared.domain.policy_drift import DataDrift, PredictionDrift
from shared.domain.rules.verdicts import Found, found, listing
from shared.domain.telemetry_signals import PREDICTION, WindowClosed, WindowVerdict

RULE = "prediction_drift"


def judge_inputs(rule: DataDrift, signal: WindowClosed) -> Found:
    """The verdict on one window's inputs, by the share of features whose distance is above the limit."""
    known = distances(rule, signal)
    above = sorted((name for name, far in known.items() if far > rule.above), key=lambda name: -known[name])
    names = listing([f"{name} {known[name]:.2f}" for name in above]) or "none"
    text = (
        f"{signal.input_rows} rows, {len(above)} of {len(known)} features above {rule.metric} {rule.above:g} ({names})"
    )
    if signal.input_rows < rule.min_rows or not known:
        return found(rule, signal, "no_data", 0.0, rule.share_of_features, text)
    share = len(above) / len(known)
    suspected = sum(far > rule.suspected for far in known.values()) / len(known)
    verdict: WindowVerdict = "pass"
    if share >= rule.share_of_features:
        verdict = "detected"
    elif suspected >= rule.share_of_features:
        verdict = "suspected"
    return found(rule, signal, verdict, share, rule.share_of_features, text)


def judge_predictions(rule: PredictionDrift, signal: WindowClosed) -> Found:
    """The verdict on one window's predictions, by their own distance."""
    score = next((known for known in signal.scores if known.feature == PREDICTION), None)
    far = distance(score, rule.metric) if score else None
    if far is None or signal.prediction_rows < rule.min_rows:
        text = f"{signal.prediction_rows} rows of predictions" if score else "no predictions"
        return found(rule, signal, "no_data", 0.0, rule.above, f"{text}, {rule.min_rows} are needed for {rule.metric}")
    verdict: WindowVerdict = "detected" if far > rule.above else "suspected" if far > rule.suspected else "pass"
    text = f"{signal.prediction_rows} predictions, {rule.metric} {far:.3f} where up to {rule.above:g} is allowed"
    return found(rule, signal, verdict, far, rule.above, text)
