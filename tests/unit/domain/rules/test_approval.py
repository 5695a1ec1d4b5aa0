from shared.domain.approvals import digest_of
from shared.domain.evaluate import evaluate
from shared.domain.facts import Answer, CheckResult
from shared.domain.rules.approval import ask, evidence_of
from tests.unit.domain import builders
from tests.unit.domain.builders import (
    NOW,
    after,
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

CHECKED = version(
    "2", "awaiting_approval", checks=(CheckResult(name="endpoint", command_id="c", passed=True, detail="p95 40"),)
)


def awaiting(number, *others, **fields):
    """Version 2 waits for an answer to the very evidence that would be shown now."""
    facts = builders.awaiting(number, *others, **fields)
    digest = digest_of(evidence_of(situation(registered(number), facts), facts.versions[number]))
    return builders.awaiting(
        number, *others, **{**fields, "asked": {**fields.get("asked", {}), "evidence_digest": digest}}
    )


def answered(answer="approve", facts=None, **fields):
    """An answer of somebody who saw the evidence that the facts hold."""
    shown = (facts or awaiting("2", version("1"))).versions["2"].approval.evidence_digest
    return builders.answered(answer, **{"evidence_digest": shown, **fields})


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


def question(candidate=CHECKED, facts=None, **fields):
    return ask(situation(registered("2"), facts or serving("1"), **fields), candidate)


def test_people_see_the_model_what_it_replaces_its_checks_and_the_exact_plan():
    evidence = evidence_of(situation(registered("2"), serving("1")), CHECKED)
    assert evidence["model"] == "flight-delay version 2"
    assert evidence["replaces"] == "version 1"
    assert evidence["check: endpoint"] == "p95 40"
    assert evidence["plan"] == "10 → 50 → 100 %, 30m at each step"
    assert evidence["author"] == "ada@contoso.com"


def test_a_first_version_replaces_nothing():
    evidence = evidence_of(situation(registered("2")), version("2", "awaiting_approval", author=""))
    assert evidence["replaces"] == "nothing: it is the first version"
    assert (evidence["author"], evidence["plan"]) == ("unknown", "probe, then 100 % (there is no champion)")


def test_another_policy_is_other_evidence():
    stricter = policy_with(promotion={"rollout": {"steps": [5, 100]}})
    assert evidence_of(situation(registered("2")), CHECKED) != evidence_of(
        situation(registered("2"), policy=stricter), CHECKED
    )


def test_the_question_is_bound_to_the_evidence_that_is_sent():
    ruling = question()
    asked, request = ruling.facts.versions["2"].approval, ordered(ruling, "RequestApproval")
    assert asked.evidence_digest == digest_of(request.facts)
    assert (request.approval_id, request.expires_at, request.persona) == (asked.id, after("2d"), "ml_engineers")


def test_the_question_expires_by_a_hold():
    (hold,) = question().holds
    assert (hold.signal.purpose, hold.due) == ("approval_expiry", after("2d"))


def test_an_unknown_author_raises_the_quorum_to_two():
    assert question(version("2", "awaiting_approval", author="")).facts.versions["2"].approval.quorum == 2
    assert question().facts.versions["2"].approval.quorum == 1


def test_a_yes_deploys_to_production_and_lets_the_expiry_go():
    facts = awaiting("2", version("1"))
    done = decide(answered(), facts)
    deployment = ordered(done, "DeployModel")
    assert (deployment.endpoint, deployment.deployment) == ("flight-delay", "version-2")
    approved = done.facts.versions["2"]
    assert (approved.state, approved.awaiting, approved.deployment) == ("deploying", (deployment.id,), "version-2")
    expiry = situation(answered(), facts).wake("approval_expiry", "question", NOW)
    assert done.released == (expiry.id,)


def test_a_no_ends_the_candidate_with_the_comment():
    done = decide(answered("reject", comment="the bias is too large"), awaiting("2", version("1")))
    assert done.facts.versions["2"].state == "rejected"
    assert "the bias is too large" in ordered(done, "Notify").facts["refused"]
    assert kinds(done) == ["Notify", "RemoveDeployment"]


def test_a_quorum_of_two_waits_for_a_second_person():
    facts = awaiting("2", version("1"), asked={"quorum": 2})
    done = decide(answered(), facts)
    assert (codes(done), kinds(done)) == (["approved", "quorum"], [])
    assert done.facts.versions["2"].approval.answers == (Answer(by="grace@contoso.com", at=NOW),)
    assert codes(decide(answered(dedup_key="again"), done.facts)) == ["answered_before"]
    assert kinds(decide(answered(by="alan@contoso.com"), done.facts)) == ["DeployModel"]


def test_one_no_outweighs_a_yes():
    facts = decide(answered(), awaiting("2", version("1"), asked={"quorum": 2})).facts
    assert decide(answered("reject", by="alan@contoso.com"), facts).facts.versions["2"].state == "rejected"


def test_an_answer_that_does_not_count_changes_nothing():
    facts = awaiting("2", version("1"))
    done = decide(answered(groups=()), facts)
    assert (done.decision.verdict, codes(done), done.facts) == ("suppress", ["not_in_group"], facts)


def test_an_answer_to_a_question_of_long_ago_changes_nothing():
    assert codes(decide(answered(approval_id="long ago"), awaiting("2", version("1")))) == ["not_asked"]
    approved = decide(answered(), awaiting("2", version("1"))).facts
    assert codes(decide(answered(by="alan@contoso.com"), approved)) == ["not_asked"]


def test_silence_is_a_no():
    done = decide(elapsed("approval_expiry", "question"), awaiting("2", version("1")), now=after("2d"))
    assert (codes(done), done.facts.versions["2"].state) == (["expired"], "rejected")


def test_an_expiry_after_the_answer_changes_nothing():
    approved = decide(answered(), awaiting("2", version("1"))).facts
    done = decide(elapsed("approval_expiry", "question"), approved)
    assert (codes(done), done.facts) == (["answered"], approved)


def test_only_the_version_that_was_asked_about_is_approved():
    facts = known(version("1"), awaiting("2", version("1")).versions["2"], version("3", "registered"))
    assert decide(answered(), facts).facts.versions["3"].state == "registered"


def test_a_yes_to_a_plan_that_has_changed_since_asks_anew_about_the_new_one():
    stricter = policy_with(promotion={"rollout": {"steps": [5, 100]}})
    facts = awaiting("2", version("1"))
    done = decide(answered(), facts, policy=stricter)
    assert (kinds(done), done.facts.versions["2"].state) == (["RequestApproval"], "awaiting_approval")
    assert done.facts.versions["2"].approval.id != "question"
    assert codes(done)[0] == "evidence_changed"
    assert done.released == (situation(answered(), facts).wake("approval_expiry", "question", NOW).id,)
    assert "5 → 100 %" in ordered(done, "RequestApproval").facts["plan"]
    assert decide(answered("reject"), facts, policy=stricter).facts.versions["2"].state == "rejected"


def test_a_yes_to_replace_a_champion_that_was_rolled_back_meanwhile_asks_anew():
    moved_on = known(version("3"), awaiting("2", version("1")).versions["2"])
    assert kinds(decide(answered(), moved_on)) == ["RequestApproval"]
