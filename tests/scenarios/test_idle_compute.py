"""Compute instances that run and do nothing, as timelines: stopped where the policy says so, and never without it."""

import pytest

from shared.domain.outcomes import Failed, Skipped
from shared.domain.platform_signals import ComputeObserved
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import DEVELOPMENT, after, asked, drift_rule, policy_with, serving

RULE = {"when": "compute_idle", "computes": "ci-*", "for": "8h", "then": "stop"}


def seen(text="1h", *, idle=True, compute="ci-anna"):
    """What a look tells at a moment: idle for eight hours, or in use again."""
    return ComputeObserved(
        source="outerloop/computes",
        dedup_key=f"compute-{compute}-{text}-{idle}",
        occurred_at=after(text),
        workload="flight-delay",
        workspace=DEVELOPMENT,
        compute=compute,
        idle_since=after("0m") if idle else None,
    )


def story_of(rule=RULE, **workload):
    return Timeline(policy_with(monitoring=[drift_rule(), rule], **workload), serving("1")).at("1h")


@pytest.mark.rule("idle_compute")
def test_an_instance_that_nobody_uses_is_stopped_and_its_people_are_told():
    story = story_of().push(seen()).expect(incidents=["done"]).expect_ordered("StopCompute").expect_reason("stopped")
    (order,) = story.commands("StopCompute")
    assert (order.workspace, order.compute) == (DEVELOPMENT, "ci-anna")
    (notice,) = story.commands("Notify")
    assert notice.facts["idle"].startswith("ci-anna runs and does nothing since")


def test_what_the_policy_only_minds_is_told_and_not_stopped():
    story = story_of({**RULE, "then": "notify"}).push(seen()).expect(incidents=["open"])
    assert [type(one).__name__ for one in story.commands()] == ["Notify"]
    story.at("2h").push(seen("2h", idle=False)).expect(incidents=["resolved"])


def test_an_instance_that_no_rule_names_is_left_alone():
    story = story_of().push(seen(compute="gpu-anna")).expect(incidents=[]).expect_reason("no_rule")
    assert story.commands() == []


def test_to_propose_is_to_ask_first():
    story = story_of(mode="propose").push(seen()).expect(incidents=["open"]).expect_ordered("RequestApproval")
    assert story.commands("StopCompute") == []
    story.say("approve").expect(incidents=["done"])


def test_a_yes_that_comes_when_it_is_in_use_again_stops_nothing():
    story = story_of(mode="propose").push(seen()).at("2h").push(seen("2h", idle=False))
    story.expect(incidents=["resolved"]).at("100h")
    assert story.commands("StopCompute") == []
    assert not story.facts.proposals


@pytest.mark.parametrize(("how", "code"), [("observe", "mode_observe"), ("pause", "paused")])
def test_to_observe_or_to_pause_is_to_say_what_would_be_done(how, code):
    story = story_of(mode="observe") if how == "observe" else story_of().push(asked("pause"))
    story.push(seen()).expect(incidents=["open"]).expect_reason(code)
    assert story.commands("StopCompute") == []
    story.push(seen("1h", idle=False)).expect(incidents=["resolved"])
    assert not story.at("9h").holds


def test_one_that_could_not_be_stopped_is_told_and_not_tried_again_while_it_is_known():
    story = story_of()
    story.azure.next("StopCompute", Failed(retryable=False, reason="not permitted"))
    story.push(seen()).expect(incidents=["open"]).expect_reason("stop_failed")
    story.at("3h").push(seen("3h")).expect_reason("incident_open")
    assert len(story.commands("StopCompute")) == 1


def test_one_that_was_started_while_its_stop_waited_is_left_alone_until_it_is_idle_once_more():
    story = story_of()
    story.azure.next("StopCompute", Skipped(reason="compute ci-anna was started again"))
    story.push(seen()).expect(incidents=["resolved"]).expect_reason("used")
    story.at("20h").push(seen("20h")).expect(incidents=["resolved", "done"])
    assert len(story.commands("StopCompute")) == 2


def test_it_comes_again_when_it_was_used_and_is_idle_once_more():
    story = story_of().push(seen()).at("20h").push(seen("20h"))
    story.expect(incidents=["done", "done"])
    assert len(story.commands("StopCompute")) == 2
