"""Silences and maintenance windows: what they hold, and that it comes afterwards. NOW is Monday, 2 March 2026, noon UTC."""

import pytest

from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    BROKEN,
    asked,
    breached,
    drift_rule,
    expired,
    policy_with,
    registered,
    serving,
    silenced,
)

NOON_TO_TWO = [{"days": ["mon"], "from": "13:00", "to": "15:00", "timezone": "Europe/Berlin"}]  # 12:00 to 14:00 UTC


def told(story):
    return [command.title for command in story.commands("Notify")]


@pytest.mark.rule("silencing")
def test_a_silenced_notification_is_sent_when_the_silence_ends():
    story = Timeline(policy_with(monitoring=[drift_rule(then="notify")]), serving("1"))
    story.push(silenced(until="2d")).push(breached("r1")).at("1d").push(breached("r2")).expect_reason("silenced")
    assert told(story) == []
    story.at("49h")
    assert told(story) == ["flight-delay: data drift"]


@pytest.mark.rule("silencing")
def test_a_silenced_drift_retrains_when_a_person_ends_the_silence():
    story = Timeline(facts=serving("1")).push(silenced(until="30d")).push(breached())
    story.expect(incidents=["open"]).expect_reason("silenced")
    story.at("1d").push(expired(story.facts.silences[0].id)).at("1d").expect(incidents=["remedying"])


def test_a_rollout_that_does_harm_is_rolled_back_although_everything_is_silenced():
    story = Timeline(facts=serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.push(silenced("*", "30d")).push(registered("2")).approve("2")
    story.azure.serves("2", BROKEN)
    story.at("31m").expect(champion="1", traffic={"version-1": 100, "version-2": 0})
    assert told(story) == ["flight-delay: version 2 was rolled back; traffic goes to version 1"]


def test_a_promotion_waits_until_the_maintenance_window_ends():
    story = Timeline(policy_with(maintenance=NOON_TO_TWO), serving("1")).push(registered("2"))
    story.expect(versions={"1": "serving", "2": "registered"}).expect_reason("maintenance")
    story.at("119m").expect(versions={"1": "serving", "2": "registered"})
    story.at("2h").expect(versions={"1": "serving", "2": "awaiting_approval"})


def test_a_retraining_waits_until_the_maintenance_window_ends():
    story = Timeline(policy_with(maintenance=NOON_TO_TWO), serving("1")).push(asked("retrain"))
    story.expect(incidents=["open"]).expect_reason("maintenance")
    story.at("2h").expect(incidents=["remedying"])


def test_a_rollout_that_has_begun_goes_on_in_a_maintenance_window():
    later = [{"days": ["mon"], "from": "12:10", "to": "18:00"}]
    story = Timeline(policy_with(maintenance=later), serving("1")).push(registered("2")).approve("2")
    story.at("2h").expect(champion="2")


def test_a_rollback_works_in_a_maintenance_window():
    later = [{"days": ["mon"], "from": "12:10", "to": "18:00"}]
    story = Timeline(policy_with(maintenance=later), serving("1")).push(registered("2")).approve("2")
    story.at("20m").push(asked("rollback")).expect(champion="1", percent=None)
