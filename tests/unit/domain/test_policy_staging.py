"""Retraining in staging is refused where it cannot be, or should not be without a reason; it is off when it is left out."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from shared.domain.money import Money
from shared.domain.reservations import accounts
from tests.unit.domain.builders import DEVELOPMENT, GROUP, POLICY, PRODUCTION, WORKLOAD, budgeted, policy_with

TRAINING = {"component": "azureml:flight_train@latest", "data": "azureml:flights-in-production@latest"}
STAGING = WORKLOAD.environments.staging.workspace
PIPELINE = {"github_workflow": {"repository": "contoso/flights", "workflow": "promote.yml"}}


def retraining(training=None, promotion=None, **workload):
    wanted = {"staging": {"retrain": TRAINING | (training or {})}} | (promotion or {})
    return policy_with(promotion=wanted, **workload)


def test_it_is_off_when_the_policy_says_nothing():
    assert POLICY.workloads[0].promotion.staging.retrain is None


def test_a_classical_and_a_language_model_may_be_retrained_and_are_rejected_when_that_fails():
    assert retraining().workloads[0].promotion.staging.retrain.otherwise == "reject"
    assert retraining(task="language", monitoring=[]).workloads[0].task == "language"


def test_a_vision_model_is_not_unless_the_policy_says_why():
    with pytest.raises(ValidationError, match="a vision model is tested as it was registered"):
        retraining(task="vision", monitoring=[])
    with_reason = {"override_reason": "the labels of production are checked twice"}
    assert retraining(with_reason, task="vision", monitoring=[]).workloads[0].promotion.staging.retrain


@pytest.mark.parametrize("other", [DEVELOPMENT, PRODUCTION])
def test_staging_needs_a_workspace_of_its_own(other):
    environments = {"staging": {"workspace": other}}
    with pytest.raises(ValidationError, match="give staging a workspace of its own"):
        retraining(environments=environments)
    assert policy_with(environments=environments)  # without a retraining it may share one


def test_a_pipeline_that_promotes_trains_by_itself():
    with pytest.raises(ValidationError, match="let that train them anew"):
        retraining(promotion={"with": PIPELINE})


def test_a_limit_that_says_neither_least_nor_most_is_refused():
    with pytest.raises(ValidationError, match="_min or _max"):
        retraining({"metrics": {"auc": 0.6}})


def paid(scope, cost="15 EUR"):
    training = TRAINING | ({"estimated_cost": cost} if cost else {})
    checks = [check.model_dump() for check in WORKLOAD.promotion.staging.checks]
    workload = {
        "retrain": {"estimated_cost": "40 EUR"},
        "promotion": {"staging": {"checks": checks, "retrain": training}},
    }
    return budgeted(workload, scope=scope, reserve="100 EUR")


def test_its_own_price_is_charged_to_the_budgets_that_pay_for_the_staging_workspace():
    ((account,), cost) = accounts(paid(STAGING), "flight-delay", STAGING.upper())
    assert (account.reserve.amount, cost) == (Decimal(100), Money(amount=Decimal(15), currency="EUR"))
    assert accounts(paid(STAGING), "flight-delay", DEVELOPMENT) == ((), Money(amount=Decimal(40), currency="EUR"))


def test_a_budget_that_reserves_for_it_needs_its_price():
    with pytest.raises(ValidationError, match="write estimated_cost: such as 40 EUR"):
        paid(GROUP, cost="")
