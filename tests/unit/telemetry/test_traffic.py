import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.observations import RequestServed, TrafficSample
from shared.telemetry.latency import (
    BINS,
    LATENCY_MS_MAX,
    count_latencies,
    quantile_bounds_ms,
    quantile_ms,
)
from shared.telemetry.partials import ENDS
from shared.telemetry.traffic import count_requests, end_of, sample_of_bins, summarise
from tests.unit.telemetry.telemetry_builders import BLUE, NOON, served, steady

CHANCE = 0.05 / 12


def partial_of(durations_ms, *, start=NOON, failed=0):
    requests = [served(duration, failed=index < failed) for index, duration in enumerate(durations_ms)]
    return count_requests(BLUE, start, "1m", requests)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("sigma", [0.2, 0.6, 1.2])
def test_percentiles_are_within_two_and_a_half_percent_of_numpy(share, sigma):
    durations = np.random.default_rng(11).lognormal(math.log(80), sigma, size=20_000)
    counts, _ = count_latencies(durations)
    assert quantile_ms(counts, share) == pytest.approx(float(np.quantile(durations, share)), rel=0.025)


@steady
@given(st.lists(st.floats(1.0, 60_000.0), min_size=1, max_size=200), st.floats(0.0, 1.0))
def test_a_percentile_lies_within_a_bin_of_the_slowest_and_the_fastest(durations, share):
    counts, _ = count_latencies(durations)
    assert min(durations) / 1.045 <= quantile_ms(counts, share) <= max(durations) * 1.045


@steady
@given(st.lists(st.floats(0.0, 1e5), min_size=1, max_size=100))
def test_percentiles_rise_with_their_share(durations):
    counts, _ = count_latencies(durations)
    values = [quantile_ms(counts, share) for share in (0.0, 0.1, 0.5, 0.95, 0.99, 1.0)]
    assert values == sorted(values)


@pytest.mark.parametrize("hostile", [math.nan, math.inf, -math.inf, -5.0, 0.0, 1e300])
def test_hostile_durations_are_counted_and_never_raise(hostile):
    partial = partial_of([20.0, hostile])
    assert partial.requests == 2
    assert int(partial.latency_counts.sum()) == (1 if math.isnan(hostile) else 2)
    assert 0 <= summarise([partial], CHANCE).latency_p95_ms <= LATENCY_MS_MAX


def test_the_sum_is_in_whole_microseconds():
    assert partial_of([1.5, 0.0004, 20.25]).latency_sum_us == 21_750


def test_the_bounds_hold_the_true_percentile_at_every_look():
    """Looked at after each ten requests up to 400: the bounds of one look alone would be wrong in every fourth story."""
    rng, truth, wrong = np.random.default_rng(3), math.exp(4 + 0.5 * 1.6448536), 0
    for _ in range(200):
        counts, _ = count_latencies([])
        held = True
        for _ in range(40):
            counts += count_latencies(rng.lognormal(4, 0.5, size=10))[0]
            lower, upper = quantile_bounds_ms(counts, 0.95, 0.025)
            held = held and lower <= truth <= upper
        wrong += not held
    assert wrong <= 200 * 0.05


def test_bounds_draw_together_as_requests_come():
    rng, widths = np.random.default_rng(3), []
    for size in (100, 1_000, 10_000):
        lower, upper = quantile_bounds_ms(count_latencies(rng.lognormal(4, 0.5, size=size))[0], 0.95, 0.025)
        widths.append(upper / lower)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 1.2


def test_a_sample_says_what_was_served():
    durations = [10.0] * 900 + [200.0] * 100
    sample = summarise([partial_of(durations, failed=3)], CHANCE)
    assert (sample.requests, sample.failed) == (1000, 3)
    assert sample.latency_p50_ms == pytest.approx(10.0, rel=0.045)
    assert sample.latency_p95_ms == pytest.approx(200.0, rel=0.045)
    assert 10.0 <= sample.latency_p95_ms_lower <= sample.latency_p95_ms
    assert sample.latency_p95_ms <= sample.latency_p95_ms_upper <= 200.0 * 1.045


def test_few_requests_leave_the_upper_bound_at_the_end_of_the_bins():
    sample = summarise([partial_of([50.0] * 30)], CHANCE)
    assert sample.latency_p95_ms_upper == LATENCY_MS_MAX
    assert 47.0 <= sample.latency_p95_ms_lower <= 50.0


@pytest.mark.parametrize("partials", [[], [partial_of([])]])
def test_no_requests_are_an_empty_sample(partials):
    assert summarise(partials, CHANCE) == TrafficSample()


@steady
@given(st.lists(st.lists(st.floats(0.1, 70_000), max_size=30), min_size=1, max_size=6))
def test_buckets_sum_to_the_same_sample_as_one_bucket(buckets):
    minutes = [partial_of(bucket, start=NOON + timedelta(minutes=index)) for index, bucket in enumerate(buckets)]
    whole = partial_of([duration for bucket in buckets for duration in bucket])
    assert summarise(minutes, CHANCE) == summarise([whole], CHANCE)
    assert summarise(reversed(minutes), CHANCE) == summarise(minutes, CHANCE)
    assert len(whole.latency_counts) == BINS


@pytest.mark.parametrize(
    ("status", "model_status", "end"),
    [
        (200, 200, ""),
        (404, None, "client_errors"),
        (408, None, "client_errors"),
        (424, None, "model_errors"),
        (424, 500, "model_errors"),
        (500, 400, "model_errors"),
        (200, 500, ""),
        (429, None, "throttled"),
        (429, 429, "throttled"),
        (503, None, "server_errors"),
        (502, 200, "server_errors"),
    ],
)
def test_each_request_counts_by_how_it_ended(status, model_status, end):
    request = RequestServed(
        deployment=BLUE,
        at=NOON,
        status_code=status,
        model_status_code=model_status,
        duration_ms=1.0,
        failed=status >= 500,
    )
    assert end_of(request) == end
    counted = dict(zip(ENDS, count_requests(BLUE, NOON, "1m", [request, request]).ended, strict=True))
    assert counted == dict.fromkeys(ENDS, 0) | ({end: 2} if end else {})


def test_what_throttling_held_up_is_counted_in_whole_microseconds():
    slow = [
        RequestServed(
            deployment=BLUE,
            at=NOON,
            status_code=200,
            model_status_code=None,
            duration_ms=1.0,
            failed=False,
            delay_ms=delay,
        )
        for delay in (0.0, 1.5, 2.25, 1e300)
    ]
    counted = dict(zip(ENDS, count_requests(BLUE, NOON, "1m", slow).ended, strict=True))
    assert (counted["delayed"], counted["delay_sum_us"]) == (3, 3_750 + 86_400_000_000)


def test_bins_that_somebody_else_counted_are_summed_up_as_our_own():
    partial = partial_of([float(ms) for ms in range(1, 101)])
    bins = [(number, int(count), 0) for number, count in enumerate(partial.latency_counts) if count]
    theirs = sample_of_bins([*bins[:-1], (bins[-1][0], bins[-1][1], 1)], 0.05)
    ours = summarise([partial], 0.05)
    assert (theirs.requests, theirs.failed) == (100, 1)
    assert (theirs.latency_p95_ms, theirs.latency_p95_ms_lower) == (ours.latency_p95_ms, ours.latency_p95_ms_lower)


def test_a_request_of_no_known_latency_counts_all_the_same():
    assert sample_of_bins([(None, 3, 2)], 0.05).failed == 2
    assert sample_of_bins([(None, 3, 2)], 0.05).latency_p95_ms == 0


@pytest.mark.parametrize("impossible", [(-1, 1, 0), (256, 1, 0), (0, 1, 2), (0, -1, 0), (0, 1, -1)])
def test_counts_that_cannot_be_are_refused(impossible):
    with pytest.raises(ValueError, match="latency bin"):
        sample_of_bins([impossible], 0.05)
