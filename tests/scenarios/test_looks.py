"""A baking step is looked at early and often: harm goes back at once, and a pass needs the whole bake. It bakes for 30 minutes."""

import pytest

from shared.domain.observations import TrafficSample
from shared.domain.values import replace
from tests.scenarios.expected import Nothing, Notified, Ordered, Said, between
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, HEALTHY, SCARCE, asked, policy_with, registered, serving


def story_of_version_2(policy=None, **analysis):
    """Version 1 serves, version 2 is approved, and ten percent are in force at noon."""
    policy = policy or policy_with(promotion={"rollout": {"analysis": analysis}})
    story = Timeline(policy, serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(registered("2")).approve("2").expect(traffic={"version-2": 10, "version-1": 90})


@pytest.mark.rule("analysis")
@pytest.mark.rule("looks")
def test_a_broken_version_goes_back_at_the_first_look_and_not_only_when_its_bake_is_over():
    story = story_of_version_2()
    story.azure.serves("2", BROKEN)
    story.at("4m").expect(percent=10)
    story.at("5m").expect(
        between("5m", "5m"), Ordered("RollBackTraffic"), Notified("ml_engineers", "rolled back"), percent=None
    )
    story.expect(traffic={"version-1": 100, "version-2": 0}, versions={"1": "serving", "2": "rolled_back"})


@pytest.mark.rule("steps")
def test_a_good_version_takes_its_next_step_only_when_the_whole_bake_is_over():
    story = story_of_version_2().at("29m").expect(between("1s", "29m"), Said("baking"), percent=10)
    story.expect(between("1s", "29m"), Nothing())
    story.at("30m").expect(percent=50)


def test_a_version_that_breaks_in_the_middle_of_its_second_step_goes_back_within_one_look():
    story = story_of_version_2().at("40m").expect(percent=50)
    story.azure.serves("2", BROKEN)
    story.at("45m").expect(between("41m", "45m"), Ordered("RollBackTraffic"), champion="1", percent=None)


def test_noisy_errors_at_the_limit_are_looked_at_again_and_again_and_condemn_nobody():
    story = story_of_version_2(inconclusive_limit=20)
    story.azure.serves("2", replace(HEALTHY, failed=45))  # 2.25 %, and the limit is 2 %
    story.at("5h").expect(percent=10, champion="1").expect_reason("error_rate")
    assert story.commands("RollBackTraffic") == []


def test_a_policy_says_how_often_it_is_looked_at():
    policy = policy_with(promotion={"rollout": {"look_every": "12m"}})
    story = story_of_version_2(policy)
    story.azure.serves("2", BROKEN)
    story.at("11m").expect(percent=10).at("12m").expect(percent=None).expect_ordered("RollBackTraffic")


def test_when_both_fail_alike_the_new_version_is_not_the_one_to_blame():
    """An outage behind the endpoint: one request in ten fails, whoever serves it."""
    story = story_of_version_2(error_rate_max=0.5)
    for number in ("1", "2"):
        story.azure.serves(number, replace(HEALTHY, failed=200))
    story.at("90m").expect(champion="2")


def test_a_version_that_fails_more_often_than_the_champion_goes_back_although_it_is_within_the_absolute_limit():
    story = story_of_version_2(error_rate_max=0.5)
    story.azure.serves("2", replace(HEALTHY, failed=200))
    story.at("5m").expect(percent=None).expect_reason("error_rate_vs_champion").expect_ordered("RollBackTraffic")


def test_nothing_served_by_anybody_holds_the_step_and_then_goes_back_with_the_reason():
    story = story_of_version_2(no_data_limit=2)
    for number in ("1", "2"):
        story.azure.serves(number, TrafficSample())
    story.at("1h").expect(percent=10).expect_reason("no_data")
    story.at("90m").expect(percent=None, champion="1").expect_reason("no_data_limit")
    assert "telemetry does not arrive" in story.commands("Notify")[-1].facts["no_data"]


def test_an_outage_of_the_measurements_says_nothing_about_the_version_and_it_goes_on_when_they_are_back():
    story = story_of_version_2(error_limit=2)
    story.azure.unreadable = "UnreadableState: a damaged window"
    story.at("1h").expect(percent=10).expect_reason("provider_error")
    story.azure.unreadable = ""
    story.at("90m").expect(percent=50)


def test_an_outage_of_the_measurements_that_lasts_takes_the_traffic_back_and_calls_a_person():
    story = story_of_version_2(error_limit=2)
    story.azure.unreadable = "UnreadableState: a damaged window"
    story.at("90m").expect(
        between("90m", "90m"), Said("error_limit"), Ordered("RollBackTraffic"), Notified("ml_engineers", "rolled back")
    )
    story.expect(champion="1", percent=None)


def test_a_step_whose_looks_end_now_this_way_and_now_that_has_a_deadline_all_the_same():
    """One bake more than its largest limit: 3 inconclusive, 3 without data and 3 unread would otherwise be nine."""
    story = story_of_version_2(inconclusive_limit=3, no_data_limit=3, error_limit=3)
    story.azure.serves("2", SCARCE)
    story.at("1h")
    story.azure.serves("2", TrafficSample())
    story.at("110m").expect(percent=10)
    story.at("2h").expect(percent=None, champion="1").expect_reason("step_deadline")


def test_a_broken_version_goes_back_at_an_early_look_under_a_pause_too():
    story = story_of_version_2().push(asked("pause"))
    story.azure.serves("2", BROKEN)
    story.at("5m").expect(percent=None, champion="1").expect_ordered("RollBackTraffic")


@pytest.mark.parametrize(
    ("bake", "look_every", "expected"),
    [("30m", None, "5m"), ("6h", None, "10m"), ("2m", None, "1m"), ("4s", None, "4s"), ("30m", "2h", "30m")],
)
def test_looks_are_as_often_as_the_bake_is_long(bake, look_every, expected):
    rollout = (
        policy_with(promotion={"rollout": {"bake": bake, "look_every": look_every}}).workloads[0].promotion.rollout
    )
    other = policy_with(promotion={"rollout": {"bake": expected}}).workloads[0].promotion.rollout
    assert rollout.look_interval == other.bake


def test_a_bake_is_never_looked_at_more_than_a_hundred_times():
    rollout = policy_with(promotion={"rollout": {"bake": "10d", "look_every": "1s"}}).workloads[0].promotion.rollout
    assert rollout.bake / rollout.look_interval == 100


def test_looking_often_is_no_storm_and_what_waited_for_the_rollout_begins_when_it_is_given_up():
    story = story_of_version_2(policy_with(promotion={"rollout": {"bake": "100m", "look_every": "1m"}}))
    story.push(registered("3")).at("90m").expect(percent=10).expect(
        versions={"1": "serving", "2": "rolling_out", "3": "registered"}
    )
    assert max(decision.depth for decision in story.ledger) < 20
    story.azure.serves("2", BROKEN)
    story.at("95m").expect(versions={"1": "serving", "2": "rolled_back", "3": "awaiting_approval"})
