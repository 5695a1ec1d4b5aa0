import pytest

from shared.domain.policy_drift import DataQuality
from shared.domain.rules.quality import faults, judge_values
from shared.domain.telemetry_signals import PREDICTION, FeatureScore
from tests.unit.domain.builders import window

BASE = {"when": "data_quality", "nulls_above": 0.05, "type_errors_above": 0.01, "outside_above": 0.1}


def rule(**changes):
    return DataQuality.model_validate({**BASE, **changes})


def valued(*features, **fields):
    scores = (FeatureScore(feature=f"f{n}", score=0.0, **shares) for n, shares in enumerate(features))
    return window(3, scores=tuple(scores), **fields)


SOUND = {"nulls": 0.05, "type_errors": 0.01, "outside": 0.1}


@pytest.mark.parametrize("fault", ["nulls", "type_errors", "outside"])
def test_one_feature_above_any_limit_is_enough(fault):
    assert judge_values(rule(), valued(SOUND, SOUND)).verdict == "pass"
    assert judge_values(rule(), valued(SOUND, SOUND | {fault: SOUND[fault] + 0.001})).verdict == "detected"


def test_a_feature_that_is_always_missing_is_the_worst_of_all():
    gone = FeatureScore(feature="gone", score=0.0, nulls=1.0)
    found = judge_values(rule(), window(3, scores=(), unscored=(gone,)))
    assert (found.verdict, found.value) == ("detected", 1.0)


def test_a_fault_without_a_limit_is_not_looked_at():
    only_nulls = rule(type_errors_above=None, outside_above=None)
    assert judge_values(only_nulls, valued({"type_errors": 1.0, "outside": 1.0})).verdict == "pass"


@pytest.mark.parametrize(("bad", "verdict"), [(1, "pass"), (2, "detected")])
def test_a_share_of_features_may_be_asked_for(bad, verdict):
    features = [{"nulls": 0.5}] * bad + [SOUND] * (4 - bad)
    found = judge_values(rule(share_of_features=0.5), valued(*features))
    assert (found.verdict, found.value) == (verdict, bad / 4)


def test_below_its_limit_a_fault_may_be_suspected():
    careful = rule(suspected_nulls_above=0.02)
    assert judge_values(careful, valued({"nulls": 0.03})).verdict == "suspected"
    assert judge_values(careful, valued({"nulls": 0.02})).verdict == "pass"


def test_too_few_rows_and_no_features_say_nothing():
    assert judge_values(rule(min_rows=10_001), valued({"nulls": 1.0})).verdict == "no_data"
    assert judge_values(rule(features=["weather_*"]), valued({"nulls": 1.0})).verdict == "no_data"


def test_the_prediction_is_no_feature():
    answers = FeatureScore(feature=PREDICTION, score=0.0, nulls=1.0)
    assert judge_values(rule(), window(3, scores=(answers,))).verdict == "no_data"


def test_the_reason_names_the_worst_features_with_their_faults():
    found = judge_values(rule(), valued({"nulls": 0.2}, {"type_errors": 0.5, "outside": 0.11}, SOUND))
    assert "2 of 3 features beyond a limit (f1 50.0% type errors and 11.0% outside, f0 20.0% nulls)" in found.text


def test_a_feature_may_have_several_faults():
    assert faults(FeatureScore(feature="f", score=0.0, nulls=0.2, outside=0.3), {"nulls": 0.1, "outside": 0.3}) == {
        "nulls": 0.2
    }
