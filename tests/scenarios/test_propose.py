"""``mode: propose``: what would begin something waits for a person's yes. NOW is Monday, 2 March 2026, noon UTC."""

import pytest

from shared.domain.facts import Facts
from shared.domain.plans import stale
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    BROKEN,
    answered,
    asked,
    breached,
    drift_rule,
    known,
    policy_with,
    registered,
    serving,
    silenced,
    version,
    window,
)

ASKING = policy_with(mode="propose")
STAGING_AND_PRODUCTION = {"1": "serving", "2": "awaiting_approval"}


def drifted(policy=ASKING, facts=None):
    """Azure ML's monitor found drift, and the owner was asked whether to retrain."""
    return Timeline(policy, facts or serving("1")).push(breached("r1"))


def candidate(policy=ASKING):
    """Version 2 was registered, and the owner was asked whether to promote it."""
    return Timeline(policy, serving("1")).push(registered("2"))


def told(story):
    return [command.title for command in story.commands("Notify")]


def questions(story):
    return [command.title for command in story.commands("RequestApproval")]


def proposal(story):
    (only,) = story.facts.proposals.values()
    return only


# What is asked


def test_drift_asks_the_owner_with_the_evidence_and_the_exact_order():
    story = drifted().expect(incidents=["open"]).expect_ordered("RequestApproval").expect_ordered("Retrain", 0)
    (question,) = story.commands("RequestApproval")
    assert (question.title, question.persona) == ("flight-delay: retrain because of data drift?", "ml_engineers")
    assert "flight_delay_drift found: carrier psi 0.4" in question.facts["why"]
    assert question.facts["champion"] == "version 1"
    order = question.facts["would order Retrain"]
    assert "component azureml:flight_train@latest" in order
    assert "inputs months_newest=3" in order
    assert "workspaces/flights-dev" in order


def test_a_registered_version_asks_before_it_is_shared():
    story = candidate().expect(versions={"1": "serving", "2": "registered"})
    (question,) = story.commands("RequestApproval")
    assert question.title == "flight-delay: promote version 2?"
    assert "registry contoso-registry" in question.facts["would order ShareModel"]
    assert "production asks again" in question.facts["why"]
    assert story.commands("ShareModel") == []


def test_the_hold_says_who_is_asked_and_until_when():
    story = drifted()
    (*_, reason) = story.ledger[0].reasons
    assert (reason.code, reason.until) == ("approval", proposal(story).asked.expires_at)
    assert "outerloop approvals" in reason.release
    assert [type(command).__name__ for command in story.ledger[0].planned] == ["Retrain"]


def test_a_person_who_asks_for_a_retraining_is_asked_for_a_yes_too():
    story = Timeline(ASKING, serving("1")).push(asked("retrain"))
    story.expect(incidents=["open"]).say("approve").expect(incidents=["remedying"])


# Yes


@pytest.mark.rule("proposal")
def test_a_yes_begins_the_retraining_at_once():
    story = drifted().at("3h").say("approve").expect(incidents=["remedying"]).expect_reason("approved")
    assert len(story.commands("Retrain")) == 1
    assert story.facts.proposals == {}
    assert story.facts.held == {}


def test_a_yes_begins_the_promotion_and_production_asks_again():
    story = candidate().say("approve", by="alan@contoso.com").expect(versions=STAGING_AND_PRODUCTION)
    assert questions(story)[1:] == ["flight-delay: approve version 2 for production?"]
    story.approve("2").at("3h").expect(champion="2")


def test_a_yes_is_used_once():
    story = drifted(policy_with(mode="propose", retrain={"cooldown": "1m"})).say("approve")
    (retrain,) = story.commands("Retrain")
    story.finish(retrain).expect(incidents=["failed"])  # it made no model
    story.at("1h").push(breached("r2")).expect(incidents=["failed", "open"]).expect_ordered("RequestApproval")
    assert len(story.commands("Retrain")) == 1
    story.say("approve").expect(incidents=["failed", "remedying"])


def test_nothing_is_left_waiting_after_a_yes():
    story = drifted().say("approve")
    assert {hold.signal.purpose for hold in story.holds.values()} == {"verify_deadline"}


# No, and nobody


@pytest.mark.rule("proposal")
def test_a_no_closes_the_incident_as_refused_and_tells_the_owner():
    story = drifted().say("reject", comment="it is the holidays").expect(incidents=["refused"])
    assert told(story) == ["flight-delay: nothing is begun (retrain because of data drift)"]
    (message,) = story.commands("Notify")
    assert "it is the holidays" in message.facts["why"]
    story.at("30d").expect(incidents=["refused"])
    assert story.commands("Retrain") == []
    assert (story.facts.fruitless, story.holds, story.facts.held) == (0, {}, {})


def test_a_no_rejects_the_version():
    story = candidate().say("reject").expect(versions={"1": "serving", "2": "rejected"})
    assert told(story) == ["flight-delay: version 2 was not promoted (approval refused)"]
    story.push(registered("2", dedup_key="again")).at("30d").expect(versions={"1": "serving", "2": "rejected"})
    assert story.commands("ShareModel") == []


@pytest.mark.parametrize("story", [drifted, candidate])
def test_when_nobody_answers_in_time_nothing_is_begun_and_the_owner_is_told(story):
    story = story().at("47h")
    assert proposal(story)
    story.at("48h").expect_reason("expired")
    assert story.facts.proposals == {}
    assert len(told(story)) == 1
    assert story.commands("Retrain") == story.commands("ShareModel") == []
    assert {*(known.closed_as for known in story.facts.incidents), story.facts.versions.get("2", version()).state} & {
        "refused",
        "rejected",
    }


def test_the_policy_says_how_long_is_waited_for_an_answer():
    story = drifted(policy_with(mode="propose", promotion={"approval": {"expires": "2h"}}))
    story.at("2h").expect(incidents=["refused"])


def test_a_yes_after_the_end_does_not_count():
    story = drifted()
    late = proposal(story).asked
    story.at("49h").push(answered("approve", approval_id=late.id, evidence_digest=late.evidence_digest))
    story.expect(incidents=["refused"]).expect_reason("not_asked")


def test_after_a_refusal_the_next_drift_asks_again():
    story = drifted().say("reject").at("1d").push(breached("r2")).expect(incidents=["refused", "open"])
    assert len(questions(story)) == 2


# Whose answer counts


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"groups": ("strangers",)}, "not_in_group"),
        ({"evidence_digest": "something else"}, "evidence_changed"),
        ({"approval_id": "another"}, "not_asked"),
    ],
)
@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_an_answer_that_does_not_count_changes_nothing(changes, reason, answer):
    story = drifted()
    before = story.facts
    story.say(answer, **changes).expect_reason(reason)
    assert story.facts == before


def test_who_made_the_version_may_not_say_yes_but_may_say_no():
    story = candidate().say("approve", by="Ada@contoso.com").expect_reason("own_work")
    story.expect(versions={"1": "serving", "2": "registered"})
    story.say("reject", by="ada@contoso.com").expect(versions={"1": "serving", "2": "rejected"})


def test_a_second_yes_finds_the_question_closed():
    story = drifted()
    question = proposal(story).asked
    story.say("approve")
    story.push(
        answered("approve", by="b@x.y", approval_id=question.id, evidence_digest=question.evidence_digest)
    ).expect_reason("not_asked")
    assert len(story.commands("Retrain")) == 1


# What changes while the question is open


def test_a_yes_to_another_policy_does_not_count_and_the_question_is_put_anew():
    story = drifted()
    first = proposal(story).asked
    story.policy = policy_with(mode="propose", retrain={"cooldown": "11h"})
    story.say("approve").expect(incidents=["open"]).expect_reason("evidence_changed")
    assert len(questions(story)) == 2
    assert proposal(story).asked.id != first.id
    story.say("approve").expect(incidents=["remedying"])


def test_a_question_about_a_plan_that_changed_is_closed_when_it_is_put_anew():
    story = candidate()
    (first,) = story.commands("RequestApproval")
    story.policy = policy_with(mode="propose", registry="another-registry")
    story.push(asked("resume")).at("0s")
    assert "another-registry" in proposal(story).asked.evidence["would order ShareModel"]
    assert stale(first, story.facts) == "the question is closed"
    story.push(answered("approve", approval_id=first.approval_id, by="b@x.y")).expect_reason("not_asked")
    assert {hold.signal.about for hold in story.holds.values() if hold.signal.purpose == "approval_expiry"} == {
        proposal(story).asked.id
    }


def test_a_champion_that_took_over_meanwhile_makes_it_another_question():
    story = Timeline(ASKING, known(version("1"), version("2", "standby"))).push(asked("retrain"), asked("rollback"))
    story.expect(champion="2").say("approve").expect(incidents=["open"]).expect_reason("evidence_changed")
    assert proposal(story).asked.evidence["champion"] == "version 2"


def test_a_question_about_drift_is_closed_when_another_version_serves():
    story = drifted(facts=known(version("1"), version("2", "standby"))).push(asked("rollback"))
    story.expect(champion="2", incidents=["rolled_back"])
    assert (story.facts.proposals, story.facts.held) == ({}, {})
    story.at("60h")
    assert (story.commands("Retrain"), len(questions(story))) == ([], 1)


@pytest.mark.parametrize("mode", ["act", "observe"])
def test_a_policy_that_asks_no_more_decides_without_the_answer(mode):
    story = drifted()
    story.policy = policy_with(mode=mode)
    story.at("50h").expect(incidents=["remedying" if mode == "act" else "open"])
    assert story.facts.proposals == {}
    assert len(questions(story)) == 1


def test_drift_that_repeats_while_asked_is_counted_and_not_asked_again():
    story = drifted()
    for number in range(5):
        story.at(f"{number + 1}h").push(breached(f"again-{number}")).expect_reason("incident_open")
    assert (len(questions(story)), story.facts.incidents[0].repeats) == (1, 5)


def test_windows_that_close_while_asked_make_it_no_other_question():
    rule = drift_rule(**{"for": "1 of 3"})
    story = Timeline(policy_with(mode="propose", monitoring=[rule]), serving("1")).push(window(1, drifted=4))
    story.at("1h").push(window(2, drifted=4)).push(window(3, drifted=1))
    story.push(asked("resume")).at("1h").say("approve").expect(incidents=["remedying"])
    assert len(questions(story)) == 1


def test_asking_twice_for_a_retraining_is_one_question():
    story = Timeline(ASKING, serving("1")).push(asked("retrain")).push(asked("retrain", dedup_key="again"))
    assert len(questions(story)) == 1
    story.say("approve").expect(incidents=["remedying"])


def test_a_version_that_is_superseded_while_asked_takes_its_question_along():
    story = Timeline(ASKING, serving("1"))
    story.push(*(registered(str(number)) for number in range(2, 9)))
    waiting = {known.about for known in story.facts.held.values()}
    assert set(story.facts.proposals) == waiting == {f"version {number}" for number in range(4, 9)}
    expiries = [hold for hold in story.holds.values() if hold.signal.purpose == "approval_expiry"]
    assert len(expiries) == len(waiting)


def test_two_versions_with_a_yes_are_still_promoted_one_after_the_other():
    story = candidate().push(registered("3"))
    story.say("approve", by="b@x.y").say("approve", by="b@x.y")
    story.expect(versions={"1": "serving", "2": "awaiting_approval", "3": "registered"})
    story.approve("2").at("5h").expect(champion="2")
    assert questions(story).count("flight-delay: promote version 3?") == 2  # it would replace another version by now
    story.say("approve", by="b@x.y", dedup_key="anew")
    assert story.facts.versions["3"].state == "awaiting_approval"


# Pauses and other guards


def test_a_pause_while_asked_lets_the_question_stand_and_the_yes_waits_for_resume():
    story = drifted().push(asked("pause")).say("approve").expect(incidents=["open"]).expect_reason("paused")
    assert proposal(story).approved
    story.at("5h").expect(incidents=["open"]).push(asked("resume")).at("5h").expect(incidents=["remedying"])
    assert len(questions(story)) == 1


def test_a_yes_that_a_pause_outlives_is_asked_for_anew():
    story = drifted().push(asked("pause")).say("approve").at("49h").expect(incidents=["open"])
    assert story.facts.proposals == {}
    story.push(asked("resume")).at("49h").expect(incidents=["open"])
    assert len(questions(story)) == 2
    story.say("approve", dedup_key="second").expect(incidents=["remedying"])


def test_during_a_pause_nobody_is_asked():
    story = Timeline(ASKING, serving("1")).push(asked("pause")).push(breached()).at("9h")
    assert questions(story) == []
    story.push(asked("resume")).at("9h")
    assert len(questions(story)) == 1


def test_a_cooldown_is_waited_for_before_anybody_is_asked():
    story = drifted().say("approve")
    (retrain,) = story.commands("Retrain")
    story.finish(retrain).at("1h").push(breached("r2")).expect_reason("cooldown").expect_reason("approval")
    assert len(questions(story)) == 1
    story.at("13h").expect(incidents=["failed", "open"])
    assert len(questions(story)) == 2


# What is never asked about


def test_a_rollback_is_never_asked_about():
    story = Timeline(ASKING, known(version("1"), version("2", "standby")))
    story.push(asked("rollback")).expect(champion="2").expect_ordered("RollBackTraffic")
    assert questions(story) == []


def test_a_rollout_that_does_harm_goes_back_without_a_question():
    story = candidate().say("approve", by="b@x.y").approve("2")
    story.azure.serves("2", BROKEN)
    story.at("31m").expect(champion="1", percent=None, traffic={"version-1": 100, "version-2": 0})
    assert len(questions(story)) == 2


@pytest.mark.parametrize("then", ["notify", "investigate"])
def test_messages_and_work_for_people_are_never_asked_about(then):
    story = drifted(policy_with(mode="propose", monitoring=[drift_rule(then=then)]))
    story.expect_ordered("Notify")
    assert questions(story) == []


def test_a_silence_keeps_the_question_back():
    story = Timeline(ASKING, serving("1")).push(silenced(until="1d")).push(breached()).expect_reason("silenced")
    assert questions(story) == []
    story.at("1d")
    assert len(questions(story)) == 1


def test_a_first_version_is_asked_about_too():
    story = Timeline(ASKING, Facts()).push(registered("1"))
    assert proposal(story).asked.evidence["champion"] == "none yet"
    story.say("approve", by="b@x.y").expect(versions={"1": "awaiting_approval"})
