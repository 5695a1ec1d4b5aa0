import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.approvals import digest_of, objections, quorum_for
from shared.domain.facts import Answer
from shared.domain.policy_promotion import Approval
from tests.unit.domain.builders import NOW, POLICY, WORKLOAD, after, answered, awaiting, codes, steady, version

RULE = WORKLOAD.promotion.approval
PERSONA = POLICY.personas["ml_engineers"]


def against(answer, now=NOW, rule=RULE, **waiting):
    """The codes of what speaks against an answer about a version that waits."""
    asked_about = awaiting("2", **waiting).versions["2"]
    return codes(objections(answer, asked_about, rule, PERSONA, now))


def test_nothing_speaks_against_a_good_answer():
    assert against(answered()) == []


def test_a_version_that_waits_for_nobody_has_no_question():
    unasked = version("2", "awaiting_approval")
    assert codes(objections(answered(), unasked, RULE, PERSONA, NOW)) == ["not_asked"]


def test_an_answer_to_another_question_is_none():
    assert against(answered(approval_id="older question")) == ["not_asked"]


def test_a_version_that_went_on_has_no_question_any_more():
    gone_on = awaiting("2").versions["2"].after("approved", NOW)
    assert codes(objections(answered(), gone_on, RULE, PERSONA, NOW)) == ["not_asked"]


def test_the_last_moment_is_in_time_and_the_next_is_not():
    assert against(answered(), now=after("47h59m59s")) == []
    assert against(answered(), now=after("48h")) == ["expired"]


def test_an_answer_to_other_evidence_does_not_count():
    assert against(answered(evidence_digest="what was shown yesterday")) == ["evidence_changed"]


@pytest.mark.parametrize("groups", [(), ("another group",)])
def test_somebody_outside_the_group_may_neither_approve_nor_reject(groups):
    assert against(answered(groups=groups)) == ["not_in_group"]
    assert against(answered("reject", groups=groups)) == ["not_in_group"]


@pytest.mark.parametrize("who", ["ada@contoso.com", "Ada@Contoso.com"])
def test_the_author_may_not_approve_her_own_work_but_may_withdraw_it(who):
    assert against(answered(by=who)) == ["own_work"]
    assert against(answered("reject", by=who)) == []


def test_a_policy_may_let_authors_approve():
    rule = RULE.model_copy(update={"not_by_author": False})
    assert against(answered(by="ada@contoso.com"), rule=rule) == []


def test_one_person_counts_once():
    given_before = {"quorum": 2, "answers": (Answer(by="Grace@Contoso.com", at=NOW),)}
    assert against(answered(), asked=given_before) == ["answered_before"]
    assert against(answered(by="alan@contoso.com"), asked=given_before) == []


def test_every_objection_is_listed():
    answer = answered(by="ada@contoso.com", groups=(), evidence_digest="other")
    before = {"answers": (Answer(by="ada@contoso.com", at=NOW),)}
    assert against(answer, now=after("3d"), asked=before) == [
        "expired",
        "evidence_changed",
        "not_in_group",
        "own_work",
        "answered_before",
    ]


@pytest.mark.parametrize(
    ("quorum", "not_by_author", "author", "people"),
    [(1, True, "ada", 1), (1, True, "", 2), (1, False, "", 1), (3, True, "", 3), (2, True, "ada", 2)],
)
def test_an_unknown_author_takes_two_people(quorum, not_by_author, author, people):
    rule = Approval(by="ml_engineers", quorum=quorum, not_by_author=not_by_author)
    assert quorum_for(rule, author) == people


texts = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)


@given(texts, texts)
@steady
def test_any_change_of_the_evidence_changes_its_digest(one, other):
    assert (digest_of(one) == digest_of(other)) == (one == other)


def test_the_order_of_the_evidence_does_not_matter():
    assert digest_of({"a": "1", "b": "2"}) == digest_of({"b": "2", "a": "1"})
