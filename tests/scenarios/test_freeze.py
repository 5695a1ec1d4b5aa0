"""A rollout that stands still until a person answers: ``on_failure: freeze``. The example bakes each step for 30 minutes."""

import pytest

from tests.scenarios.expected import Nothing, Notified, Said, between
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, HEALTHY, SCARCE, asked, policy_with, registered, serving


def frozen_story():
    """Version 2 fails at ten percent, and the policy wants a person's word before anything goes back."""
    story = Timeline(policy_with(promotion={"rollout": {"on_failure": "freeze"}}), serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.azure.serves("2", BROKEN)
    story.push(registered("2")).approve("2")
    return story.at("5m").expect(percent=10, traffic={"version-2": 10, "version-1": 90}).expect_reason("frozen")


@pytest.mark.rule("freeze")
def test_a_frozen_rollout_stays_where_it_is_and_calls_a_person_with_both_commands():
    story = frozen_story().expect(between("5m", "5m"), Notified("ml_engineers", "stands still at 10 %"))
    call = story.commands("Notify")[-1]
    assert call.facts["to go back"] == "outerloop ask rollback flight-delay --by YOU --why WHY"
    assert call.facts["to go on"] == "outerloop ask continue flight-delay --by YOU --why WHY"
    assert "120 of 400 requests failed" in call.facts["error_rate"]
    story.at("3h").expect(between("6m", "3h"), Nothing(), percent=10, champion="1")


def test_a_person_who_does_not_answer_is_called_again():
    story = frozen_story().at("4h5m").expect(between("4h", "4h6m"), Notified("ml_engineers", "waits for you"))
    story.at("8h5m").expect(between("8h", "8h6m"), Notified("ml_engineers", "waits for you"), percent=10)


def test_a_person_lets_it_go_on_and_the_next_step_is_judged_anew():
    story = frozen_story()
    story.azure.serves("2", HEALTHY)
    story.push(asked("continue")).expect(percent=50, traffic={"version-2": 50, "version-1": 50})
    story.at("70m").expect(champion="2", percent=None)


def test_a_person_lets_it_go_on_and_it_fails_again_so_it_stands_still_again():
    story = frozen_story().push(asked("continue")).expect(percent=50)
    story.at("12m").expect(percent=50).expect_reason("frozen")
    assert story.commands("RollBackTraffic") == []


def test_a_person_takes_it_back():
    story = frozen_story().push(asked("rollback"))
    story.expect(champion="1", percent=None, traffic={"version-1": 100, "version-2": 0})
    story.push(asked("continue", dedup_key="too late")).expect_reason("not_frozen").expect(percent=None)


def test_a_rollout_that_does_not_stand_still_needs_nobody_to_let_it_go_on():
    story = Timeline(facts=serving("1")).push(registered("2")).approve("2")
    story.push(asked("continue")).expect(percent=10).expect_reason("not_frozen")


def test_a_paused_workload_takes_no_step_although_somebody_lets_it_go_on():
    story = frozen_story().push(asked("pause")).push(asked("continue")).expect(percent=10).expect_reason("paused")
    story.push(asked("resume")).push(asked("continue", dedup_key="once more")).expect(percent=50)


def test_what_stays_unknown_stands_still_too():
    story = Timeline(policy_with(promotion={"rollout": {"on_failure": "freeze"}}), serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.azure.serves("2", SCARCE)
    story.push(registered("2")).approve("2").at("8h")
    story.expect(between("1m", "8h"), Said("inconclusive_limit"), Said("frozen"), percent=10)


def test_a_policy_that_wants_no_freeze_any_more_takes_it_back_at_the_next_call():
    story = frozen_story()
    story.policy = policy_with()
    story.at("4h5m").expect(champion="1", percent=None).expect_ordered("RollBackTraffic")


def test_the_last_step_that_a_person_lets_go_on_is_the_end():
    story = Timeline(policy_with(promotion={"rollout": {"on_failure": "freeze"}}), serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.push(registered("2")).approve("2").at("1h").expect(percent=100)
    story.azure.serves("2", BROKEN)
    story.at("65m").expect_reason("frozen").push(asked("continue")).expect(champion="2", standby="1")
