import math

import pytest

from shared.domain.policy_promotion import EndpointCheck
from shared.domain.rules.checks import judge_endpoint, judge_metrics

CHECK = EndpointCheck(kind="endpoint", payload="p.json", latency_p95_ms_max=250, error_rate_max=0.01)
JOB = {"auc_min": 0.7, "auc_vs_champion_min": -0.005, "bias_max": 0.1}


@pytest.mark.parametrize(
    ("latency", "errors", "passed"),
    [(250, 0.01, True), (250.1, 0.0, False), (10, 0.011, False), (0, 0, True), (math.inf, 0, False)],
)
def test_an_endpoint_passes_up_to_its_limits(latency, errors, passed):
    assert judge_endpoint({"latency_p95_ms": latency, "error_rate": errors}, CHECK).passed is passed


@pytest.mark.parametrize("missing", ["latency_p95_ms", "error_rate"])
def test_what_was_not_measured_fails(missing):
    metrics = {"latency_p95_ms": 10.0, "error_rate": 0.0}
    del metrics[missing]
    judged = judge_endpoint(metrics, CHECK)
    assert (judged.passed, f"{missing} was not measured" in judged.detail) == (False, True)


def test_a_number_that_is_none_fails():
    assert not judge_metrics({"auc": math.nan}, {"auc_min": 0.7}, has_champion=True).passed


@pytest.mark.parametrize(
    ("metrics", "passed"),
    [
        ({"auc": 0.7, "auc_vs_champion": -0.005, "bias": 0.1}, True),
        ({"auc": 0.69, "auc_vs_champion": 0.1, "bias": 0.0}, False),
        ({"auc": 0.8, "auc_vs_champion": -0.006, "bias": 0.0}, False),
        ({"auc": 0.8, "auc_vs_champion": 0.1, "bias": 0.11}, False),
    ],
)
def test_min_and_max_hold_at_the_limit_itself(metrics, passed):
    assert judge_metrics(metrics, JOB, has_champion=True).passed is passed


def test_without_a_champion_nothing_is_compared_with_it():
    judged = judge_metrics({"auc": 0.8, "bias": 0.0}, JOB, has_champion=False)
    assert judged.passed
    assert "champion" not in judged.detail


def test_with_a_champion_a_missing_comparison_fails():
    assert not judge_metrics({"auc": 0.8, "bias": 0.0}, JOB, has_champion=True).passed


def test_a_limit_that_is_neither_min_nor_max_fails_and_says_how_to_write_it():
    judged = judge_metrics({"auc": 0.8}, {"auc": 0.7}, has_champion=True)
    assert (judged.passed, judged.detail) == (False, "auc is no limit: end it with _min or _max")


def test_the_detail_has_every_number_and_its_limit():
    assert judge_metrics({"auc": 0.71239}, {"auc_min": 0.7}, has_champion=True).detail == "auc 0.7124 (at least 0.7)"
