"""A rollout that is judged by Azure Monitor: noisy metrics, no traffic, an outage, and a slow canary. It bakes for 30 minutes."""

import pytest

from shared.domain.observations import TrafficSample
from shared.domain.values import replace
from tests.scenarios.expected import Notified, Ordered, Said, between
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, HEALTHY, registered, serving
from tests.unit.domain.test_policy_measured import measured_by

BY_MINUTES = replace(HEALTHY, latency_bounded=False, latency_requests=2000)
SLOW = replace(HEALTHY, latency_p95_ms=400, latency_p95_ms_lower=380, latency_p95_ms_upper=420)
SLOW_BY_MINUTES = replace(BY_MINUTES, latency_p95_ms=400)
NOISY = replace(HEALTHY, failed=45)  # 2.25 %, and the limit is 2 %


def story_of_version_2(source, sample=None, **limits):
    """Version 1 serves, version 2 is approved, and ten percent are in force at noon."""
    story = Timeline(measured_by(source, **limits), serving("1"))
    story.azure.traffic, story.azure.measured_by = {"version-1": 100}, f"by {source}"
    for number in ("1", "2"):
        story.azure.serves(number, BY_MINUTES if source == "metrics" else HEALTHY)
    if sample:
        story.azure.serves("2", sample)
    return story.push(registered("2")).approve("2").expect(percent=10)


SOURCES = pytest.mark.parametrize("source", ["metrics", "logs"])


@SOURCES
@pytest.mark.rule("analysis")
def test_a_good_version_takes_over_and_each_step_says_who_measured_it(source):
    story = story_of_version_2(source).at("30m").expect(percent=50).expect_reason("measured_by")
    story.at("90m").expect(champion="2", percent=None)


@SOURCES
def test_noisy_metrics_prove_nothing_either_way_and_their_limit_takes_the_traffic_back(source):
    """The error rate flaps around its limit: no look fails, no bake passes, and a person is called in the end."""
    noisy = replace(BY_MINUTES, failed=45) if source == "metrics" else NOISY
    story = story_of_version_2(source, noisy, inconclusive_limit=2)
    story.at("1h").expect(percent=10, champion="1").expect_reason("error_rate")
    assert story.commands("RollBackTraffic") == []
    story.at("90m").expect(
        between("90m", "90m"),
        Said("inconclusive_limit"),
        Ordered("RollBackTraffic"),
        Notified("ml_engineers", "rolled back"),
    )
    story.expect(traffic={"version-1": 100, "version-2": 0}, versions={"1": "serving", "2": "rolled_back"})


@SOURCES
def test_noise_that_settles_is_forgiven(source):
    noisy = replace(BY_MINUTES, failed=45) if source == "metrics" else NOISY
    story = story_of_version_2(source, noisy, inconclusive_limit=2).at("50m").expect(percent=10)
    story.azure.serves("2", BY_MINUTES if source == "metrics" else HEALTHY)
    story.at("1h").expect(percent=50)


@SOURCES
def test_no_traffic_is_no_pass_however_long_nothing_fails(source):
    story = story_of_version_2(source, no_data_limit=2)
    for number in ("1", "2"):
        story.azure.serves(number, TrafficSample())
    story.at("1h").expect(percent=10).expect_reason("no_data")
    story.at("90m").expect(between("90m", "90m"), Said("no_data_limit"), Ordered("RollBackTraffic"), champion="1")


@SOURCES
def test_a_metrics_outage_takes_the_traffic_back_at_its_limit_and_calls_a_person(source):
    story = story_of_version_2(source, error_limit=2)
    story.azure.unreadable = "Azure Monitor metrics: throttled at metrics:getBatch, retry-after 7.0 s"
    story.at("1h").expect(percent=10).expect_reason("provider_error")
    story.at("90m").expect(
        between("90m", "90m"), Said("error_limit"), Ordered("RollBackTraffic"), Notified("ml_engineers", "rolled back")
    )
    assert "throttled" in story.commands("Notify")[-1].facts["provider_error"]


@SOURCES
def test_an_outage_that_ends_in_time_costs_the_version_nothing(source):
    story = story_of_version_2(source, error_limit=2)
    story.azure.unreadable = "Azure did not answer within 20 s"
    story.at("50m")
    story.azure.unreadable = ""
    story.at("1h").expect(percent=50)


def test_a_slow_canary_goes_back_at_the_first_look_by_logs():
    story = story_of_version_2("logs", SLOW)
    story.at("5m").expect(between("5m", "5m"), Ordered("RollBackTraffic"), champion="1", percent=None)
    story.expect_reason("latency_p95_vs_champion")


def test_a_slow_canary_goes_back_by_its_limit_by_metrics_since_their_percentiles_prove_nothing():
    story = story_of_version_2("metrics", SLOW_BY_MINUTES, inconclusive_limit=1)
    story.at("50m").expect(percent=10, champion="1").expect_reason("latency_p95_vs_champion")
    story.at("1h").expect(between("1h", "1h"), Said("inconclusive_limit"), Ordered("RollBackTraffic"), percent=None)


def test_a_canary_whose_minutes_are_too_quiet_for_a_percentile_does_not_pass_by_metrics():
    story = story_of_version_2("metrics", replace(BY_MINUTES, latency_requests=0))
    story.at("30m").expect(percent=10).expect_reason("latency_sample")


@SOURCES
def test_a_broken_version_goes_back_at_the_first_look_by_its_errors(source):
    broken = replace(BROKEN, latency_bounded=source != "metrics", latency_requests=None)
    story_of_version_2(source, broken).at("5m").expect(percent=None, champion="1").expect_reason("error_rate")
