"""Rules on telemetry: what each kind may say, and which of one workload are in each other's way."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.domain.policy import Policy
from shared.domain.policy_monitoring import WINDOW_RULES_MAX, Monitored
from shared.domain.policy_windows import RUN_MAX
from tests.unit.domain.builders import drift_rule, policy_with, raw_policy

RULES = TypeAdapter(Monitored)
PREDICTIONS = {"when": "prediction_drift", "above": 0.1}
QUALITY = {"when": "data_quality", "nulls_above": 0.05}
PERFORMANCE = {"when": "model_performance", "metric": "auc", "below": 0.66}
ERRORS = {"when": "model_performance", "metric": "rmse", "above": 12.0}
FAIR = {"when": "fairness", "sensitive": "age_group", "metric": "equal_opportunity_difference", "above": 0.1}
ABSENT = {"when": "telemetry_absent", "for": "2h"}


def rule(base, **changes):
    return RULES.validate_python({**base, **changes})


def faults(*rules, **workload):
    """What is wrong with a workload that has these rules, in words."""
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(raw_policy({"monitoring": list(rules), **workload}))
    return str(caught.value)


@pytest.mark.parametrize("base", [PREDICTIONS, QUALITY, PERFORMANCE, ERRORS, FAIR, ABSENT])
def test_a_rule_on_telemetry_only_tells_unless_it_says_more(base):
    assert rule(base).then == "notify"


@pytest.mark.parametrize("base", [drift_rule(), PREDICTIONS, QUALITY, PERFORMANCE, FAIR])
def test_what_is_open_closes_after_two_windows_unless_the_rule_says_otherwise(base):
    assert rule(base).recovers_after == 2
    assert rule(base, recovers_after=5).recovers_after == 5


@pytest.mark.parametrize("key", ["recovers_after", "no_data_limit", "error_limit"])
@pytest.mark.parametrize("wrong", [0, RUN_MAX + 1])
def test_runs_of_windows_are_no_longer_than_what_is_kept(key, wrong):
    assert f"monitoring.0.prediction_drift.{key}" in faults(PREDICTIONS | {key: wrong})


@pytest.mark.parametrize(
    ("metric", "above", "suspected"), [("psi", 0.2, 0.1), ("jensen_shannon", 0.2, 0.1), ("ks", 0.3, 0.15)]
)
def test_a_metric_has_its_own_usual_suspicion(metric, above, suspected):
    assert rule(PREDICTIONS, metric=metric, above=above).suspected == suspected
    drift = rule(drift_rule(suspected_above=None), metric=metric, above=above)
    assert drift.suspected == suspected
    assert rule(PREDICTIONS, metric=metric, above=above, suspected_above=0.07).suspected == 0.07


@pytest.mark.parametrize(
    ("base", "changes", "text"),
    [
        (PREDICTIONS, {"suspected_above": 0.2}, "must not exceed above"),
        (PREDICTIONS, {"above": None}, "valid number"),
        (PREDICTIONS, {"metric": "wasserstein"}, "'psi'"),
        (QUALITY, {"nulls_above": None}, "needs a limit"),
        (QUALITY, {"suspected_nulls_above": 0.06}, "must not exceed nulls_above"),
        (QUALITY, {"suspected_outside_above": 0.06}, "needs outside_above"),
        (QUALITY, {"features": []}, "at least 1"),
        (PERFORMANCE, {"below": None}, "write below:"),
        (PERFORMANCE, {"above": 0.9}, "more is better: write below:"),
        (PERFORMANCE, {"suspected_above": 0.9}, "more is better: write below:"),
        (PERFORMANCE, {"suspected_below": 0.6}, "must not be less than below"),
        (PERFORMANCE, {"metric": "happiness"}, "'auc'"),
        (ERRORS, {"below": 3.0}, "less is better: write above:"),
        (ERRORS, {"suspected_above": 13.0}, "must not exceed above"),
        (FAIR, {"sensitive": ""}, "at least 1 character"),
        (FAIR, {"metric": "demographic_parity_ratio"}, "more is better: write below:"),
        (ABSENT, {"for": "soon"}, "duration"),
        (ABSENT, {"then": "retrain"}, "'notify'"),
        (PREDICTIONS, {"for": "3 of 2"}, "can never be met"),
    ],
)
def test_a_rule_that_could_not_work_is_a_fault(base, changes, text):
    assert text in faults({**base, **changes})


def test_the_limit_of_a_measure_is_on_its_bad_side():
    assert rule(PERFORMANCE).beyond(0.65, rule(PERFORMANCE).limit)
    assert not rule(PERFORMANCE).beyond(0.66, rule(PERFORMANCE).limit)
    assert rule(ERRORS).beyond(12.1, rule(ERRORS).limit)
    assert not rule(ERRORS).beyond(12.0, rule(ERRORS).limit)
    ratio = rule(FAIR | {"metric": "demographic_parity_ratio", "above": None, "below": 0.8})
    assert (ratio.sense, ratio.limit, ratio.suspected) == ("below", 0.8, 0.8)


def test_labels_are_waited_for_a_month_unless_the_rule_says_otherwise():
    assert rule(PERFORMANCE).labels_within == timedelta(days=30)
    assert rule(FAIR, labels_within="7d").labels_within == timedelta(days=7)


@pytest.mark.parametrize(
    ("features", "but", "counted"),
    [
        (["*"], [], ["weather_wind", "carrier"]),
        (["weather_*"], [], ["weather_wind"]),
        (["*"], ["weather_*"], ["carrier"]),
        (["weather_*", "carrier"], ["*wind"], ["carrier"]),
    ],
)
def test_a_rule_may_choose_its_features(features, but, counted):
    chosen = rule(QUALITY, features=features, **{"except": but})
    assert [name for name in ("weather_wind", "carrier") if chosen.counts(name)] == counted


def test_rules_of_one_kind_may_watch_windows_of_one_length_by_names_of_their_own():
    assert "give each its own, or a name:" in faults(QUALITY, QUALITY)
    named = policy_with(monitoring=[QUALITY, QUALITY | {"name": "weather", "features": ["weather_*"]}])
    assert [known.key for known in named.workloads[0].row_rules] == ["data_quality 1d", "weather 1d"]


def test_a_workload_has_one_sensitive_column_and_minds_one_silence():
    other = FAIR | {"metric": "accuracy_difference", "name": "accuracy", "sensitive": "sex"}
    assert "share one sensitive column" in faults(FAIR, other)
    assert "one of them is enough" in faults(ABSENT, ABSENT | {"for": "1d"})


def test_there_are_only_so_many_rules_on_windows():
    many = [PREDICTIONS | {"name": f"rule-{number}"} for number in range(WINDOW_RULES_MAX + 1)]
    assert f"{WINDOW_RULES_MAX} are the most" in faults(*many)
    assert len(policy_with(monitoring=many[1:]).workloads[0].row_rules) == WINDOW_RULES_MAX


@pytest.mark.parametrize("base", [PREDICTIONS, QUALITY, PERFORMANCE, FAIR])
def test_an_answer_has_to_fit_the_task(base):
    assert "is not retrained automatically" in faults(base | {"then": "retrain"}, task="vision")
    assert "nothing to annotate" in faults(base | {"then": "annotate"})
    assert "needs a retrain: section" in faults(base | {"then": "retrain"}, retrain=None)


def test_a_workload_knows_its_rules_by_what_they_look_at():
    workload = policy_with(
        monitoring=[drift_rule(), PREDICTIONS, QUALITY, PERFORMANCE, FAIR, ABSENT, {"when": "infrastructure_alert"}]
    ).workloads[0]
    assert [known.when for known in workload.row_rules] == ["data_drift", "prediction_drift", "data_quality"]
    assert [known.when for known in workload.labelled_rules] == ["model_performance", "fairness"]
    assert [known.sensitive for known in workload.fairness_rules] == ["age_group"]
    assert workload.absence_rule.silent_for == timedelta(hours=2)
    assert policy_with().workloads[0].absence_rule is None
