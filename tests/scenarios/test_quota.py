"""Quota is missing for a second deployment beside the one that serves: the yes waits, and goes on when there is room."""

import pytest

from shared.domain.capacity import Quota
from shared.domain.policy import Policy
from tests.scenarios.expected import Held, Nothing, Notified, Ordered, between
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import NOW, after, asked, raw_policy, registered, serving
from tests.unit.domain.platform_builders import judged

TEAM = {"group": "00000000-0000-0000-0000-000000000002", "channels": ["teams:infrastructure"]}


def cores(used):
    """The quota of the machine type, of which so many cores are used. One instance counts as two, of four cores each."""
    return Quota(location="westeurope", family="standardDSv2Family", cores=4, used=used, limit=100)


def story_without_room(used=96, *, held=False):
    raw = raw_policy({"promotion": {"rollout": {"quota_to": "infrastructure"}}}, personas={"infrastructure": TEAM})
    story = Timeline(Policy.model_validate(raw), serving("1"))
    story.azure.traffic, story.azure.quota = {"version-1": 100}, cores(used=used)
    story.push(registered("2"))
    if held:
        story.push(judged(occurred_at=NOW))
    return story.approve("2")


@pytest.mark.rule("quota")
@pytest.mark.rule("approval")
def test_a_version_that_has_no_room_waits_and_infrastructure_is_told_what_to_ask_for():
    story = story_without_room().expect(
        between("0s", "0s"), Held("quota"), Notified("infrastructure", "waits for quota"), traffic={"version-1": 100}
    )
    assert story.facts.versions["2"].state == "awaiting_approval"
    assert [order.endpoint for order in story.commands("DeployModel")] == ["flight-delay-stg"]
    told = next(one for one in story.commands("Notify") if one.persona == "infrastructure")
    assert (
        told.facts["what to do"]
        == "raise the quota of standardDSv2Family in westeurope to 104 cores or more, or free 4"
    )


def test_it_goes_on_by_itself_when_there_is_room_and_nobody_has_to_say_yes_again():
    story = story_without_room().at("90m").expect(between("1m", "90m"), Held("quota"))
    story.azure.quota = cores(used=92)
    story.at("2h").expect(between("2h", "2h"), Ordered("DeployModel"), percent=10)


def test_nobody_is_told_twice():
    story = story_without_room().at("10h")
    assert len([one for one in story.commands("Notify") if one.persona == "infrastructure"]) == 1


def test_a_question_that_expires_meanwhile_ends_the_wait():
    story = story_without_room().at("49h").expect(versions={"1": "serving", "2": "rejected"})
    story.azure.quota = cores(used=0)
    story.at("60h").expect(between("49h", "60h"), Nothing("DeployModel"), champion="1")


def test_a_quota_that_nobody_can_read_holds_nothing():
    story = Timeline(facts=serving("1")).push(registered("2")).approve("2").expect(percent=10)
    assert story.azure.quota is None


def test_a_rollback_never_asks_for_quota():
    story = Timeline(facts=serving("1")).push(registered("2")).approve("2")
    story.azure.quota = cores(used=100)
    story.push(asked("rollback")).expect(traffic={"version-1": 100, "version-2": 0})


def test_who_can_ask_for_more_is_told_also_when_something_else_held_the_version_first():
    story = story_without_room(used=0, held=True).expect_reason("noncompliant")
    story.azure.quota = cores(used=96)
    story.at("1m").push(judged(compliant=True, occurred_at=after("1m"))).at("10h")
    story.expect(between("0s", "10h"), Held("quota"))
    assert len([one for one in story.commands("Notify") if one.persona == "infrastructure"]) == 1
