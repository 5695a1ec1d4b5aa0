import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import Answer
from shared.domain.proposals import asked_as
from shared.domain.values import replace
from tests.unit.domain.builders import (
    NOW,
    after,
    answered,
    asked,
    breached,
    codes,
    elapsed,
    kinds,
    known,
    ordered,
    policy_with,
    registered,
    serving,
    situation,
    version,
)

ASKING = policy_with(mode="propose")


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **{"policy": ASKING, **fields}))


def waiting(signal=None):
    """Facts in which the owner was asked whether something may begin."""
    return decide(signal or breached(), serving("1")).facts


def question(facts):
    (proposal,) = facts.proposals.values()
    return proposal.asked


def said(answer, facts, **fields):
    shown = question(facts)
    return answered(answer, **{"approval_id": shown.id, "evidence_digest": shown.evidence_digest, **fields})


def retry_of(done, facts):
    """The hold that lets what waited be evaluated again, and which signal that is."""
    (hold,) = done.holds
    (held,) = facts.held.values()
    assert hold.retries == held.dedup_key
    assert hold.id in facts.held
    return hold


def test_a_yes_wakes_what_waited_at_once_and_orders_nothing_itself():
    facts = waiting()
    done = decide(said("approve", facts), facts, now=after("1h"))
    assert (done.decision.verdict, done.decision.rule, kinds(done)) == ("act", "proposal", [])
    assert codes(done) == ["approved"]
    assert retry_of(done, facts).due == after("1h")
    assert question(done.facts).answers == (Answer(by="grace@contoso.com", at=after("1h")),)


def test_a_yes_to_what_has_changed_closes_the_question_and_looks_again():
    facts = waiting()
    other = policy_with(mode="propose", registry="another")
    done = decide(said("approve", facts), facts, policy=other)
    assert (codes(done), done.facts.proposals, kinds(done)) == (["evidence_changed"], {}, [])
    assert retry_of(done, facts).due == NOW
    assert asked_as(done.facts, question(facts).id) is None


def test_a_no_stands_whatever_has_changed():
    facts = waiting()
    done = decide(said("reject", facts), facts, policy=policy_with(mode="propose", registry="another"))
    assert codes(done) == ["refused"]


@pytest.mark.parametrize(("comment", "words"), [("holidays", "holidays"), ("", "without a comment")])
def test_a_no_closes_the_incident_and_lets_nothing_wait(comment, words):
    facts = waiting()
    done = decide(said("reject", facts, comment=comment), facts)
    (incident,) = done.facts.incidents
    assert (incident.state, incident.closed_as, incident.closed_at) == ("closed", "refused", NOW)
    assert incident.id in done.decision.reasons[0].text
    assert words in ordered(done, "Notify").facts["why"]
    assert (done.facts.held, done.facts.proposals, done.holds) == ({}, {}, ())
    assert set(facts.held) < set(done.released)
    assert len(done.released) == 2  # what waited, and the question's expiry


def test_a_no_rejects_a_version_before_it_reached_staging():
    facts = waiting(registered("2"))
    done = decide(said("reject", facts), facts)
    assert (done.facts.versions["2"].state, kinds(done)) == ("rejected", ["Notify"])
    assert (done.facts.held, done.facts.proposals) == ({}, {})


def test_when_nobody_answers_it_is_a_no():
    facts = waiting()
    done = decide(elapsed("approval_expiry", question(facts).id), facts, now=after("2d"))
    assert (codes(done), done.facts.incidents[0].closed_as) == (["expired"], "refused")
    assert kinds(done) == ["Notify"]


def test_a_yes_that_was_not_used_in_time_is_void_and_what_waits_goes_on_waiting():
    facts = waiting()
    agreed = decide(said("approve", facts), facts).facts
    done = decide(elapsed("approval_expiry", question(facts).id), agreed, now=after("2d"))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["yes_expired"])
    assert (done.facts.proposals, done.facts.held) == ({}, facts.held)
    assert done.facts.incidents[0].state == "open"


@pytest.mark.parametrize("mode", ["act", "observe"])
def test_a_policy_that_asks_no_more_looks_again_when_the_question_ends(mode):
    facts = waiting()
    done = decide(elapsed("approval_expiry", question(facts).id), facts, now=after("2d"), policy=policy_with(mode=mode))
    assert (codes(done), done.facts.proposals) == (["asks_no_more"], {})
    assert retry_of(done, facts).due == after("2d")


def test_the_end_of_a_question_that_is_closed_does_nothing():
    done = decide(elapsed("approval_expiry", "gone"), serving("1"))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["answered"])


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_an_answer_that_does_not_count_says_why_and_changes_nothing(answer):
    facts = waiting()
    done = decide(said(answer, facts, groups=()), facts)
    assert (done.decision.verdict, codes(done), done.facts) == ("suppress", ["not_in_group"], facts)


def test_an_incident_that_ended_meanwhile_is_left_as_it_is():
    facts = waiting()
    (incident,) = facts.incidents
    ended = facts.with_incident(replace(incident, state="closed", closed_as="promoted"))
    done = decide(said("reject", ended), ended)
    assert done.facts.incidents[0].closed_as == "promoted"
    assert done.facts.held == {}


def test_the_question_is_closed_with_what_it_was_about():
    """Whatever ends the wait ends the question: here the version is overtaken by a newer champion."""
    facts = waiting(registered("2"))
    (hold_id,) = facts.held
    champion = version("3", registered_at=after("1h"))
    newer = known(champion, facts.versions["2"], held=facts.held, proposals=facts.proposals)
    original = registered("2")
    done = decide(elapsed("retry", "version 2", hold_id=hold_id), newer, original=original)
    assert (done.facts.versions["2"].state, done.facts.proposals, done.facts.held) == ("retired", {}, {})
    assert len(done.released) == 2


def test_to_ask_for_a_retraining_by_hand_is_no_yes():
    done = decide(asked("retrain"), serving("1"))
    assert (done.decision.verdict, kinds(done)) == ("hold", ["RequestApproval"])
