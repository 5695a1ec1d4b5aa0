"""How far the features of a window lie from their reference, by the metric that a rule names; which of them lie too far.

Owns reading the measures of a window as a drift rule sees them. Judges nothing (``rules.drift``).
"""

from collections.abc import Iterator

from shared.domain.policy_drift import DataDrift, DriftMetric
from shared.domain.telemetry_signals import PREDICTION, FeatureScore, WindowClosed


def distance(score: FeatureScore, metric: DriftMetric) -> float | None:
    """How far a feature lies from its reference; of ``chi_squared`` the effect size. None where the metric does not apply."""
    match metric:
        case "psi":
            return score.score
        case "jensen_shannon":
            return score.jensen_shannon
        case "ks":
            return score.ks
        case "chi_squared":
            return score.cramers_v


def distances(rule: DataDrift, signal: WindowClosed) -> dict[str, float]:
    """The distance of every feature that counts for a rule."""
    return dict(_distances(rule, signal))


def _distances(rule: DataDrift, signal: WindowClosed) -> Iterator[tuple[str, float]]:
    for score in signal.scores:
        far = distance(score, rule.metric)
        if score.feature != PREDICTION and far is not None and rule.counts(score.feature):
            yield score.feature, far


def drifted(rule: DataDrift, signal: WindowClosed) -> tuple[str, ...]:
    """The features beyond the rule's limit in a window that has enough rows, the farthest first."""
    if signal.fault or signal.input_rows < rule.min_rows:
        return ()
    known = distances(rule, signal)
    return tuple(sorted((name for name, far in known.items() if far > rule.above), key=lambda name: -known[name]))
