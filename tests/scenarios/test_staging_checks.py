"""What a candidate has to show in staging, and whether a promotion begins without asking, as timelines."""

import pytest

from shared.domain.outcomes import Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import answered, breached, policy_with, registered, serving
from tests.unit.domain.platform_builders import IMAGES as WATCHED
from tests.unit.domain.platform_builders import found_in, listening, pushed

ENDPOINT = {"kind": "endpoint", "payload": "sample_request.json", "latency_p95_ms_max": 1500}
UNIT_TESTS = {
    "kind": "unit_tests",
    "component": "azureml:flight_tests@latest",
    "data": "azureml:flights-labelled@latest",
}
FAIRNESS = {**UNIT_TESTS, "kind": "responsible_ai", "component": "azureml:flight_fairness@latest"}
QUALITY = {**UNIT_TESTS, "kind": "data_quality", "component": "azureml:flight_quality@latest"}
SCAN = {"kind": "image_scan", "severity_max": "low"}
EVERY = [
    ENDPOINT,
    {**UNIT_TESTS, "metrics": {"failed_max": 0}},
    {**QUALITY, "metrics": {"null_share_max": 0.05}},
    {**FAIRNESS, "metrics": {"selection_rate_difference_max": 0.1}},
]
WELL = {"failed": 0.0, "null_share": 0.01, "selection_rate_difference": 0.05, "loss": 0.3}


def checking(*checks, **workload):
    """A policy with these staging checks."""
    return listening(promotion={"staging": {"checks": list(checks)}}, **workload)


def scanning(*checks):
    """The same with images that are watched; the scan of a new image is not waited for."""
    return checking(*checks, images={**WATCHED, "unscanned": "allow"})


def candidate(policy, *before, metrics=WELL):
    """Version 2 came after these signals, and its checks found these metrics."""
    story = Timeline(policy, serving("1"))
    for _ in range(4):
        story.azure.next("RunEvaluation", Succeeded(data=metrics))
    return story.push(*before, registered("2"))


def failures(story):
    """Why checks failed, as the rejection says it."""
    return [reason.text for decision in story.ledger for reason in decision.reasons if reason.code == "check_failed"]


@pytest.mark.rule("staging")
def test_each_check_is_a_job_of_its_own_and_all_of_them_are_shown_to_the_approver():
    story = candidate(checking(*EVERY)).expect(versions={"1": "serving", "2": "awaiting_approval"})
    components = [order.component for order in story.commands("RunEvaluation")]
    assert components == [each["component"] for each in (UNIT_TESTS, QUALITY, FAIRNESS)]
    (question,) = story.commands("RequestApproval")
    assert question.facts["check: unit_tests azureml:flight_tests@latest"] == "failed 0 (at most 0)"
    assert question.facts["check: responsible_ai azureml:flight_fairness@latest"].startswith(
        "selection_rate_difference 0.05"
    )


def test_the_numbers_that_a_check_asked_for_are_kept_as_evidence_and_no_others():
    story = candidate(checking(*EVERY))
    kept = {check.name.partition(" ")[0]: check.metrics for check in story.facts.versions["2"].checks}
    assert kept["unit_tests"] == {"failed": 0.0}
    assert kept["responsible_ai"] == {"selection_rate_difference": 0.05}


@pytest.mark.parametrize(
    ("metric", "named"),
    [("failed", "unit_tests"), ("null_share", "data_quality"), ("selection_rate_difference", "responsible_ai")],
)
def test_one_check_that_fails_ends_the_candidate_and_says_which(metric, named):
    story = candidate(checking(*EVERY), metrics={**WELL, metric: 1.0})
    story.expect(versions={"1": "serving", "2": "rejected"}).expect_reason("check_failed")
    assert [text.split()[1] for text in failures(story)] == [named]


def test_a_check_that_logs_nothing_fails():
    candidate(checking(*EVERY), metrics={"failed": 0.0}).expect(versions={"1": "serving", "2": "rejected"})


@pytest.mark.rule("checks")
def test_an_image_with_a_finding_fails_the_scan_even_where_promotions_suffer_it():
    story = candidate(scanning(ENDPOINT, SCAN), pushed(), found_in(severity="Medium"))
    story.expect(versions={"1": "serving", "2": "rejected"})
    assert "its scan found something medium" in failures(story)[0]


def test_an_image_without_a_finding_is_part_of_the_evidence():
    story = candidate(scanning(ENDPOINT, SCAN), pushed(), found_in(healthy=True))
    story.expect(versions={"1": "serving", "2": "awaiting_approval"})
    (question,) = story.commands("RequestApproval")
    assert question.facts["check: image_scan"].startswith("nothing worse than low in contoso/scoring/flights@")


@pytest.mark.parametrize(("known", "why"), [((pushed(),), "no scan of it is known"), ((), "no image of contoso")])
def test_no_scan_and_no_image_are_no_clean_scan(known, why):
    story = candidate(scanning(ENDPOINT, SCAN), *known).expect(versions={"1": "serving", "2": "rejected"})
    assert why in failures(story)[0]


def test_a_scan_alone_is_judged_as_soon_as_the_candidate_is_in_staging():
    story = candidate(scanning(SCAN), pushed(), found_in(healthy=True))
    story.expect(versions={"1": "serving", "2": "awaiting_approval"})
    assert story.commands("RunEvaluation") == story.commands("CheckEndpoint") == []
    candidate(scanning(SCAN)).expect(versions={"1": "serving", "2": "rejected"})


# A promotion that begins only when the owner says yes

GATED = policy_with(promotion={"start": "approval"})


def test_a_gated_promotion_asks_before_it_orders_anything():
    story = Timeline(GATED, serving("1")).push(registered("2")).expect(versions={"1": "serving", "2": "registered"})
    (question,) = story.commands()
    assert question.title == "flight-delay: promote version 2?"
    assert question.reason == "promotion starts by approval: nothing is begun without a yes"


def test_a_yes_begins_it_and_a_no_ends_the_version():
    for answer, state in (("approve", "awaiting_approval"), ("reject", "rejected")):
        story = Timeline(GATED, serving("1")).push(registered("2"))
        (proposal,) = story.facts.proposals.values()
        asked = proposal.asked
        story.push(answered(answer, approval_id=asked.id, evidence_digest=asked.evidence_digest, by="b@x.y"))
        story.at("0s").expect(versions={"1": "serving", "2": state})


def test_nobody_answers_and_nothing_is_begun():
    story = Timeline(GATED, serving("1")).push(registered("2")).at("48h")
    story.expect(versions={"1": "serving", "2": "rejected"}).expect_reason("expired")
    assert story.commands("ShareModel") == []


def test_a_retraining_is_not_asked_about_when_only_promotions_are_gated():
    Timeline(GATED, serving("1")).push(breached("r1")).expect_ordered("Retrain")


def test_a_gate_that_the_policy_dropped_lets_what_waited_go_on():
    story = Timeline(GATED, serving("1")).push(registered("2"))
    story.policy = policy_with()
    story.at("48h").expect(versions={"1": "serving", "2": "awaiting_approval"})
