"""Buckets of requests make up the windows of the rules."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.telemetry.accumulate import accumulate
from shared.telemetry.encoding import encode_partial
from shared.telemetry.fold import encode_window, fold
from shared.telemetry.partials import Delta
from shared.telemetry.served import measured, widened
from tests.unit.telemetry.telemetry_builders import BLUE, GREEN, NOON, inputs, served, steady, traffic

DAY = NOON.replace(hour=0)


def buckets(*requests, length="1m"):
    return accumulate([traffic(*requests)], {}, {}, length).partials


def test_buckets_add_up_to_the_window_that_they_begin_in():
    found = buckets(served(), served(at=NOON + timedelta(hours=3)), served(at=NOON + timedelta(days=1)))
    today, tomorrow = widened(found, {BLUE.key: ["1d"]})
    assert (today.start, today.length, today.requests) == (DAY, "1d", 2)
    assert (tomorrow.start, tomorrow.requests) == (DAY + timedelta(days=1), 1)


def test_each_length_has_its_own_windows():
    wide = widened(buckets(served()), {BLUE.key: ["1d", "1mo"]})
    assert [(window.length, window.start) for window in wide] == [("1d", DAY), ("1mo", DAY.replace(day=1))]


def test_a_deployment_that_no_rule_watches_has_none():
    assert widened(buckets(served(deployment=GREEN)), {BLUE.key: ["1d"]}) == []


def test_rows_are_none_of_its_business():
    assert widened(accumulate([inputs({})], {}, {}, "1m").partials, {BLUE.key: ["1d"]}) == []


def test_a_bucket_as_long_as_the_window_is_the_window():
    assert widened(buckets(served(), length="1h"), {BLUE.key: ["1h"]}) == []


def test_a_length_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="window length"):
        widened(buckets(served()), {BLUE.key: ["soon"]})


def test_a_window_tells_how_long_requests_took():
    requests = [served(10.0)] * 90 + [served(1000.0, failed=True)] * 10
    (window,) = widened(buckets(*requests), {BLUE.key: ["1d"]})
    found = measured(window)
    assert found.requests == 100
    assert found.latency_p50_ms == pytest.approx(10, rel=0.05)
    assert found.latency_p90_ms <= found.latency_p95_ms <= found.latency_p99_ms
    assert found.latency_p99_ms == pytest.approx(1000, rel=0.05)


def test_a_window_tells_how_requests_ended():
    (window,) = widened(buckets(served()), {BLUE.key: ["1d"]})
    found = measured(replace(window, ended=(1, 2, 3, 4, 5, 15_000)))
    assert (found.client_errors, found.throttled, found.model_errors, found.server_errors) == (1, 2, 3, 4)
    assert (found.delayed, found.delay_ms_mean) == (5, 3.0)
    assert measured(window).delay_ms_mean == 0.0


@settings(steady, max_examples=40)
@given(st.lists(st.integers(0, 3 * 86_400), min_size=1, max_size=20), st.integers(0, 20))
def test_how_requests_are_batched_never_matters(seconds, cut):
    requests = [served(at=DAY + timedelta(seconds=second)) for second in seconds]

    def wide(*some):
        return Delta(partials=tuple(widened(buckets(*some), {BLUE.key: ["1d"]}))) if some else Delta()

    whole = fold({}, "0", 0, wide(*requests))
    parts = fold(fold({}, "0", -1, wide(*requests[:cut])), "0", 0, wide(*requests[cut:]))
    assert {key: encode_partial(state.partial) for key, state in whole.items()} == {
        key: encode_partial(state.partial) for key, state in parts.items()
    }
    assert encode_window(fold(whole, "0", 0, wide(*requests))[min(whole)]) == encode_window(whole[min(whole)])
