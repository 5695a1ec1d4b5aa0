"""Whether a window's values are sound: not missing, of the right type, within what the training data knew.

Owns the verdict of ``data_quality``. Knows nothing of distributions (``drift``), nor of the windows before.
"""

from collections.abc import Mapping

from shared.domain.policy_drift import DataQuality
from shared.domain.rules.verdicts import Found, found, listing
from shared.domain.telemetry_signals import PREDICTION, FeatureScore, WindowClosed, WindowVerdict

RULE = "data_quality"
WORDS = {"nulls": "nulls", "type_errors": "type errors", "outside": "outside"}


def judge_values(rule: DataQuality, signal: WindowClosed) -> Found:
    """The verdict on one window: features with more of a fault than the policy allows, any of them or a share of them."""
    every = (
        *signal.scores,
        *signal.unscored,
    )  # a feature that is always missing has no distance, and is the worst of all
    scores = [score for score in every if score.feature != PREDICTION and rule.counts(score.feature)]
    limit = rule.share_of_features or 0.0
    if signal.input_rows < rule.min_rows or not scores:
        text = f"{signal.input_rows} rows, {rule.min_rows} are needed; {len(scores)} features"
        return found(rule, signal, "no_data", 0.0, limit, text)
    bad = [score for score in scores if faults(score, rule.limits)]
    doubtful = sum(bool(faults(score, rule.suspected_limits)) for score in scores)
    verdict: WindowVerdict = "pass"
    if _enough(len(bad), len(scores), rule):
        verdict = "detected"
    elif _enough(doubtful, len(scores), rule):
        verdict = "suspected"
    worst = sorted(bad, key=lambda score: -max(faults(score, rule.limits).values()))
    text = f"{signal.input_rows} rows, {len(bad)} of {len(scores)} features beyond a limit ({_named(worst, rule) or 'none'})"
    return found(rule, signal, verdict, len(bad) / len(scores), limit, text)


def faults(score: FeatureScore, limits: Mapping[str, float]) -> dict[str, float]:
    """The shares of a feature's values that are above their limit, by the name of the fault."""
    shares = {"nulls": score.nulls, "type_errors": score.type_errors, "outside": score.outside}
    return {name: shares[name] for name, limit in limits.items() if shares[name] > limit}


def _enough(features: int, of: int, rule: DataQuality) -> bool:
    if rule.share_of_features is None:
        return features > 0
    return features / of >= rule.share_of_features


def _named(worst: list[FeatureScore], rule: DataQuality) -> str:
    return listing(
        [
            f"{score.feature} " + " and ".join(f"{share:.1%} {WORDS[name]}" for name, share in found_in.items())
            for score in worst
            for found_in in (faults(score, rule.limits),)
        ]
    )
