"""A newer version comes while an older one takes over: it waits, or takes its place. Each step bakes for 30 minutes."""

import pytest

from shared.domain.outcomes import Failed
from tests.scenarios.expected import Notified, Ordered, between
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, after, asked, policy_with, registered, serving
from tests.unit.domain.platform_builders import looked


def story_of_version_2(newer_candidate, **workload):
    """Version 1 serves, and version 2 has ten percent of the traffic."""
    policy = policy_with(promotion={"rollout": {"newer_candidate": newer_candidate}}, **workload)
    story = Timeline(policy, serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(registered("2")).approve("2").expect(percent=10).at("10m")


def test_by_default_a_newer_version_waits_until_the_rollout_has_ended():
    story = story_of_version_2("waits").push(registered("3")).expect(percent=10).expect_reason("promotion_under_way")
    story.at("1h").expect(versions={"1": "serving", "2": "rolling_out", "3": "registered"})
    story.at("3h").expect(champion="2", versions={"1": "standby", "2": "serving", "3": "awaiting_approval"})


@pytest.mark.rule("superseding")
def test_a_newer_version_takes_the_place_of_the_older_one_after_the_traffic_went_back():
    story = story_of_version_2("supersedes").push(registered("3"))
    story.expect(between("10m", "10m"), Ordered("RollBackTraffic"), Notified("ml_engineers", "gives way to the newer"))
    story.at("10m").expect(
        champion="1",
        percent=None,
        traffic={"version-1": 100, "version-2": 0},
        versions={"1": "serving", "2": "retired", "3": "awaiting_approval"},
    )
    story.approve("3").at("2h").expect(champion="3", standby="1")


def test_the_newer_version_begins_only_when_the_traffic_is_back():
    story = story_of_version_2("supersedes")
    story.azure.next("RollBackTraffic", None)
    story.push(registered("3")).at("15m").expect(versions={"1": "serving", "2": "retired", "3": "registered"})
    (write,) = story.commands("RollBackTraffic")
    story.finish(write).at("15m").expect(versions={"1": "serving", "2": "retired", "3": "awaiting_approval"})


def test_traffic_that_does_not_come_back_calls_a_person():
    story = story_of_version_2("supersedes")
    story.azure.next("RollBackTraffic", Failed(retryable=False, reason="409 for fifteen minutes"))
    story.push(registered("3")).expect_reason("rollback_failed")
    story.expect(versions={"1": "serving", "2": "retired", "3": "registered"})


def test_the_deployment_of_the_version_that_gave_way_is_removed():
    story = story_of_version_2("supersedes").push(registered("3")).at("30h")
    assert "version-2" in [order.deployment for order in story.commands("RemoveDeployment") if order.production]


def test_a_paused_workload_supersedes_nothing():
    story = story_of_version_2("supersedes").push(asked("pause")).push(registered("3")).expect(percent=10)
    assert story.commands("RollBackTraffic") == []


def test_a_team_that_only_proposes_is_asked_before_a_newer_version_takes_its_place():
    story = story_of_version_2("supersedes")
    story.policy = policy_with(mode="propose", promotion={"rollout": {"newer_candidate": "supersedes"}})
    story.push(registered("3")).expect(percent=10)
    assert story.commands("RollBackTraffic") == []


def test_an_older_version_that_is_heard_of_late_supersedes_nothing():
    story = story_of_version_2("supersedes")
    older = story.facts.versions["1"].registered_at
    story.push(registered("0", occurred_at=older)).at("20m").expect(percent=10)
    assert story.commands("RollBackTraffic") == []


def test_a_rollout_that_waits_for_a_person_gives_way_to_nobody():
    rollout = {"newer_candidate": "supersedes", "on_failure": "freeze"}
    story = Timeline(policy_with(promotion={"rollout": rollout}), serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.azure.serves("2", BROKEN)
    story.push(registered("2")).approve("2").at("5m").expect_reason("frozen")
    story.push(registered("3")).expect(percent=10, versions={"1": "serving", "2": "rolling_out", "3": "registered"})
    assert story.commands("RollBackTraffic") == []
    story.push(asked("rollback")).at("1h").expect(champion="1")
    assert story.facts.versions["3"].state == "awaiting_approval"


def test_no_newer_version_writes_over_traffic_that_somebody_else_set():
    story = story_of_version_2("supersedes").at("15m")
    story.push(looked(after("15m"), {"version-1": 50, "version-2": 50}))
    story.push(registered("3")).expect(percent=10, versions={"1": "serving", "2": "rolling_out", "3": "registered"})
    assert story.commands("RollBackTraffic") == []
