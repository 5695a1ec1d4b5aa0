"""Other workloads have used up what all may do together: this one waits, says so, and begins when there is room.

What a limit answers is scripted here; how it is reserved is shown in ``tests/unit/services/test_reservations.py``.
"""

from shared.domain.outcomes import Refusal, Skipped
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import POLICY, after, asked, breached, serving


def refused(code, until):
    """What a training comes to for which there is no room."""
    text = f"no room before {until}"
    refusal = Refusal(code=code, text=text, observed=10, limit="10/1d", until=after(until))
    return Skipped(reason=f"limit: {text}", until=after(until), refusals=(refusal,))


def told(story):
    return [command.title for command in story.commands("Notify")]


def test_drift_waits_for_room_in_the_limit_of_the_fleet_and_is_remedied_then():
    story = Timeline(POLICY, serving("1"))
    story.azure.next("Retrain", refused("fleet_limit", "5h"))
    story.push(breached()).expect(incidents=["open"]).expect_reason("fleet_limit")
    assert told(story)[-1] == "flight-delay: the retraining because of data drift waits"
    story.at("4h").expect(incidents=["open"])
    story.at("5h").expect(incidents=["remedying"]).expect_reason("limit_waited")


def test_it_may_have_to_wait_again_as_often_as_others_are_quicker():
    story = Timeline(POLICY, serving("1"))
    story.azure.next("Retrain", *(refused("fleet_limit", f"{hour}h") for hour in range(1, 9)))
    story.push(breached()).at("7h").expect(incidents=["open"])
    story.at("8h").expect(incidents=["remedying"])
    assert len([title for title in told(story) if title.endswith("waits")]) == 8


def test_the_reserve_of_a_budget_holds_until_the_period_ends_or_a_person_looks_again():
    story = Timeline(POLICY, serving("1"))
    story.azure.next("Retrain", refused("budget_reserved", "29d"))
    story.push(breached()).expect_reason("budget_reserved").at("3d").expect(incidents=["open"])
    story.push(asked("resume", why="the reserve is raised")).at("3d").expect(incidents=["remedying"])


def test_what_was_refused_uses_up_no_limit_of_the_workload_itself():
    story = Timeline(POLICY, serving("1"))
    story.azure.next(
        "Retrain", refused("fleet_limit", "5h"), refused("fleet_limit", "6h"), refused("fleet_limit", "7h")
    )
    story.push(breached()).at("7h").expect(incidents=["remedying"])
    assert len(story.facts.retrained_at) == 1
