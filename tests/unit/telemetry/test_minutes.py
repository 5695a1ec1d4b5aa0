"""Minutes that somebody else summed up: counts add up, percentiles do not."""

import numpy as np
import pytest

from shared.telemetry.minutes import PERCENTILE_REQUESTS_MIN, MinuteServed, sample_of_minutes


def minute(requests=100.0, failed=0.0, p50=20.0, p95=40.0):
    return MinuteServed(requests, failed, p50, p95)


def test_counts_are_added():
    sample = sample_of_minutes([minute(100, 3), minute(50, 1), minute(0.4, 0.4)])
    assert (sample.requests, sample.failed) == (150, 4)


def test_a_percentile_weighs_as_many_requests_as_it_is_of():
    sample = sample_of_minutes([minute(300, p50=10, p95=40), minute(100, p50=50, p95=80)])
    assert (sample.latency_p50_ms, sample.latency_p95_ms) == (20, 50)
    assert (sample.latency_of, sample.latency_bounded) == (400, False)


@pytest.mark.parametrize("quiet", [minute(PERCENTILE_REQUESTS_MIN - 1, p95=1.0), minute(100, p95=None)])
def test_a_quiet_minute_and_one_without_a_percentile_count_and_tell_no_latency(quiet):
    sample = sample_of_minutes([minute(100), quiet])
    assert (sample.requests, sample.latency_of, sample.latency_p95_ms) == (100 + quiet.requests, 100, 40)


def test_a_median_that_nobody_told_is_left_out():
    assert sample_of_minutes([minute(p50=None), minute(p50=30.0)]).latency_p50_ms == 30


def test_of_nothing_nothing_is_known():
    sample = sample_of_minutes([])
    assert (sample.requests, sample.failed, sample.latency_p95_ms, sample.latency_of) == (0, 0, 0, 0)


def test_a_small_share_of_the_traffic_does_not_look_faster_than_a_large_one():
    """Why quiet minutes tell nothing: of ten requests the 95th percentile is too small on average, of ninety it is not."""
    chance = np.random.default_rng(1)

    def served(requests):
        return sorted(chance.lognormal(3, 1, requests))

    def p95(values):
        return values[max(0, int(0.95 * len(values)) - 1)]

    few = sum(p95(served(10)) for _ in range(400)) / 400
    many = sum(p95(served(90)) for _ in range(400)) / 400
    assert few < 0.85 * many
    shares = [minute(10, p95=p95(served(10))) for _ in range(60)]
    assert sample_of_minutes(shares).latency_of == 0
