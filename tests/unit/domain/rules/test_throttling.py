"""The verdict on an endpoint that refuses requests, window by window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.policy_throttling import EndpointThrottled
from shared.domain.rules.monitoring import judge_rows
from shared.domain.rules.throttling import judge_requests
from shared.domain.telemetry_signals import TrafficMeasured
from tests.unit.domain.builders import window


def rule(**changes):
    return EndpointThrottled.model_validate({"when": "endpoint_throttled", "above": 0.05, **changes})


def served(requests, throttled, **traffic):
    return window(3, traffic=TrafficMeasured(requests=requests, throttled=throttled, **traffic))


@pytest.mark.parametrize(("throttled", "verdict"), [(0, "pass"), (50, "pass"), (51, "detected"), (1000, "detected")])
def test_more_refused_than_the_rule_allows_is_trouble(throttled, verdict):
    found = judge_requests(rule(), served(1000, throttled))
    assert (found.verdict, found.value, found.limit, found.rows) == (verdict, throttled / 1000, 0.05, 1000)


def test_few_requests_say_nothing_and_neither_does_a_window_without_a_log():
    few = judge_requests(rule(min_requests=100), served(99, 99))
    assert (few.verdict, few.text.rpartition("; ")[2]) == ("no_data", "99 requests were logged, 100 are needed")
    assert judge_requests(rule(), window(3, traffic=None)).verdict == "no_data"
    assert judge_requests(rule(min_requests=99), served(99, 99)).verdict == "detected"


def test_below_its_limit_it_may_be_suspected():
    careful = rule(suspected_above=0.02)
    assert judge_requests(careful, served(1000, 20)).verdict == "pass"
    assert judge_requests(careful, served(1000, 21)).verdict == "suspected"


def test_people_read_how_many_were_refused_and_how_long_others_were_held_up():
    found = judge_requests(rule(), served(400, 100, delayed=30, delay_ms_mean=612.4))
    assert found.text.endswith("100 of 400 requests were refused (429), 30 held up for 612 ms on average")
    assert judge_requests(rule(), served(400, 0)).text.endswith("0 of 400 requests were refused (429)")


def test_other_errors_are_no_throttling():
    failing = served(1000, 0, client_errors=200, model_errors=300, server_errors=400)
    assert judge_requests(rule(), failing).verdict == "pass"


def test_a_window_whose_rows_cannot_be_judged_has_counted_its_requests():
    broken = window(3, fault="no reference profile", traffic=TrafficMeasured(requests=1000, throttled=400))
    assert judge_rows(rule(), broken).verdict == "detected"


@given(requests=st.integers(100, 10_000), share=st.floats(0, 1), more=st.integers(1, 500))
def test_more_refusals_never_make_it_better(requests, share, more):
    order = ["pass", "suspected", "detected"]
    throttled = int(requests * share)
    careful = rule(suspected_above=0.01)
    less, worse = (judge_requests(careful, served(requests, n)) for n in (throttled, min(requests, throttled + more)))
    assert order.index(less.verdict) <= order.index(worse.verdict)
