import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from shared.domain.observations import TrafficSample
from shared.domain.policy_promotion import Analysis
from shared.domain.rules.analysis import judge_step, wilson_lower
from shared.domain.values import replace
from tests.unit.domain.builders import BROKEN, HEALTHY, SCARCE, codes, steady

LIMITS = Analysis(latency_p95_vs_champion_max=2.0, latency_p95_ms_max=1000, error_rate_max=0.02, min_requests=20)


def verdict(candidate, champion=HEALTHY, limits=LIMITS):
    return judge_step(candidate, champion, limits).verdict


def slow(p95, lower, upper=None, requests=900):
    return TrafficSample(
        requests=requests, latency_p95_ms=p95, latency_p95_ms_lower=lower, latency_p95_ms_upper=upper or p95 + 5
    )


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@steady
def test_the_lower_bound_is_that_of_scipy(counts):
    failed, requests = counts
    theirs = binomtest(failed, requests).proportion_ci(confidence_level=0.95, method="wilson").low
    assert wilson_lower(failed, requests) == pytest.approx(theirs, abs=1e-12)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@steady
def test_the_lower_bound_never_exceeds_the_rate(counts):
    failed, requests = counts
    assert 0.0 <= wilson_lower(failed, requests) <= failed / requests + 1e-12


def test_without_requests_nothing_is_sure():
    assert wilson_lower(0, 0) == 0.0


def test_a_healthy_candidate_passes():
    judged = judge_step(HEALTHY, HEALTHY, LIMITS)
    assert (judged.verdict, codes(judged)) == ("pass", ["error_rate", "latency_p95_vs_champion", "sample"])


def test_no_request_is_no_data_and_not_a_pass():
    assert verdict(TrafficSample()) == "no_data"


def test_errors_beyond_doubt_fail():
    judged = judge_step(BROKEN, HEALTHY, LIMITS)
    assert (judged.verdict, codes(judged)) == ("fail", ["error_rate"])


@pytest.mark.parametrize(
    ("failed", "expected"), [(0, "pass"), (2, "pass"), (3, "inconclusive"), (4, "inconclusive"), (5, "fail")]
)
def test_a_rate_fails_only_when_its_lower_bound_exceeds_the_limit(failed, expected):
    assert wilson_lower(4, 100) < LIMITS.error_rate_max < wilson_lower(5, 100)
    assert verdict(replace(HEALTHY, requests=100, failed=failed)) == expected


def test_one_failure_of_few_requests_condemns_nobody():
    assert verdict(replace(HEALTHY, requests=3, failed=1)) != "pass"
    assert verdict(replace(HEALTHY, requests=30, failed=1)) == "inconclusive"


def test_a_single_request_that_failed_fails_only_by_its_bound():
    sure = wilson_lower(1, 1)
    limits = LIMITS.model_copy(update={"error_rate_max": math.nextafter(sure, 1)})
    assert verdict(replace(HEALTHY, requests=1, failed=1), limits=limits) == "inconclusive"


@pytest.mark.parametrize(("requests", "expected"), [(19, "inconclusive"), (20, "pass")])
def test_a_step_passes_only_with_enough_requests(requests, expected):
    assert verdict(replace(HEALTHY, requests=requests, failed=0)) == expected


@pytest.mark.parametrize(
    ("p95", "lower", "expected"),
    [
        (80, 60, "pass"),
        (80.1, 60, "inconclusive"),
        (100, 85, "inconclusive"),
        (100, 86, "inconclusive"),
        (100, 86.1, "fail"),
    ],
)
def test_latency_fails_only_when_the_bounds_do_not_touch(p95, lower, expected):
    assert verdict(slow(p95, lower)) == expected, "the champion's p95 is 40 ms, at most 43, and the limit is 2 times"


@pytest.mark.parametrize(
    ("p95", "lower", "expected"), [(1000, 900, "pass"), (1001, 1000, "inconclusive"), (1100, 1000.1, "fail")]
)
@pytest.mark.parametrize("champion", [None, TrafficSample()], ids=["no champion", "an idle champion"])
def test_without_a_champion_to_compare_with_latency_has_its_absolute_limit(p95, lower, expected, champion):
    judged = judge_step(slow(p95, lower), champion, LIMITS)
    assert judged.verdict == expected
    assert "latency_p95_vs_champion" not in codes(judged)


def test_a_champion_that_answers_in_no_time_divides_by_nothing():
    champion = TrafficSample(requests=10)
    assert verdict(HEALTHY, champion) == "fail"


def test_a_failure_outweighs_too_small_a_sample():
    few_and_broken = replace(BROKEN, requests=10, failed=9)
    judged = judge_step(few_and_broken, HEALTHY, LIMITS)
    assert (judged.verdict, codes(judged)) == ("fail", ["error_rate"])


def test_everything_that_is_inconclusive_is_listed():
    judged = judge_step(
        replace(SCARCE, failed=1, latency_p95_ms=90.0), HEALTHY, LIMITS.model_copy(update={"error_rate_max": 0.1})
    )
    assert (judged.verdict, codes(judged)) == ("inconclusive", ["error_rate", "latency_p95_vs_champion", "sample"])


def test_every_reason_has_what_was_seen_and_its_limit():
    (reason,) = judge_step(BROKEN, HEALTHY, LIMITS).reasons
    assert (reason.observed, reason.limit) == (0.3, 0.02)
    assert reason.text == "120 of 400 requests failed (30.0%, limit 2.0%)"
