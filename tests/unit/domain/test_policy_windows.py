"""What every rule on telemetry says, whatever it measures."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.domain.policy_monitoring import WINDOW_RULES_MAX
from shared.domain.policy_telemetry import TelemetrySettings
from shared.domain.policy_texts import WindowLength
from shared.domain.policy_windows import RUN_MAX
from tests.unit.domain.builders import drift_rule, policy_with
from tests.unit.domain.telemetry_rules import ABSENT, ERRORS, FAIR, PERFORMANCE, PREDICTIONS, QUALITY, faults, rule


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


@pytest.mark.parametrize("length", ["120mo", "531w", "3720d", "89280h"])
def test_a_window_of_ten_years_is_the_longest(length):
    assert TypeAdapter(WindowLength).validate_python(length) == length


@pytest.mark.parametrize("length", ["121mo", "25000mo", "999999w", "3721d", "999999h"])
def test_a_longer_window_is_refused_with_what_is_allowed(length):
    with pytest.raises(ValidationError, match="at most 120mo"):
        TypeAdapter(WindowLength).validate_python(length)


def test_a_bucket_of_traffic_is_a_day_at_most():
    assert TelemetrySettings(traffic_bucket="1d").traffic_bucket == timedelta(days=1)
    with pytest.raises(ValidationError, match="at most 1d"):
        TelemetrySettings(traffic_bucket="25h")
