"""What takes no traffic is kept for a time: the standby to go back to, and what failed to be looked into."""

import pytest

from shared.domain.outcomes import Failed, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, asked, policy_with, registered, serving


def removed(story):
    """The production deployments whose removal was ordered so far."""
    return [order.deployment for order in story.commands("RemoveDeployment") if order.production]


def story_of_version_2(**workload):
    story = Timeline(policy_with(**workload), serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(registered("2"))


@pytest.mark.rule("standby")
def test_a_version_that_was_rolled_back_is_kept_for_a_day_to_be_looked_into_and_then_removed():
    story = story_of_version_2()
    story.azure.serves("2", BROKEN)
    story.approve("2").at("24h").expect(versions={"1": "serving", "2": "rolled_back"})
    assert removed(story) == []
    story.at("24h5m").expect_reason("failed_ended")
    assert removed(story) == ["version-2"]


@pytest.mark.rule("standby")
def test_what_failed_and_was_given_traffic_by_a_person_stays_and_is_removed_when_it_takes_none():
    used = {"endpoint": "flight-delay", "in_use": "version-2"}
    story = story_of_version_2()
    story.azure.serves("2", BROKEN)
    story.approve("2")
    story.at("23h").azure.next(
        "RemoveDeployment",
        Failed(retryable=False, reason="deployment version-2 still takes 5 % of the traffic", data=used),
    )
    story.at("24h5m").expect_reason("still_used")
    assert story.commands("Notify")[-1].facts["why"].endswith("5 % of the traffic")
    assert removed(story) == ["version-2"]
    story.at("48h10m")
    assert removed(story) == ["version-2", "version-2"]


def test_the_policy_says_for_how_long():
    story = story_of_version_2(promotion={"rollout": {"keep_failed": "3h"}})
    story.azure.serves("2", BROKEN)
    story.approve("2").at("3h5m")
    assert removed(story) == ["version-2"]


def test_a_version_that_failed_its_probe_is_removed_too():
    good = Succeeded(data={"latency_p95_ms": 40.0, "error_rate": 0.0})
    story = Timeline(facts=serving("1"))
    story.azure.next("CheckEndpoint", good, Succeeded(data={"latency_p95_ms": 40.0, "error_rate": 0.5}))
    story.push(registered("2")).approve("2").expect(versions={"1": "serving", "2": "rejected"})
    story.at("24h")
    assert removed(story) == ["version-2"]


def test_a_version_that_a_person_took_back_after_its_promotion_is_removed_too_and_the_champion_stays():
    story = story_of_version_2().approve("2").at("10h").expect(champion="2").push(asked("rollback")).at("50h")
    assert removed(story) == ["version-2"]
    story.expect(champion="1", traffic={"version-1": 100, "version-2": 0})


def test_what_failed_is_not_removed_while_another_version_takes_over():
    story = story_of_version_2()
    story.azure.serves("2", BROKEN)
    story.approve("2").at("23h50m").push(registered("3")).approve("3").at("24h30m").expect(percent=50)
    assert removed(story) == []
    story.at("26h").expect(champion="3")
    assert removed(story) == ["version-2"]


def test_a_version_that_never_came_to_production_leaves_nothing_to_remove():
    story = story_of_version_2().approve("2", answer="reject").at("48h")
    assert removed(story) == []


def test_people_are_told_until_when_they_can_go_back_and_what_that_costs():
    story = story_of_version_2(deployment={"price_per_hour": "0.27 EUR", "instance_count": 3}).approve("2").at("90m")
    told = next(one for one in story.commands("Notify") if "serves all traffic" in one.title)
    assert told.facts["back to version 1"] == "within 3d, until 2026-03-05 13:30 UTC; it costs 0.81 EUR an hour"


def test_without_a_price_no_cost_is_told():
    story = story_of_version_2().approve("2").at("90m")
    told = next(one for one in story.commands("Notify") if "serves all traffic" in one.title)
    assert told.facts["back to version 1"] == "within 3d, until 2026-03-05 13:30 UTC"
