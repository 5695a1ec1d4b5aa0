import pytest

from shared.domain.distances import drifted
from shared.domain.policy_drift import DataDrift, PredictionDrift
from shared.domain.rules.drift import judge_inputs, judge_predictions
from shared.domain.telemetry_signals import PREDICTION, FeatureScore
from shared.domain.values import replace
from tests.unit.domain.builders import drift_rule, window

RULE = DataDrift.model_validate(drift_rule())
PREDICTIONS = PredictionDrift.model_validate({"when": "prediction_drift", "above": 0.1, "suspected_above": 0.05})


def rule(**changes):
    return DataDrift.model_validate(drift_rule(**changes))


def scored(*scores, **fields):
    named = tuple(FeatureScore(feature=f"f{n}", score=score) for n, score in enumerate(scores))
    return window(3, scores=named, **fields)


def measured(metric, **by_feature):
    """A window whose features have a distance by one metric, or none of it."""
    scores = (FeatureScore(feature=name, score=9.0, **{metric: far}) for name, far in by_feature.items())
    return window(3, scores=tuple(scores))


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        ((0.0,) * 10, "pass"),
        ((0.2,) * 10, "suspected"),
        ((0.1,) * 10, "pass"),
        ((0.21,) + (0.0,) * 9, "pass"),
        ((0.21, 0.21) + (0.0,) * 8, "detected"),
        ((0.21, 0.11) + (0.0,) * 8, "suspected"),
        ((0.21,) * 3 + (0.0,) * 17, "detected"),
    ],
)
def test_a_window_is_judged_by_the_share_of_features_beyond_the_limit(scores, verdict):
    assert judge_inputs(RULE, scored(*scores)).verdict == verdict


@pytest.mark.parametrize(("rows", "verdict"), [(4_999, "no_data"), (5_000, "detected")])
def test_too_few_rows_say_nothing(rows, verdict):
    assert judge_inputs(RULE, scored(0.9, rows=rows)).verdict == verdict


def test_a_window_without_scores_says_nothing():
    assert judge_inputs(RULE, scored()).verdict == "no_data"


def test_the_prediction_is_no_feature():
    predicted = FeatureScore(feature=PREDICTION, score=9.0)
    assert judge_inputs(RULE, window(3, scores=(predicted,))).verdict == "no_data"
    one_of_six = tuple(FeatureScore(feature=f"f{n}", score=0.5 if n < 1 else 0.0) for n in range(6))
    assert judge_inputs(RULE, window(3, scores=(*one_of_six, predicted))).value == pytest.approx(1 / 6, abs=1e-4)


@pytest.mark.parametrize(
    ("metric", "field"), [("jensen_shannon", "jensen_shannon"), ("ks", "ks"), ("chi_squared", "cramers_v")]
)
def test_a_rule_looks_at_its_own_metric_and_features_without_it_do_not_count(metric, field):
    chosen = rule(metric=metric, above=0.3, suspected_above=None, share_of_features=0.5)
    one_of_two = judge_inputs(chosen, measured(field, carrier=0.31, origin=0.1, distance=None))
    assert (one_of_two.verdict, one_of_two.value) == ("detected", 0.5)
    assert judge_inputs(chosen, measured(field, carrier=None, origin=None)).verdict == "no_data"
    assert judge_inputs(chosen, measured(field, carrier=0.16, origin=0.2)).verdict == "suspected"
    assert judge_inputs(chosen, measured(field, carrier=0.15, origin=0.0)).verdict == "pass"


def test_only_the_chosen_features_count():
    chosen = rule(features=["weather_*"], share_of_features=1.0, **{"except": ["weather_id"]})
    scores = {"weather_wind": 0.5, "weather_id": 0.0, "carrier": 0.0}
    heard = window(3, scores=tuple(FeatureScore(feature=name, score=far) for name, far in scores.items()))
    assert (judge_inputs(chosen, heard).verdict, judge_inputs(chosen, heard).value) == ("detected", 1.0)
    assert drifted(chosen, heard) == ("weather_wind",)


def test_the_features_that_drifted_are_named_the_farthest_first():
    heard = scored(0.1, 0.3, 0.9)
    assert drifted(RULE, heard) == ("f2", "f1")
    assert "2 of 3 features above psi 0.2 (f2 0.90, f1 0.30)" in judge_inputs(RULE, heard).text


@pytest.mark.parametrize("unsound", [{"rows": 4_999}, {"fault": "the profile is gone"}])
def test_of_a_window_that_says_nothing_no_feature_drifted(unsound):
    assert drifted(RULE, scored(0.9, **unsound)) == ()


@pytest.mark.parametrize(
    ("far", "verdict"), [(0.11, "detected"), (0.1, "suspected"), (0.06, "suspected"), (0.05, "pass"), (None, "no_data")]
)
def test_predictions_are_judged_by_their_own_distance(far, verdict):
    heard = measured("jensen_shannon", distance=0.9, **{PREDICTION: far})
    assert judge_predictions(PREDICTIONS, heard).verdict == verdict


def test_too_few_predictions_and_none_at_all_say_nothing():
    few = PREDICTIONS.model_copy(update={"min_rows": 20_000})
    assert judge_predictions(few, measured("jensen_shannon", **{PREDICTION: 0.9})).verdict == "no_data"
    assert "no predictions" in judge_predictions(PREDICTIONS, scored(0.9)).text


def test_each_sample_has_to_be_large_enough_by_itself():
    both = scored(0.9, rows=20_000)
    predicted = (*both.scores, FeatureScore(feature=PREDICTION, score=9.0, jensen_shannon=0.9))
    few_inputs = replace(both, scores=predicted, inputs=20, predictions=20_000)
    few_predictions = replace(few_inputs, inputs=20_000, predictions=20)
    assert [judge_inputs(RULE, each).verdict for each in (few_inputs, few_predictions)] == ["no_data", "detected"]
    predictions = [judge_predictions(PREDICTIONS, each).verdict for each in (few_inputs, few_predictions)]
    assert predictions == ["detected", "no_data"]
