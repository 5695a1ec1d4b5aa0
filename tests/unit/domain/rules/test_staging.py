"""The orders and judgements of staging checks, one decision at a time. As timelines: ``scenarios/test_staging_checks``."""

import pytest

from shared.domain.facts import CheckResult
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.rules import staging
from tests.unit.domain.builders import finished, known, policy_with, situation, version

JOB = {"kind": "job", "component": "azureml:flight_evaluate@latest", "data": "azureml:flights@latest"}
TWICE = [{**JOB, "metrics": {"auc_min": 0.7}}, {**JOB, "kind": "unit_tests", "metrics": {"failed_max": 0}}]


def checking(*checks):
    return policy_with(promotion={"staging": {"checks": list(checks)}})


def candidate(*checks):
    return version("2", "testing", checks=checks, awaiting=tuple(check.command_id for check in checks))


def heard(command_id, outcome):
    return finished(command_id, "RunEvaluation", outcome)


def test_two_checks_by_one_component_are_two_orders():
    here = situation(heard("x", Succeeded()), known(version("1")), policy=checking(*TWICE))
    ruling = staging.check(here, version("2", "testing"))
    assert len({order.id for order in ruling.commands}) == 2
    assert [check.name for check in ruling.facts.versions["2"].checks] == [
        "azureml:flight_evaluate@latest",
        "unit_tests azureml:flight_evaluate@latest",
    ]


def test_the_first_of_two_answers_waits_for_the_other():
    waiting = candidate(CheckResult(name="a", command_id="a"), CheckResult(name="b", command_id="b"))
    signal = heard("a", Succeeded(data={"auc": 0.8}))
    ruling = staging.on_check(situation(signal, known(waiting), policy=checking(*TWICE)), signal, waiting)
    assert ruling.verdict == "suppress"
    assert [check.passed for check in ruling.facts.versions["2"].checks] == [True, None]


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Failed(retryable=False, reason="no cores left"), "no cores left"),
        (Succeeded(data={"auc": 0.6}), "auc 0.6 (at least 0.7)"),
        (Succeeded(data={"job": "j"}), "auc was not measured"),
    ],
)
def test_a_check_fails_by_its_outcome_its_numbers_or_their_absence(outcome, says):
    waiting, signal = candidate(CheckResult(name="a", command_id="a")), heard("a", outcome)
    ruling = staging.on_check(situation(signal, known(waiting), policy=checking(TWICE[0])), signal, waiting)
    assert ruling.facts.versions["2"].state == "rejected"
    assert says in ruling.reasons[0].text


def test_a_check_that_became_another_kind_meanwhile_does_not_pass():
    waiting, signal = candidate(CheckResult(name="a", command_id="a")), heard("a", Succeeded(data={"auc": 0.9}))
    scanning = policy_with(
        promotion={"staging": {"checks": [{"kind": "image_scan"}]}}, images={"registry": "contoso.azurecr.io"}
    )
    ruling = staging.on_check(situation(signal, known(waiting), policy=scanning), signal, waiting)
    assert "the policy has changed" in ruling.reasons[0].text
