"""Somebody changes production by hand: it is told once, never undone, and nothing of ours is built on what is not there."""

import pytest

from tests.scenarios.test_rollout import story_of_version_2
from tests.unit.domain.builders import after, asked, registered
from tests.unit.domain.platform_builders import ENDPOINT, looked, resource_changed

CHAMPION = {"version-1": 100}
STEP = {"version-1": 90, "version-2": 10}
WRITES = ("SetTraffic", "RollBackTraffic", "RemoveDeployment")


def look(story, at, traffic, deployments=None, **seen):
    """Move on to a moment, and look at production then."""
    return story.at(at).push(looked(after(at), traffic, deployments, **seen))


def titles(story):
    return [notice.title for notice in story.commands("Notify")]


def writes(story):
    return [order for kind in WRITES for order in story.commands(kind)]


def promoted():
    """Version 2 serves since 90 minutes, and version 1 is its warm standby."""
    return story_of_version_2().at("90m").expect(champion="2", standby="1")


SERVED = {"version-1": "Succeeded", "version-2": "Succeeded"}


@pytest.mark.rule("observed")
def test_a_look_that_finds_production_as_we_know_it_says_nothing():
    story = promoted()
    before = titles(story)
    look(story, "2h", {"version-2": 100}, SERVED).expect_reason("as_known")
    look(story, "3h", {"version-2": 100}, SERVED).expect_reason("as_known")
    assert titles(story) == before


@pytest.mark.rule("observed")
def test_traffic_that_was_changed_by_hand_is_told_once_and_never_written_over():
    story = promoted()
    ordered = writes(story)
    look(story, "2h", {"blue": 100}, SERVED | {"blue": "Succeeded"}).expect_reason("changed_by_hand")
    notice = story.commands("Notify")[-1]
    assert notice.title == "flight-delay: production traffic is not as we left it"
    assert notice.facts["what"] == "the traffic is blue=100, and we left it at version-2=100"
    assert (
        '--traffic "version-2=100" --resource-group mlops --workspace-name flights-prod' in notice.facts["do this now"]
    )
    count = len(titles(story))
    look(story, "3h", {"blue": 100}, SERVED).expect_reason("incident_open")
    look(story, "4h", {"blue": 100}, SERVED).expect_reason("incident_open")
    assert (len(titles(story)), writes(story)) == (count, ordered)


def test_each_further_change_is_told_and_so_is_the_end():
    story = promoted()
    look(story, "2h", {"blue": 100}, SERVED)
    look(story, "3h", {"blue": 50, "version-2": 50}, SERVED)
    look(story, "4h", {"version-2": 100}, SERVED).expect_reason("recovered").expect(
        incidents=["overtaken", "recovered"]
    )
    look(story, "5h", {"blue": 100}, SERVED)
    assert titles(story)[-4:] == [
        "flight-delay: production traffic is not as we left it",
        "flight-delay: production traffic is not as we left it",
        "flight-delay: production is as we know it again",
        "flight-delay: production traffic is not as we left it",
    ]


@pytest.mark.rule("hand_incidents")
@pytest.mark.parametrize("first", ["event", "look"])
def test_an_event_and_a_look_about_the_same_change_are_one_incident(first):
    story = promoted()
    count = len(titles(story))
    if first == "event":
        story.at("2h").push(resource_changed(ENDPOINT, occurred_at=after("2h")))
        look(story, "2h5m", {"blue": 100}, SERVED)
    else:
        look(story, "2h5m", {"blue": 100}, SERVED)
        story.push(resource_changed(ENDPOINT, occurred_at=after("2h")))
    assert len(titles(story)) == count + 1
    story.expect_reason("incident_open").expect(incidents=["open"])


def test_an_event_about_the_endpoint_that_changed_nothing_of_ours_is_closed_by_the_next_look():
    story = promoted().at("2h").push(resource_changed(ENDPOINT, occurred_at=after("2h")))
    count = len(titles(story))
    look(story, "2h5m", {"version-2": 100}, SERVED).expect(incidents=["recovered"])
    assert len(titles(story)) == count
    look(story, "3h", {"blue": 100}, SERVED)
    assert len(titles(story)) == count + 1


@pytest.mark.rule("observed")
@pytest.mark.rule("rollout")
def test_a_rollout_whose_traffic_somebody_changes_stands_still_until_it_is_put_back():
    story = story_of_version_2()
    look(story, "10m", {"version-1": 50, "version-2": 50})
    assert story.ledger[-1].verdict == "escalate" or story.ledger[-2].verdict == "escalate"
    notice = story.commands("Notify")[-1]
    assert notice.facts["what is done"] == "the rollout of version 2 stands still; nothing is written"
    assert "outerloop ask rollback flight-delay" in notice.facts["do this now"]
    story.at("30m").expect(percent=10).expect_reason("frozen_by_hand")
    story.at("3h").expect(percent=10).expect_reason("frozen_by_hand")
    assert len(story.commands("SetTraffic")) == 1
    look(story, "3h10m", STEP).expect_reason("recovered")
    story.at("3h30m").expect(percent=50)


def test_a_rollout_that_stands_still_is_given_up_when_a_person_asks():
    story = look(story_of_version_2(), "10m", {"version-1": 50, "version-2": 50})
    story.push(asked("rollback")).expect(percent=None, traffic={"version-1": 100, "version-2": 0})


def test_who_gives_all_of_the_traffic_back_by_hand_has_rolled_back():
    story = look(story_of_version_2(), "10m", CHAMPION, SERVED).expect_reason("rolled_back_by_hand")
    story.expect(percent=None, champion="1", versions={"1": "serving", "2": "rolled_back"})
    assert story.commands("RollBackTraffic") == []
    assert titles(story)[-1] == "flight-delay: version 2 was rolled back by hand"
    look(story, "1h", CHAMPION).expect_reason("as_known")


def test_a_rollout_does_not_begin_over_traffic_that_is_somebody_elses():
    story = story_of_version_2().at("2h")
    look(story, "3h", {"blue": 100}, SERVED)
    story.push(registered("3")).approve("3").expect(percent=0).expect_reason("frozen_by_hand")
    look(story, "4h", {"version-2": 100}, SERVED | {"version-3": "Succeeded"})
    story.at("4h40m").expect(percent=10)


def test_a_look_that_began_before_our_own_write_says_nothing():
    story = story_of_version_2().at("30m").expect(percent=50)
    story.push(looked(after("30m"), STEP)).expect_reason("settling").expect(incidents=[])
    story.at("31m").push(looked(after("29m"), STEP)).expect_reason("settling")


@pytest.mark.rule("deleted")
def test_a_champion_deleted_by_hand_leaves_the_way_back_to_the_standby():
    story = promoted()
    look(story, "2h", {}, {"version-1": "Succeeded"}).expect_reason("deleted_by_hand")
    story.expect(champion="", standby="1", versions={"1": "standby", "2": "retired"}, incidents=["open"])
    notice = story.commands("Notify")[-1]
    assert notice.title == "flight-delay: its champion was deleted by hand"
    assert notice.facts["do this now"].startswith("outerloop ask rollback flight-delay: version 1 takes")
    look(story, "3h", {}, {"version-1": "Succeeded"}).expect(incidents=["open"])
    story.push(asked("rollback")).expect(champion="1", standby="", traffic={"version-1": 100})
    assert story.commands("Notify")[-1].title == "flight-delay: all traffic goes to version 1"
    look(story, "4h", CHAMPION).expect(incidents=["recovered"])


@pytest.mark.rule("deleted")
def test_a_champion_deleted_by_hand_during_a_rollout_ends_it_without_a_write():
    story = story_of_version_2()
    look(story, "10m", {"blue": 100}, {"version-2": "Succeeded", "blue": "Succeeded"})
    story.expect(percent=None, champion="", versions={"1": "retired", "2": "rolled_back"})
    assert story.commands("RollBackTraffic") == []
    advice = story.commands("Notify")[-1].facts["do this now"]
    assert advice.startswith("if version 2 is to serve: az ml online-endpoint update --name flight-delay --traffic")
    story.at("30h").expect(percent=None)
    assert "version-2" in [order.deployment for order in story.commands("RemoveDeployment") if order.production]
    story.push(registered("3")).approve("3").expect(champion="3", traffic={"version-3": 100})


@pytest.mark.rule("deleted")
@pytest.mark.parametrize("event_first", [True, False])
def test_who_gives_all_traffic_to_the_candidate_and_deletes_the_champion_has_ended_the_rollout(event_first):
    story = story_of_version_2()
    if event_first:
        deletion = resource_changed(f"{ENDPOINT}/deployments/version-1", "deleted", occurred_at=after("8m"))
        story.at("8m").push(deletion).expect(percent=10, champion="1").expect_reason("deleted_by_hand")
    look(story, "10m", {"version-2": 100}).expect_reason("completed_by_hand")
    story.expect(percent=None, champion="2", standby="", versions={"1": "retired", "2": "serving"})
    assert titles(story)[-1] == "flight-delay: version 2 serves all traffic, by hand"
    assert story.commands("RollBackTraffic") == []
    assert not [order for order in story.at("100h").commands("RemoveDeployment") if order.production]
    story.azure.traffic = {"version-2": 100}
    story.push(registered("3")).approve("3").expect(champion="2", percent=10)


def test_no_step_is_taken_while_nobody_knows_who_serves_in_place_of_the_champion():
    story = story_of_version_2()
    deletion = resource_changed(f"{ENDPOINT}/deployments/version-1", "deleted", occurred_at=after("8m"))
    story.at("8m").push(deletion).at("2h").expect(percent=10).expect_reason("frozen_by_hand")
    assert len(story.commands("SetTraffic")) == 1
    look(story, "2h1m", STEP, SERVED).at("3h").expect(percent=100)


def test_a_candidate_deleted_by_hand_is_rolled_back_without_a_write():
    story = look(story_of_version_2(), "10m", CHAMPION).expect_reason("deleted_by_hand")
    story.expect(percent=None, champion="1", versions={"1": "serving", "2": "rolled_back"})
    assert story.commands("RollBackTraffic") == []
    look(story, "1h", CHAMPION).expect_reason("as_known")


@pytest.mark.rule("deleted")
@pytest.mark.parametrize("road", ["event", "look"])
def test_without_its_standby_a_rollback_says_at_once_that_there_is_none(road):
    story = promoted()
    if road == "event":
        deletion = resource_changed(f"{ENDPOINT}/deployments/version-1", "deleted", occurred_at=after("2h"))
        story.at("2h").push(deletion)
    else:
        look(story, "2h", {"version-2": 100})
    story.expect(champion="2", standby="", versions={"1": "retired", "2": "serving"})
    assert titles(story)[-1] == "flight-delay: its standby was deleted by hand"
    story.push(asked("rollback")).expect_reason("no_standby")
    look(story, "3h", {"version-2": 100}).expect_reason("as_known")
    removals = len(story.commands("RemoveDeployment"))
    assert len(story.at("100h").commands("RemoveDeployment")) == removals


def test_an_endpoint_deleted_by_hand_is_one_message():
    story = promoted()
    count = len(titles(story))
    look(story, "2h", {}, {}, exists=False).expect(champion="", standby="")
    assert titles(story)[count:] == ["flight-delay: its champion and its standby were deleted by hand"]


@pytest.mark.rule("observed")
def test_a_candidate_in_state_failed_goes_back_by_our_own_write():
    story = look(story_of_version_2(), "10m", STEP, SERVED | {"version-2": "Failed"})
    story.expect_reason("deployment_failed").expect(percent=None, traffic={"version-1": 100, "version-2": 0})


@pytest.mark.parametrize(("number", "role"), [("1", "standby"), ("2", "champion")])
def test_who_serves_or_stands_by_in_state_failed_is_told_once_with_where_to_look(number, role):
    story = promoted()
    broken = SERVED | {f"version-{number}": "Failed"}
    look(story, "2h", {"version-2": 100}, broken)
    notice = story.commands("Notify")[-1]
    assert notice.title == f"flight-delay: its {role} has failed"
    assert f"get-logs --name version-{number}" in notice.facts["do this now"]
    count = len(titles(story))
    look(story, "3h", {"version-2": 100}, broken).expect_reason("incident_open")
    assert len(titles(story)) == count
    look(story, "4h", {"version-2": 100}, SERVED).expect(incidents=["recovered"])


@pytest.mark.rule("hand_incidents")
def test_traffic_that_no_look_finds_put_back_stays_an_incident_and_its_people_are_told_each_week():
    story = look(promoted(), "2h", {"blue": 100}, SERVED)
    count = len(titles(story))
    story.at("170h").expect(incidents=["open"]).expect_reason("frozen_by_hand")
    assert len(titles(story)) == count + 1
    told = story.commands("Notify")[-1].facts
    assert told["what"].endswith("no rollout begins over it")
    assert '--traffic "version-2=100"' in told["do this now"]


def test_a_write_whose_event_no_look_explains_is_closed_after_a_week():
    story = promoted().at("2h").push(resource_changed(ENDPOINT, occurred_at=after("2h")))
    story.at("169h").expect(incidents=["open"]).at("170h").expect(incidents=["expired"])


def test_no_rollout_begins_weeks_later_over_traffic_that_is_still_somebody_elses():
    story = look(promoted(), "2h", {"blue": 100}, SERVED).at("400h")
    story.azure.traffic = {"blue": 100}
    story.push(registered("3")).approve("3").expect(percent=0, traffic={"blue": 100}).expect_reason("frozen_by_hand")
    reasons = [reason for decision in story.ledger for reason in decision.reasons]
    held = next(reason for reason in reversed(reasons) if reason.code == "frozen_by_hand")
    assert held.release.startswith("az ml online-endpoint update --name flight-delay")
    story.azure.traffic = {"version-2": 100}
    look(story, "401h", {"version-2": 100}, SERVED | {"version-3": "Succeeded"})
    story.at("24091m").expect(champion="2", percent=10)


def test_a_person_may_close_the_incident_and_the_next_write_sees_for_itself_whose_traffic_it_is():
    story = look(promoted(), "2h", {"blue": 100}, SERVED).push(asked("close")).expect(incidents=["done"])
    story.azure.traffic = {"blue": 100}
    story.at("3h").push(registered("3")).approve("3")
    story.expect(percent=0, traffic={"blue": 100}, incidents=["done", "open"])


def test_a_rollout_stands_still_for_longer_than_the_week_after_which_other_incidents_are_closed():
    story = look(story_of_version_2(), "10m", {"version-1": 50, "version-2": 50})
    count = len(titles(story))
    story.at("170h").expect(percent=10, incidents=["open"])
    assert len(story.commands("SetTraffic")) == 1
    assert len(titles(story)) == count + 1  # nobody has put it back for a week: they are told again
    look(story, "171h", STEP).expect(incidents=["recovered"])
    story.at("171h31m").expect(percent=50)
