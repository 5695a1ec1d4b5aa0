import math

import pytest

from shared.domain.observations import TrafficSample
from shared.domain.policy_promotion import Analysis
from shared.domain.rules.analysis import judge_step, unread
from shared.domain.sequences import lower_bound, upper_bound
from shared.domain.values import replace
from tests.unit.domain.builders import BROKEN, HEALTHY, SCARCE, codes

CHANCE = 0.05 / 12
LIMITS = Analysis(
    latency_p95_vs_champion_max=2.0,
    latency_p95_ms_max=1000,
    error_rate_max=0.02,
    error_rate_vs_champion_max=None,
    min_requests=20,
)
COMPARED = LIMITS.model_copy(update={"error_rate_max": 0.5, "error_rate_vs_champion_max": 0.02})


def verdict(candidate, champion=HEALTHY, limits=LIMITS):
    return judge_step(candidate, champion, limits, CHANCE).verdict


def slow(p95, lower, upper=None, requests=900):
    return TrafficSample(
        requests=requests, latency_p95_ms=p95, latency_p95_ms_lower=lower, latency_p95_ms_upper=upper or p95 + 5
    )


def test_a_healthy_candidate_passes():
    judged = judge_step(HEALTHY, HEALTHY, LIMITS, CHANCE)
    assert (judged.verdict, codes(judged)) == ("pass", ["error_rate", "latency_p95_vs_champion", "sample"])


def by_minutes(p95, of=900, requests=900, failed=0):
    """As Azure Monitor's metrics tell it."""
    return TrafficSample(
        requests=requests, failed=failed, latency_p95_ms=p95, latency_bounded=False, latency_requests=of
    )


@pytest.mark.parametrize(("p95", "expected"), [(79, "pass"), (81, "inconclusive"), (60_000, "inconclusive")])
def test_a_percentile_without_bounds_can_pass_and_can_never_fail(p95, expected):
    assert verdict(by_minutes(p95), by_minutes(40)) == expected
    assert verdict(by_minutes(p95 * 12), None) == ("pass" if p95 * 12 <= 1000 else "inconclusive")


def test_why_it_cannot_fail_is_said():
    (reason,) = judge_step(by_minutes(500), by_minutes(40), LIMITS, CHANCE).reasons
    assert (reason.code, reason.observed) == ("latency_p95_vs_champion", 12.5)
    assert "cannot fail by them" in reason.text


def test_errors_without_bounds_of_latency_fail_as_ever():
    judged = judge_step(by_minutes(40, requests=400, failed=120), by_minutes(40), LIMITS, CHANCE)
    assert (judged.verdict, codes(judged)) == ("fail", ["error_rate"])


@pytest.mark.parametrize(
    ("candidate", "champion", "who"),
    [
        (by_minutes(1, of=19), by_minutes(40), "candidate"),
        (by_minutes(40), by_minutes(1, of=0), "champion"),
        (by_minutes(1, of=0), None, "candidate"),
    ],
)
def test_latency_that_is_told_of_too_few_requests_is_no_pass(candidate, champion, who):
    judged = judge_step(candidate, champion, LIMITS, CHANCE)
    assert (judged.verdict, codes(judged)) == ("inconclusive", ["latency_sample"])
    assert f"of the {who}" in judged.reasons[0].text


def test_a_champion_that_served_nothing_is_not_missed():
    assert verdict(by_minutes(40), by_minutes(0, of=0, requests=0)) == "pass"


def test_no_request_is_no_data_and_not_a_pass():
    assert verdict(TrafficSample()) == "no_data"


def test_errors_beyond_doubt_fail():
    judged = judge_step(BROKEN, HEALTHY, LIMITS, CHANCE)
    assert (judged.verdict, codes(judged)) == ("fail", ["error_rate"])


@pytest.mark.parametrize(
    ("failed", "expected"), [(0, "pass"), (2, "pass"), (3, "inconclusive"), (9, "inconclusive"), (10, "fail")]
)
def test_a_rate_fails_only_when_its_lower_bound_exceeds_the_limit(failed, expected):
    assert lower_bound(9, 100, CHANCE) < LIMITS.error_rate_max < lower_bound(10, 100, CHANCE)
    assert verdict(replace(HEALTHY, requests=100, failed=failed)) == expected


def test_one_failure_of_few_requests_condemns_nobody():
    assert verdict(replace(HEALTHY, requests=3, failed=1)) != "pass"
    assert verdict(replace(HEALTHY, requests=30, failed=1)) == "inconclusive"


def test_a_rate_at_its_bound_does_not_fail():
    sure = lower_bound(9, 100, CHANCE)
    for limit, expected in ((math.nextafter(sure, 1), "inconclusive"), (sure, "inconclusive"), (sure * 0.99, "fail")):
        limits = LIMITS.model_copy(update={"error_rate_max": limit})
        assert verdict(replace(HEALTHY, requests=100, failed=9), limits=limits) == expected


@pytest.mark.parametrize(
    ("failed", "others", "expected"),
    [(20, 0, "pass"), (60, 40, "pass"), (60, 39, "inconclusive"), (200, 180, "pass"), (300, 100, "fail")],
)
def test_errors_are_compared_with_those_of_the_champion_over_the_same_minutes(failed, others, expected):
    candidate, champion = (replace(HEALTHY, requests=1000, failed=count) for count in (failed, others))
    surely = lower_bound(failed, 1000, CHANCE) - upper_bound(others, 1000, CHANCE)
    assert (surely > 0.02) is (expected == "fail")
    assert verdict(candidate, champion, COMPARED) == expected


def test_a_failure_against_the_champion_says_both_rates():
    candidate, champion = (replace(HEALTHY, requests=1000, failed=count) for count in (300, 100))
    (reason,) = judge_step(candidate, champion, COMPARED, CHANCE).reasons
    assert (reason.code, reason.observed, reason.limit) == ("error_rate_vs_champion", 0.2, 0.02)
    assert "30.0% of its requests failed against the champion's 10.0%" in reason.text


@pytest.mark.parametrize("champion", [None, TrafficSample()], ids=["no champion", "an idle champion"])
def test_errors_are_compared_with_nobody_where_there_is_no_champion(champion):
    judged = judge_step(HEALTHY, champion, COMPARED, CHANCE)
    assert "error_rate_vs_champion" not in codes(judged)


def test_nothing_is_said_of_the_candidate_when_nobody_could_read_what_it_served():
    judged = unread("UnreadableState: damaged")
    assert (judged.verdict, codes(judged)) == ("provider_error", ["provider_error"])
    assert "UnreadableState: damaged" in judged.reasons[0].text


@pytest.mark.parametrize(
    ("champion", "words"),
    [(None, "served no request"), (HEALTHY, "the champion 2000"), (TrafficSample(), "its telemetry does not arrive")],
)
def test_no_data_says_whether_the_champion_has_any(champion, words):
    assert words in judge_step(TrafficSample(), champion, LIMITS, CHANCE).reasons[0].text


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
    judged = judge_step(slow(p95, lower), champion, LIMITS, CHANCE)
    assert judged.verdict == expected
    assert "latency_p95_vs_champion" not in codes(judged)


def test_a_champion_that_answers_in_no_time_divides_by_nothing():
    champion = TrafficSample(requests=10)
    assert verdict(HEALTHY, champion) == "fail"


def test_a_failure_outweighs_too_small_a_sample():
    few_and_broken = replace(BROKEN, requests=10, failed=9)
    judged = judge_step(few_and_broken, HEALTHY, LIMITS, CHANCE)
    assert (judged.verdict, codes(judged)) == ("fail", ["error_rate"])


def test_everything_that_is_inconclusive_is_listed():
    judged = judge_step(
        replace(SCARCE, failed=1, latency_p95_ms=90.0),
        HEALTHY,
        LIMITS.model_copy(update={"error_rate_max": 0.1}),
        CHANCE,
    )
    assert (judged.verdict, codes(judged)) == ("inconclusive", ["error_rate", "latency_p95_vs_champion", "sample"])


def test_every_reason_has_what_was_seen_and_its_limit():
    (reason,) = judge_step(BROKEN, HEALTHY, LIMITS, CHANCE).reasons
    assert (reason.observed, reason.limit) == (0.3, 0.02)
    assert reason.text == "120 of 400 requests failed (30.0%, limit 2.0%)"
