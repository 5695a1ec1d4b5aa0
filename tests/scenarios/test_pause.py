"""A pause stops everything but rollback and notification; to resume is to go on. Each step of the example bakes 30 minutes."""

import pytest

from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, SCARCE, asked, budgeted, crossed, registered, serving, version


def rolling_out():
    """Version 2 has 10 % of the traffic since a moment."""
    story = Timeline(facts=serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(registered("2")).approve("2").expect(percent=10, traffic={"version-1": 90, "version-2": 10})


def test_no_promotion_starts_during_a_pause():
    story = Timeline(facts=serving("1")).push(asked("pause")).push(registered("2"))
    story.expect(versions={"1": "serving", "2": "registered"}).expect_reason("paused")
    story.at("100h").push(asked("resume")).at("100h").expect(versions={"1": "serving", "2": "awaiting_approval"})


def test_a_promotion_under_way_takes_no_further_step():
    story = Timeline(facts=serving("1"))
    story.azure.next("ShareModel", None)
    story.push(registered("2")).push(asked("pause"))
    (share,) = story.commands("ShareModel")
    story.finish(share).expect(versions={"1": "serving", "2": "staging"})
    assert [type(command).__name__ for command in story.waiting] == ["DeployModel"]
    story.at("3h").push(asked("resume")).expect(versions={"1": "serving", "2": "awaiting_approval"})
    assert story.waiting == []


def test_a_yes_during_the_pause_counts_and_is_carried_out_afterwards():
    story = Timeline(facts=serving("1")).push(registered("2")).push(asked("pause")).approve("2")
    story.expect(versions={"1": "serving", "2": "deploying"}, traffic={})
    story.at("5h").expect(versions={"1": "serving", "2": "deploying"})
    story.push(asked("resume")).expect(percent=10)


@pytest.mark.rule("operator")
def test_a_rollout_takes_no_further_step_and_goes_on_when_resumed():
    story = rolling_out().at("10m").push(asked("pause"))
    story.at("9h").expect(percent=10).expect_reason("paused")
    story.push(asked("resume")).at("9h").expect(percent=50)
    story.at("11h").expect(champion="2")


def test_resumed_before_the_bake_is_over_the_step_still_bakes_its_time():
    story = rolling_out().at("10m").push(asked("pause")).at("20m").push(asked("resume"))
    story.at("29m").expect(percent=10)
    story.at("31m").expect(percent=50)


def test_a_rollout_that_does_harm_is_rolled_back_during_the_pause():
    story = rolling_out()
    story.azure.serves("2", BROKEN)
    story.push(asked("pause")).at("31m").expect(champion="1", traffic={"version-1": 100, "version-2": 0})
    assert story.facts.versions["2"].state == "rolled_back"


@pytest.mark.rule("looks")
def test_too_few_requests_during_a_pause_end_nothing():
    story = rolling_out()
    story.azure.serves("2", SCARCE)
    story.push(asked("pause")).at("24h").expect(percent=10)
    assert (story.facts.rollout.inconclusive, story.facts.rollout.failures) == (0, 0)


def test_a_person_rolls_back_during_the_pause():
    story = rolling_out().push(asked("pause")).push(asked("rollback"))
    story.expect(champion="1", traffic={"version-1": 100, "version-2": 0})
    story.push(asked("resume")).at("5h").expect(champion="1", percent=None)


def test_a_step_that_waited_is_not_taken_after_a_rollback():
    story = Timeline(facts=serving("1"))
    story.azure.next(
        "CheckEndpoint", story.azure._usual["CheckEndpoint"], None
    )  # the probe in production is unanswered
    story.push(registered("2")).approve("2")
    probe = story.commands("CheckEndpoint")[-1]
    story.push(asked("pause")).finish(probe, story.azure._usual["CheckEndpoint"])
    assert story.facts.rollout.percent == 0  # probed, and kept waiting before its first traffic
    story.push(asked("rollback")).push(asked("resume")).expect(champion="1", percent=None)
    assert story.azure.traffic == {"version-1": 100, "version-2": 0}


def test_people_are_told_during_a_pause():
    story = Timeline(budgeted(), serving("1")).push(asked("pause")).push(crossed(0.5)).expect_ordered("Notify", 1)
    assert [type(command).__name__ for command in story.azure.orders] == ["Notify"]


@pytest.mark.rule("operator")
def test_nothing_is_retrained_during_a_pause():
    story = Timeline(facts=serving("1")).push(asked("pause")).push(asked("retrain"))
    story.expect(incidents=["open"]).expect_reason("paused")
    story.push(asked("resume")).at("0s").expect(incidents=["remedying"])


def test_to_pause_for_long_wears_nothing_out():
    story = Timeline(facts=serving("1", standby="")).push(asked("pause")).push(registered("2"))
    story.at("720h").push(asked("resume")).at("720h").approve("2").at("722h").expect(champion="2")
    assert version("2").version == story.facts.champion
