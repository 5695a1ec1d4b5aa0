import pytest

from shared.domain.distances import distance, distances, drifted
from shared.domain.policy_drift import DataDrift
from shared.domain.telemetry_signals import PREDICTION, FeatureScore
from tests.unit.domain.builders import drift_rule, window

SCORE = FeatureScore(feature="carrier", score=0.1, jensen_shannon=0.2, ks=0.3, cramers_v=0.4)


@pytest.mark.parametrize(("metric", "far"), [("psi", 0.1), ("jensen_shannon", 0.2), ("ks", 0.3), ("chi_squared", 0.4)])
def test_each_metric_is_read_from_its_own_measure(metric, far):
    assert distance(SCORE, metric) == far


@pytest.mark.parametrize("metric", ["jensen_shannon", "ks", "chi_squared"])
def test_where_a_metric_does_not_apply_there_is_no_distance(metric):
    assert distance(FeatureScore(feature="carrier", score=0.1), metric) is None


def test_the_prediction_and_what_is_not_chosen_have_none():
    scores = tuple(FeatureScore(feature=name, score=0.5) for name in ("carrier", "origin", PREDICTION))
    rule = DataDrift.model_validate(drift_rule(features=["*"], **{"except": ["origin"]}))
    assert distances(rule, window(3, scores=scores)) == {"carrier": 0.5}
    assert drifted(rule, window(3, scores=scores)) == ("carrier",)
    assert drifted(rule, window(3, scores=scores, rows=1)) == ()
