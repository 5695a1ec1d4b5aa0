"""A budget is crossed: its people hear of it once, retraining waits, and nothing holds a rollback. NOW is 2 March, noon."""

from datetime import UTC, datetime

import pytest

from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    GROUP,
    after,
    asked,
    breached,
    budgeted,
    crossed,
    known,
    registered,
    serving,
    version,
    window,
)


def drifted_months(story, *months):
    return story.push(*(window(month, drifted=2) for month in months))


def told(story):
    return [command.persona for command in story.commands("Notify")]


@pytest.mark.rule("budget")
def test_each_tier_is_told_once_to_its_people():
    story = Timeline(budgeted(), serving("1"))
    story.push(crossed(0.5)).expect_ordered("Notify", 1)
    story.push(crossed(0.6)).expect_ordered("Notify", 0).expect_reason("tier_told")
    story.push(crossed(0.9)).expect_ordered("Notify", 2)
    story.push(crossed(1.15, forecast=True)).expect_ordered("Notify", 1)
    assert told(story) == ["project_owner", "project_owner", "ml_engineers", "project_owner"]


def test_the_next_months_alerts_are_told_anew():
    story = Timeline(budgeted(), serving("1")).push(crossed(0.5)).at("31d")
    story.push(crossed(0.5, occurred_at=after("31d"))).expect_ordered("Notify", 1)


@pytest.mark.rule("budget")
def test_drift_during_a_freeze_waits_until_the_month_ends():
    story = Timeline(budgeted(), serving("1")).push(crossed(1.0)).expect_reason("frozen")
    drifted_months(story, 3, 4, 5).expect(incidents=["open"]).expect_reason("budget_freeze")
    (reason,) = [reason for reason in story.ledger[-1].reasons if reason.code == "budget_freeze"]
    assert reason.until == datetime(2026, 4, 1, tzinfo=UTC)
    story.at("29d").expect(incidents=["open"])
    story.at("30d").expect(incidents=["remedying"])


def test_a_person_lifts_the_freeze_and_the_retraining_that_waited_begins():
    story = Timeline(budgeted(), serving("1")).push(crossed(1.0))
    drifted_months(story, 3, 4, 5).expect(incidents=["open"])
    story.at("1d").push(asked("lift_freeze", why="the owner pays")).at("1d").expect(incidents=["remedying"])
    story.push(crossed(1.2, occurred_at=after("1d"))).expect_reason("freeze_lifted")


def test_a_retraining_that_a_person_asks_for_is_held_by_the_same_freeze():
    story = Timeline(budgeted(), serving("1")).push(crossed(1.0)).push(asked("retrain"))
    story.expect(incidents=["open"]).expect_reason("budget_freeze").expect_ordered("Retrain", 0)


def test_a_rollback_during_the_freeze_works():
    story = Timeline(budgeted(), known(version("2"), version("1", "standby")))
    story.azure.traffic = {"version-2": 100}
    story.push(crossed(1.3)).push(asked("rollback"))
    story.expect(champion="1", traffic={"version-1": 100, "version-2": 0})


def test_a_promotion_goes_on_during_the_freeze():
    story = Timeline(budgeted()).push(crossed(1.0)).push(registered("1")).approve("1")
    story.expect(champion="1")


def test_the_budget_of_the_whole_subscription_freezes_too():
    subscription = "/".join(GROUP.split("/")[:3])
    story = Timeline(budgeted(), serving("1")).push(crossed(1.0, scope=subscription)).push(asked("retrain"))
    story.expect(incidents=["open"]).expect_reason("budget_freeze")


def test_a_budget_of_another_resource_group_concerns_nobody_here():
    other = GROUP.replace("mlops", "website")
    story = Timeline(budgeted(), serving("1")).push(crossed(1.0, scope=other)).push(asked("retrain"))
    story.expect(incidents=["remedying"])
    assert told(story) == ["ml_engineers"]


def test_the_same_alert_in_both_schemas_is_told_once():
    story = Timeline(budgeted(), serving("1")).push(crossed(0.9))
    story.push(crossed(0.9, forecast=None)).expect_ordered("Notify", 0)


def frozen_drift():
    """Version 1 drifts while retraining is frozen: it waits for the end of March."""
    story = Timeline(budgeted(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(crossed(1.0)).push(breached()).expect(incidents=["open"]).expect_reason("budget_freeze")


def test_drift_that_waited_retrains_nothing_once_a_newer_version_serves():
    """It was the old version's: nobody has found that the new one drifts."""
    story = frozen_drift().push(registered("2")).approve("2").at("3h")
    story.expect(champion="2", incidents=["promoted"])
    story.at("40d").expect(incidents=["promoted"])
    assert story.commands("Retrain") == []


def test_drift_of_a_version_that_went_back_retrains_nothing():
    story = Timeline(budgeted(), known(version("2"), version("1", "standby")))
    story.push(crossed(1.0)).push(breached()).expect(incidents=["open"])
    story.push(asked("rollback")).expect(champion="1", incidents=["rolled_back"]).at("40d")
    assert story.commands("Retrain") == []


def test_drift_of_the_version_that_still_serves_is_retrained_when_the_freeze_ends():
    frozen_drift().at("31d").expect_ordered("Retrain")
