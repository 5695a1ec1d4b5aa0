"""What a person is shown is what the answer is bound to, and an answer acts once."""

import dataclasses
from datetime import timedelta

import pytest

from shared.domain.approvals import digest_of
from shared.domain.commands import kind_of
from shared.domain.facts import ApprovalAsked, Version
from shared.domain.rules.approval import evidence_of
from shared.domain.situation import Situation
from shared.domain.values import replace
from shared.services.answers import counted
from shared.signing import Question
from tests.unit.services.fakes import NOON, SUBJECT, WORKLOAD, FixedPolicy
from tests.unit.services.signals import asked as asked_by_operator
from tests.unit.services.signals import registered, serving

GROUP = "00000000-0000-0000-0000-000000000001"
QUESTION = Question(WORKLOAD, "approval-1")
EVE, ADA = "eve@contoso.com", "ada@contoso.com"


def asking(quorum=1, author=ADA):
    """Facts in which version 2 waits for its approval, with the evidence of the example's policy."""
    version = Version(
        version="2",
        model="flight-delay",
        state="awaiting_approval",
        since=NOON,
        registered_at=NOON,
        author=author,
    )
    evidence = evidence_for(version)
    approval = ApprovalAsked(
        id="approval-1",
        evidence_digest=digest_of(evidence),
        asked_at=NOON,
        expires_at=NOON + timedelta(hours=1),
        evidence=evidence,
        quorum=quorum,
    )
    return serving().with_version(replace(version, approval=approval))


def evidence_for(version):
    """What a person is shown about a version."""
    loaded = FixedPolicy().loaded
    situation = Situation(
        policy=loaded.policy,
        policy_digest=loaded.digest,
        workload=loaded.policy.workload(WORKLOAD),
        subject=SUBJECT,
        signal=asked_by_operator(),
        facts=serving(),
        now=NOON,
    )
    return evidence_of(situation, version)


EVIDENCE = asking().versions["2"].approval.evidence


@pytest.fixture
async def asked(world):
    await world.order(facts=asking())
    return world


async def answered(world, person=EVE, groups=(GROUP,), answer="approve", digest="", comment=""):
    """Give an answer about what is shown; returns what was decided about it."""
    version = (await world.facts()).versions.get("2")
    digest = digest or (version.approval.evidence_digest if version else "none")
    signal = world.answers.signal(QUESTION, person, groups, answer, digest, comment)
    await world.ingest.tell(signal)
    return await world.answers.decision(signal)


def codes(decision):
    return [reason.code for reason in decision.reasons]


# Reading


async def test_a_question_is_shown_with_its_evidence(asked):
    shown = await asked.answers.read(QUESTION, EVE, (GROUP,))
    assert (shown.workload, shown.version, shown.asked.evidence) == (WORKLOAD, "2", EVIDENCE)
    assert shown.evidence_digest == digest_of(EVIDENCE)
    assert shown.objections == ()
    assert shown.may_reject


async def test_reading_changes_nothing(asked):
    before = await asked.store.facts(SUBJECT)
    await asked.answers.read(QUESTION, EVE, (GROUP,))
    assert await asked.store.facts(SUBJECT) == before
    assert len(await asked.store.decisions(None, 10)) == 1
    assert asked.queue.sent == []


async def test_the_author_sees_why_the_yes_would_not_count(asked):
    shown = await asked.answers.read(QUESTION, ADA.upper(), (GROUP,))
    assert [reason.code for reason in shown.objections] == ["own_work"]
    assert shown.may_reject


async def test_somebody_outside_the_group_sees_that(asked):
    shown = await asked.answers.read(QUESTION, EVE, ("another-group",))
    assert [reason.code for reason in shown.objections] == ["not_in_group"]
    assert not shown.may_reject


async def test_an_expired_question_says_so(asked):
    asked.clock.pass_seconds(3600)
    shown = await asked.answers.read(QUESTION, EVE, (GROUP,))
    assert [reason.code for reason in shown.objections] == ["expired"]


async def test_an_unknown_question_is_closed(asked):
    assert await asked.answers.read(Question(WORKLOAD, "another"), EVE, (GROUP,)) is None
    assert await asked.answers.read(Question("another", "approval-1"), EVE, (GROUP,)) is None


async def test_an_answered_question_is_closed(asked):
    await answered(asked)
    assert await asked.answers.read(QUESTION, EVE, (GROUP,)) is None


# Answering


@pytest.mark.parametrize("word", ["", "yes", "APPROVE", "approve "])
def test_only_approve_and_reject_are_answers(world, word):
    assert world.answers.signal(QUESTION, EVE, (GROUP,), word, "digest", "") is None


async def test_a_yes_deploys(asked):
    decision = await answered(asked)
    assert (decision.verdict, codes(decision)) == ("act", ["approved"])
    assert counted(decision)
    assert (await asked.facts()).versions["2"].state == "deploying"
    assert len(asked.queue.sent) == 1


async def test_a_no_rejects_with_the_comment(asked):
    decision = await answered(asked, answer="reject", comment="not on a Friday")
    assert "not on a Friday" in decision.reasons[0].text
    assert (await asked.facts()).versions["2"].state == "rejected"


async def test_the_same_answer_twice_acts_once(asked):
    first = await answered(asked)
    sent = list(asked.queue.sent)
    again = await answered(asked, person=EVE.upper())
    assert again == first
    assert asked.queue.sent == sent


async def test_a_no_after_the_yes_comes_too_late(asked):
    await answered(asked)
    decision = await answered(asked, answer="reject")
    assert codes(decision) == ["not_asked"]
    assert not counted(decision)
    assert (await asked.facts()).versions["2"].state == "deploying"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"person": ADA}, "own_work"),
        ({"groups": ()}, "not_in_group"),
        ({"digest": "of other evidence"}, "evidence_changed"),
    ],
)
async def test_a_yes_that_does_not_count_says_why_and_changes_nothing(asked, changes, code):
    decision = await answered(asked, **changes)
    assert (decision.verdict, codes(decision)) == ("suppress", [code])
    assert (await asked.facts()).versions["2"].state == "awaiting_approval"
    assert asked.queue.sent == []


async def test_a_yes_after_the_end_does_not_count(asked):
    asked.clock.pass_seconds(3600)
    assert codes(await answered(asked)) == ["expired"]


async def test_evidence_that_changed_meanwhile_voids_the_answer(asked):
    version = (await asked.facts()).versions["2"]
    before = version.approval.evidence_digest
    changed = replace(version, approval=replace(version.approval, evidence_digest="newer"))
    await asked.order(cause="changed", facts=(await asked.facts()).with_version(changed))
    assert codes(await answered(asked, digest=before)) == ["evidence_changed"]


async def test_a_policy_that_changed_meanwhile_is_asked_about_anew(asked):
    asked.policies.change("bake: 30m", "bake: 45m")
    decision = await answered(asked)
    assert [type(command).__name__ for command in decision.commands] == ["RequestApproval"]
    version = (await asked.facts()).versions["2"]
    assert version.state == "awaiting_approval"
    assert version.approval.id != "approval-1"


async def test_with_a_quorum_of_two_it_takes_two_people(world):
    await world.order(facts=asking(quorum=2, author=""))
    first = await answered(world)
    assert codes(first) == ["approved", "quorum"]
    assert counted(first)
    assert codes(await answered(world, person="mallory@contoso.com")) == ["approved"]
    assert (await world.facts()).versions["2"].state == "deploying"


async def test_one_person_is_one_however_the_name_is_written(world):
    await world.order(facts=asking(quorum=2, author=""))
    await answered(world)
    await answered(world, person=EVE.title())
    assert len((await world.facts()).versions["2"].approval.answers) == 1


async def test_who_joined_the_group_since_may_answer_again(asked):
    assert codes(await answered(asked, groups=())) == ["not_in_group"]
    assert codes(await answered(asked)) == ["approved"]


async def test_a_long_comment_is_cut(world):
    assert len(world.answers.signal(QUESTION, EVE, (GROUP,), "reject", "digest", "x" * 5000).comment) == 500


async def test_nobody_answers_until_the_question_is_asked(world):
    assert codes(await answered(world)) == ["not_asked"]


# What would be begun, under ``mode: propose``


@pytest.fixture
async def proposing(world):
    """The owner was asked whether to promote version 2."""
    world.policies.change("mode: act ", "mode: propose ")
    await world.ingest.tell(registered("2"))
    return world


async def proposal(world):
    (known,) = (await world.facts()).proposals.values()
    return known


async def said(world, answer="approve", person=EVE, groups=(GROUP,), **changes):
    asked_as = (await proposal(world)).asked
    question = Question(WORKLOAD, asked_as.id)
    signal = world.answers.signal(
        question, person, groups, answer, changes.get("digest", asked_as.evidence_digest), changes.get("comment", "")
    )
    await world.ingest.tell(signal)
    return await world.answers.decision(signal)


async def sent(world):
    rows = [row for one in await world.store.decisions(SUBJECT, 99) for row in await world.store.commands(one.id)]
    assert {row.command.id for row in rows} == {one.command_id for one in world.queue.sent}
    return [kind_of(row.command) for row in rows]


async def test_what_would_be_begun_is_shown_with_its_evidence(proposing):
    known = await proposal(proposing)
    shown = await proposing.answers.read(Question(WORKLOAD, known.asked.id), EVE, (GROUP,))
    assert (shown.begins, shown.asked, shown.objections, shown.may_reject) == (
        "promote version 2",
        known.asked,
        (),
        True,
    )
    assert shown.title == "May the loop promote version 2 (flight-delay)?"


@pytest.mark.parametrize(
    ("person", "groups", "code", "may_reject"),
    [(ADA, (GROUP,), "own_work", True), (EVE, ("another-group",), "not_in_group", False)],
)
async def test_who_may_not_say_yes_to_a_beginning_sees_why(proposing, person, groups, code, may_reject):
    question = Question(WORKLOAD, (await proposal(proposing)).asked.id)
    shown = await proposing.answers.read(question, person, groups)
    assert [reason.code for reason in shown.objections] == [code]
    assert shown.may_reject is may_reject


async def test_a_question_is_sent_although_what_it_is_about_is_held(proposing):
    assert await sent(proposing) == ["RequestApproval"]


async def test_a_yes_begins_with_the_next_sweep(proposing):
    question = Question(WORKLOAD, (await proposal(proposing)).asked.id)
    decision = await said(proposing)
    assert counted(decision)
    assert await proposing.answers.read(question, EVE, (GROUP,)) is None
    proposing.clock.pass_seconds(1)
    await proposing.sweeper.run()
    assert await sent(proposing) == ["RequestApproval", "ShareModel", "RecordReference"]
    facts = await proposing.facts()
    assert (facts.proposals, facts.held, facts.versions["2"].state) == ({}, {}, "staging")
    assert await proposing.store.holds(SUBJECT) == []


async def test_a_no_to_a_beginning_ends_it(proposing):
    decision = await said(proposing, "reject", comment="not on a Friday")
    assert counted(decision)
    assert "not on a Friday" in decision.reasons[0].text
    assert (await proposing.facts()).versions["2"].state == "rejected"
    assert await proposing.store.holds(SUBJECT) == []


async def test_a_yes_to_a_policy_that_changed_is_not_counted_and_asked_anew(proposing):
    before = (await proposal(proposing)).asked
    proposing.policies.loaded = dataclasses.replace(proposing.policies.loaded, digest="another policy")
    decision = await said(proposing)
    assert (codes(decision), counted(decision)) == (["evidence_changed"], False)
    proposing.clock.pass_seconds(1)
    await proposing.sweeper.run()
    assert (await proposal(proposing)).asked.id != before.id
    assert await sent(proposing) == ["RequestApproval", "RequestApproval"]


async def test_when_nobody_answers_the_sweep_ends_it(proposing):
    proposing.clock.pass_seconds(2 * 24 * 3600)
    await proposing.sweeper.run()
    assert (await proposing.facts()).versions["2"].state == "rejected"
    assert await proposing.store.holds(SUBJECT) == []
