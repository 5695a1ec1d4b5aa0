import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.approvals import digest_of, objections_to_proposed
from shared.domain.commands import Retrain
from shared.domain.facts import Answer, ApprovalAsked, Facts, Proposal
from shared.domain.plans import stale
from shared.domain.proposals import Beginning, asked_as, evidence_of, outdated, put, unanswered
from shared.domain.situation import because
from shared.domain.values import replace
from tests.unit.domain.builders import (
    NOW,
    POLICY,
    WORKLOAD,
    after,
    answered,
    asked,
    breached,
    codes,
    policy_with,
    registered,
    serving,
    situation,
    steady,
)

ASKING = policy_with(mode="propose")
MISSING = (because("approval", "a yes is missing", release="a yes"),)


def here(facts=None, **fields):
    return situation(fields.pop("signal", breached()), facts or serving("1"), **{"policy": ASKING, **fields})


def wish(present=None, **changes):
    """A retraining that would be begun."""
    fields = {"workspace": "dev", "component": "train", "data": "d", "experiment": "e", "model": "m"}
    order = (present or here()).order(Retrain, "w", "drift", **{**fields, **changes.pop("order", {})})
    base = Beginning(what="retraining", about="incident i", title="retrain", why="drift", plan=(order,))
    return dataclasses.replace(base, **changes)


def proposed(beginning=None, **fields):
    """The question about a retraining, as it was put at NOW."""
    facts = put(here(), serving("1"), beginning or wish(), MISSING).facts
    known = facts.proposals["incident i"]
    return replace(known, asked=replace(known.asked, **fields))


def with_question(known):
    return serving("1", proposals={known.about: known})


YES = (Answer(by="grace@contoso.com", at=NOW),)


def test_the_evidence_says_why_what_would_be_ordered_and_under_which_policy():
    present = here()
    evidence = evidence_of(present, wish(author="ada"))
    assert evidence == {
        "would begin": "retrain",
        "why": "drift",
        "waits": "incident i",
        "author": "ada",
        "would order Retrain": "workspace dev, component train, data d, experiment e, model m",
        "champion": "version 1",
        "policy": present.policy_digest[:12],
    }


def test_the_evidence_is_the_same_whichever_signal_would_begin_it():
    one, other = here(signal=breached("r1")), here(signal=asked("retrain"))
    assert evidence_of(one, wish(one)) == evidence_of(other, wish(other))


names = st.dictionaries(st.text("abc", min_size=1), st.text("abc", min_size=1), max_size=3)


@given(names)
@steady
def test_the_order_of_an_orders_inputs_is_no_other_evidence(inputs):
    backwards = dict(reversed(inputs.items()))
    assert evidence_of(here(), wish(order={"inputs": inputs})) == evidence_of(here(), wish(order={"inputs": backwards}))


@pytest.mark.parametrize(
    "changes", [{"order": {"data": "other"}}, {"why": "another"}, {"about": "incident j"}, {"title": "t"}]
)
def test_any_change_of_what_would_be_begun_is_another_question(changes):
    present = here()
    assert digest_of(evidence_of(present, wish())) != digest_of(evidence_of(present, wish(**changes)))


@pytest.mark.parametrize("mode", ["act", "observe"])
def test_a_policy_that_does_not_ask_needs_no_yes(mode):
    assert unanswered(here(policy=policy_with(mode=mode)), wish()) is None


def test_before_it_is_asked_the_reason_says_what_releases_it_and_no_moment():
    reason = unanswered(here(), wish())
    assert (reason.code, reason.until) == ("approval", None)
    assert "asked once nothing else holds it" in reason.text
    assert reason.release == "when one of ml_engineers says yes; outerloop approvals shows the question"


def test_while_it_is_asked_the_reason_says_until_when():
    reason = unanswered(here(with_question(proposed())), wish())
    assert (reason.until, reason.code) == (after("2d"), "approval")
    assert "was asked at 2026-03-02 12:00:00 UTC" in reason.text


def test_a_yes_to_exactly_this_is_enough():
    facts = with_question(proposed(answers=YES))
    assert unanswered(here(facts), wish()) is None
    assert unanswered(here(facts), wish(order={"data": "other"})) is not None


def test_a_yes_is_good_until_the_question_would_have_expired():
    facts = with_question(proposed(answers=YES))
    assert unanswered(here(facts, now=after("47h59m59s")), wish()) is None
    assert unanswered(here(facts, now=after("2d")), wish()) is not None


def test_it_is_asked_when_nothing_but_the_yes_is_missing():
    asking = put(here(), serving("1"), wish(), MISSING)
    (request,), (expiry,) = asking.commands, asking.holds
    known = asking.facts.proposals["incident i"]
    assert (request.approval_id, request.persona, request.title) == (
        known.asked.id,
        WORKLOAD.owner,
        "flight-delay: retrain?",
    )
    assert request.channels == POLICY.personas[WORKLOAD.owner].channels
    assert request.facts == known.asked.evidence
    assert (expiry.signal.purpose, expiry.signal.about, expiry.due) == ("approval_expiry", known.asked.id, after("2d"))
    assert [reason.until for reason in asking.reasons] == [after("2d")]


def test_it_is_not_asked_while_another_guard_holds():
    others = (because("paused", "", release="resume"), *MISSING)
    asking = put(here(), serving("1"), wish(), others)
    assert (asking.commands, asking.holds, asking.reasons, asking.facts.proposals) == ((), (), others, {})


def test_it_is_asked_once():
    facts = with_question(proposed())
    asking = put(here(facts), facts, wish(), MISSING)
    assert (asking.commands, asking.holds, asking.facts) == ((), (), facts)


def test_an_unanswered_question_that_expires_at_this_moment_is_not_asked_again():
    facts = with_question(proposed())
    assert put(here(facts, now=after("3d")), facts, wish(), MISSING).commands == ()


def test_another_plan_is_another_question_in_its_place():
    facts = with_question(proposed())
    asking = put(here(facts), facts, wish(order={"data": "other"}), MISSING)
    (known,) = asking.facts.proposals.values()
    assert known.asked.evidence_digest != facts.proposals["incident i"].asked.evidence_digest


@pytest.mark.parametrize(
    ("present", "old"),
    [
        (here(), False),
        (here(facts=serving("2")), True),
        (here(policy=policy_with(mode="propose", registry="another")), True),
    ],
)
def test_a_question_is_outdated_when_the_policy_or_the_champion_is_another(present, old):
    assert outdated(present, proposed()) is old


def test_a_question_is_found_by_its_id():
    known = proposed()
    assert asked_as(with_question(known), known.asked.id) == known
    assert asked_as(with_question(known), "another") is None
    assert asked_as(Facts(), known.asked.id) is None


# Whether an answer counts


def against(answer, known=None, now=NOW, **rule):
    rule = WORKLOAD.promotion.approval.model_copy(update=rule)
    return codes(objections_to_proposed(answer, known or PLAIN, rule, POLICY.personas[WORKLOAD.owner], now))


PLAIN = Proposal(
    what="promotion",
    about="version 2",
    title="promote version 2",
    asked=ApprovalAsked(id="question", evidence_digest="digest", asked_at=NOW, expires_at=after("2d")),
    author="ada@contoso.com",
)


def test_nothing_speaks_against_a_good_answer():
    assert against(answered()) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"approval_id": "older"}, "not_asked"),
        ({"evidence_digest": "other"}, "evidence_changed"),
        ({"groups": ()}, "not_in_group"),
        ({"by": "ADA@contoso.com"}, "own_work"),
    ],
)
def test_the_objections_are_those_of_every_approval(changes, code):
    assert against(answered(**changes)) == [code]


def test_a_late_answer_does_not_count():
    assert against(answered(), now=after("2d")) == ["expired"]


def test_a_question_with_its_yes_is_closed():
    assert against(answered("reject"), replace(PLAIN, asked=replace(PLAIN.asked, answers=YES))) == ["not_asked"]


def test_authors_may_say_yes_where_the_policy_lets_them():
    assert against(answered(by="ada@contoso.com"), not_by_author=False) == []


# What else knows of questions


def test_a_request_is_stale_once_its_question_is_answered_or_closed():
    asking = put(here(), serving("1"), wish(), MISSING)
    (request,) = asking.commands
    assert stale(request, asking.facts) == ""
    assert stale(request, with_question(proposed(answers=YES))) == "the question is closed"
    assert stale(request, serving("1")) == "the question is closed"


def test_a_promotion_says_who_made_the_version():
    present = here(signal=registered("2"))
    known = put(present, serving("1"), wish(author="ada@contoso.com"), MISSING).facts.proposals["incident i"]
    assert known.author == "ada@contoso.com"
    assert known.asked.evidence["author"] == "ada@contoso.com"
