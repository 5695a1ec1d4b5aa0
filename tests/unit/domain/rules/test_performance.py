import pytest

from shared.domain.policy_performance import ModelPerformance
from shared.domain.rules.performance import better_bound, judge_performance
from tests.unit.domain.builders import performed

AUC = {"when": "model_performance", "metric": "auc", "below": 0.66, "suspected_below": 0.68}
RMSE = {"when": "model_performance", "metric": "rmse", "above": 12.0}


def rule(base=AUC, **changes):
    return ModelPerformance.model_validate({**base, **changes})


@pytest.mark.parametrize(
    ("auc", "verdict"),
    [(0.60, "detected"), (0.639, "detected"), (0.64, "suspected"), (0.679, "suspected"), (0.68, "pass")],
)
def test_only_a_bound_beyond_the_limit_convicts(auc, verdict):
    """The better bound lies 0.02 above the value."""
    assert judge_performance(rule(), performed(3, auc)).verdict == verdict


@pytest.mark.parametrize(("auc", "verdict"), [(0.659, "detected"), (0.66, "suspected"), (0.70, "pass")])
def test_without_a_bound_the_value_itself_is_judged(auc, verdict):
    assert judge_performance(rule(), performed(3, auc, lower={}, upper={})).verdict == verdict


@pytest.mark.parametrize(("error", "verdict"), [(14.1, "detected"), (13.0, "suspected"), (12.0, "pass")])
def test_of_errors_less_is_better_and_the_lower_bound_is_the_better_one(error, verdict):
    heard = performed(3, metrics={"rmse": error}, lower={"rmse": error - 2}, upper={"rmse": error + 2})
    assert judge_performance(rule(RMSE), heard).verdict == verdict


def test_too_few_pairs_say_nothing():
    assert judge_performance(rule(min_pairs=2_001), performed(3, 0.1)).verdict == "no_data"
    assert judge_performance(rule(min_pairs=2_000), performed(3, 0.1)).verdict == "detected"


def test_a_measure_that_does_not_exist_says_nothing():
    found = judge_performance(rule(metric="f1"), performed(3))
    assert found.verdict == "no_data"
    assert "f1 is undefined" in found.text


def test_the_reason_has_the_value_its_bound_and_how_many_labels_there_were():
    text = judge_performance(rule(), performed(3, 0.61)).text
    assert "auc 0.6100, at best 0.6300 where 0.66 is the limit; 2000 predictions met their label, of 10000" in text


def test_the_better_bound_is_the_value_where_there_is_none():
    assert better_bound(rule(), performed(3, 0.7, upper={}), 0.7) == 0.7
