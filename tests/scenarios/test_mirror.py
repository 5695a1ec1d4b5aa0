"""A shadow step before the first: the new version gets copies of requests, and nobody sees its answers. It bakes for 30 minutes."""

import pytest

from shared.domain.facts import Rollout
from shared.domain.outcomes import Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, SCARCE, asked, policy_with, registered, serving

SHADOWS = policy_with(promotion={"rollout": {"mirror": 20}})


def shadow_story(policy=SHADOWS):
    """Version 1 serves, version 2 is approved, and gets a copy of every fifth request at noon."""
    story = Timeline(policy, serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.push(registered("2")).approve("2")
    assert story.azure.mirror == {"version-2": 20}
    return story.expect(percent=0, traffic={"version-1": 100, "version-2": 0})


@pytest.mark.rule("steps")
def test_a_shadow_that_does_well_leads_to_the_first_step_and_is_mirrored_no_more():
    story = shadow_story().at("29m").expect(percent=0)
    story.at("30m").expect(percent=10, traffic={"version-2": 10, "version-1": 90})
    assert story.azure.mirror == {}
    story.at("2h").expect(champion="2", standby="1")


def test_a_broken_version_is_found_before_anybody_has_seen_an_answer_of_it():
    story = shadow_story()
    story.azure.serves("2", BROKEN)
    story.at("5m").expect(percent=None, champion="1", traffic={"version-1": 100, "version-2": 0})
    assert story.azure.mirror == {}
    assert max(order.traffic["version-2"] for order in story.commands("SetTraffic")) == 0
    story.expect_reason("error_rate").expect_ordered("RollBackTraffic")


def test_a_shadow_with_few_copies_is_held_and_then_given_up():
    story = shadow_story()
    story.azure.serves("2", SCARCE)
    story.at("1h").expect(percent=0).expect_reason("sample")
    story.at("4h").expect(percent=None, champion="1")


def test_a_person_is_shown_the_shadow_step_before_saying_yes():
    story = Timeline(SHADOWS, serving("1")).push(registered("2"))
    assert story.facts.versions["2"].approval.evidence["plan"].startswith("a copy of 20 % first, then 10 → 50 → 100 %")


def test_a_first_version_has_nobody_to_shadow():
    story = Timeline(SHADOWS).push(registered("1")).approve("1").expect(champion="1", traffic={"version-1": 100})
    assert [order.mirror for order in story.commands("SetTraffic")] == [{}]


def test_a_shadow_that_was_probed_under_a_pause_begins_when_it_is_resumed():
    story = Timeline(SHADOWS, serving("1")).push(registered("2"))
    story.azure.next("CheckEndpoint", None)
    story.approve("2").push(asked("pause"))
    (probe,) = [order for order in story.commands("CheckEndpoint") if order.endpoint == "flight-delay"]
    story.finish(probe, Succeeded(data={"latency_p95_ms": 40.0, "error_rate": 0.0})).expect(percent=0)
    assert story.azure.mirror == {}
    story.push(asked("resume")).at("1m")
    assert story.azure.mirror == {"version-2": 20}


def test_a_frozen_shadow_is_called_by_its_name():
    policy = policy_with(promotion={"rollout": {"mirror": 20, "on_failure": "freeze"}})
    story = shadow_story(policy)
    story.azure.serves("2", BROKEN)
    story.at("5m").expect(percent=0)
    assert "stands still at a copy of 20 %" in story.commands("Notify")[-1].title
    story.push(asked("continue")).expect(percent=10)


def test_a_shadow_write_that_ends_after_the_rollback_is_taken_back():
    story = Timeline(SHADOWS, serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.azure.next("SetTraffic", None)
    story.push(registered("2")).approve("2").push(asked("rollback"))
    (late,) = story.commands("SetTraffic")
    story.finish(late, Succeeded(data={"traffic": "version-1=100,mirror:version-2=20"})).expect_reason("late_write")
    assert story.commands("RollBackTraffic")[-1].traffic == {"version-1": 100, "version-2": 0}


@pytest.mark.parametrize("mirror", [0, 51])
def test_a_mirror_is_of_one_to_fifty_percent(mirror):
    with pytest.raises(ValueError, match="mirror"):
        policy_with(promotion={"rollout": {"mirror": mirror}})


def test_a_shadow_step_shares_the_chance_of_a_false_alarm():
    shadowed, plain = SHADOWS.workloads[0].promotion.rollout, policy_with().workloads[0].promotion.rollout
    assert shadowed.chance * 4 == pytest.approx(plain.chance * 3)
    assert Rollout(version="2").mirror == 0
