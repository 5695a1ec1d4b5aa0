"""Somebody changes the traffic between two looks: our write meets it and does not fight; a pause meets a step not yet begun.

The example bakes each step for 30 minutes; nobody looks at production between the moments that a story names.
"""

import pytest

from shared.domain.outcomes import Failed
from tests.scenarios.expected import Nothing, Notified, Ordered, Said, between
from tests.scenarios.test_batch import approved, nightly
from tests.scenarios.test_by_hand import SERVED, look, titles
from tests.scenarios.test_rollout import story_of_version_2
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, asked, policy_with, registered, serving

NOT_OURS = "flight-delay: production traffic is not as we left it"
STEP = {"version-1": 90, "version-2": 10}


def changed_by_hand_to(traffic, at="30m"):
    """Ten percent are in force; somebody sets other traffic, and then the next step is due."""
    story = story_of_version_2().at("29m")
    story.azure.traffic = traffic
    return story.at(at)


@pytest.mark.rule("met_by_hand")
def test_a_step_that_meets_traffic_set_by_hand_is_not_taken_and_people_are_told():
    story = changed_by_hand_to({"version-1": 70, "version-2": 30})
    story.expect(
        between("30m", "30m"), Ordered("SetTraffic"), Said("changed_by_hand"), Notified("ml_engineers", "left")
    )
    story.expect(traffic={"version-1": 70, "version-2": 30}, percent=10, incidents=["open"])
    notice = story.commands("Notify")[-1]
    assert notice.title == NOT_OURS
    assert (
        notice.facts["what"] == "the traffic is version-1=70,version-2=30, and we left it at version-1=90,version-2=10"
    )
    assert '--traffic "version-1=90 version-2=10"' in notice.facts["do this now"]


@pytest.mark.rule("met_by_hand")
def test_the_rollout_stands_still_until_the_traffic_is_put_back_and_then_goes_on():
    story = changed_by_hand_to({"version-1": 70, "version-2": 30}).at("10h")
    story.expect(between("31m", "10h"), Nothing("SetTraffic"), percent=10)
    assert titles(story).count(NOT_OURS) == 1
    story.azure.traffic = dict(STEP)
    look(story, "10h5m", STEP).expect(incidents=["recovered"])
    story.at("10h31m").expect(percent=50, traffic={"version-1": 50, "version-2": 50})
    story.at("13h").expect(champion="2")


def test_a_look_that_finds_what_our_write_met_tells_nobody_twice():
    story = changed_by_hand_to({"version-1": 70, "version-2": 30})
    look(story, "40m", {"version-1": 70, "version-2": 30}).expect_reason("incident_open").expect(incidents=["open"])
    assert titles(story).count(NOT_OURS) == 1


def test_who_gave_all_traffic_back_before_our_write_has_rolled_back():
    story = story_of_version_2()
    story.slow = {"SetTraffic"}
    story.at("30m").azure.traffic = {"version-1": 100}
    story.catch_up().expect(
        percent=None, champion="1", versions={"1": "serving", "2": "rolled_back"}, traffic={"version-1": 100}
    )
    assert titles(story)[-1] == "flight-delay: version 2 was rolled back by hand"
    assert not story.commands("RollBackTraffic")


def test_a_first_step_that_meets_other_traffic_begins_when_it_is_put_back():
    story = Timeline(policy_with(), serving("1"))
    story.azure.traffic = {"blue": 100}
    story.push(registered("2")).approve("2").expect(percent=0, traffic={"blue": 100}, incidents=["open"])
    story.azure.traffic = {"version-1": 100}
    look(story, "1h", {"version-1": 100}, SERVED).at("91m").expect(percent=10, traffic=STEP)


def test_traffic_that_somebody_set_right_after_our_write_is_left_as_it_is():
    story = story_of_version_2()
    somebody = {"traffic": "version-1=80,version-2=20", "by_hand": "version-1=80,version-2=20", "written": 1.0}
    story.azure.next("SetTraffic", Failed(retryable=False, reason="changed by somebody else", data=somebody))
    story.at("30m").expect(percent=50, incidents=["open"])
    assert "we left it at version-1=50,version-2=50" in story.commands("Notify")[-1].facts["what"]
    assert not story.commands("RollBackTraffic")


def test_a_rollback_that_a_person_asks_for_writes_over_it_and_says_what_it_was():
    story = changed_by_hand_to({"version-1": 70, "version-2": 30}).push(asked("rollback"))
    story.expect_reason("overwrote").expect(percent=None, traffic={"version-1": 100, "version-2": 0})
    notice = story.commands("Notify")[-1]
    assert notice.title == "flight-delay: a rollback wrote over traffic that was set by hand"
    assert "version-1=70,version-2=30" in notice.facts["what"]


def test_a_rollback_over_our_own_traffic_has_nothing_to_say():
    story = story_of_version_2().push(asked("rollback"))
    assert "overwrote" not in [reason.code for decision in story.ledger for reason in decision.reasons]


def test_a_step_that_is_over_takes_back_nobody_elses_traffic():
    story = Timeline(policy_with(), serving("1"))
    story.azure.next("SetTraffic", None)
    story.push(registered("2")).approve("2")
    (late,) = story.commands("SetTraffic")
    somebody = {"traffic": "blue=100", "by_hand": "blue=100", "written": 1.0}
    story.push(asked("rollback")).finish(late, Failed(retryable=False, reason="changed", data=somebody))
    story.expect_reason("stale")
    assert len(story.commands("RollBackTraffic")) == 1


@pytest.mark.rule("batch")
def test_a_default_that_somebody_chose_ends_the_change_of_a_batch_endpoint_without_a_write():
    met = {"traffic": "mine=100", "by_hand": "mine=100", "written": 0.0}
    story = nightly()
    story.azure.next("SetTraffic", Failed(retryable=False, reason="somebody else set the traffic", data=met))
    approved(story).expect(champion="1", percent=None)
    assert story.facts.versions["2"].state == "rolled_back"
    assert not story.commands("RollBackTraffic")
    assert titles(story)[-1] == "flight-delay: the default deployment was set by hand"


def paused_before_the_step_began():
    """Thirty minutes are over and the next step lies in the queue, when a person pauses the workload."""
    story = story_of_version_2()
    story.slow = {"SetTraffic"}
    story.at("30m").expect(percent=50, traffic={"version-2": 10, "version-1": 90})
    return story.push(asked("pause")).catch_up()


@pytest.mark.rule("rollout")
def test_a_pause_between_order_and_beginning_of_a_step_leaves_the_present_step_watched():
    story = paused_before_the_step_began().expect_reason("not_begun").expect(percent=10)
    story.azure.serves("2", BROKEN)
    story.at("2h").expect(percent=None, traffic={"version-1": 100, "version-2": 0}, champion="1")


def test_a_step_that_a_pause_gave_back_is_taken_when_it_is_resumed():
    story = paused_before_the_step_began().at("10h").expect(percent=10, traffic={"version-2": 10, "version-1": 90})
    story.push(asked("resume")).at("10h1m").expect(percent=50, traffic={"version-2": 50, "version-1": 50})
    story.at("12h").expect(champion="2", percent=None)


def test_a_first_step_that_a_pause_gave_back_is_taken_when_it_is_resumed():
    story = Timeline(policy_with(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.slow = {"SetTraffic"}
    story.push(registered("2")).approve("2").push(asked("pause")).catch_up().expect(percent=0)
    story.at("5h").push(asked("resume")).at("5h1m").expect(percent=10, traffic=STEP)


def test_a_rollout_is_as_far_as_before_after_a_step_that_was_given_back():
    story = paused_before_the_step_began()
    before = story.facts.rollout
    assert (before.step, before.pending, before.before) == (0, "", None)
    story.push(asked("resume")).at("31m")
    assert story.facts.rollout.step == 1
