"""A retraining that a budget reserves for has a price, in the budget's currency, that fits."""

import pytest

from shared.domain.money import parse_money
from shared.domain.policy_reserves import Price, paying, unfit_reserves
from shared.parsing.policy_file import PolicyError, read_policy
from tests.unit.domain.builders import DEVELOPMENT, GROUP, POLICY_TEXT, PRODUCTION, budgeted

BUDGET = f"{GROUP}/providers/Microsoft.Consumption/budgets/mlops"
COST = "      give_up_after: 3\n"
RESERVE = f"budgets:\n  - scope: {GROUP}\n    reserve: 1000 EUR\n"


def budget(scope=GROUP, reserve="1000 EUR"):
    return budgeted({"retrain": {"estimated_cost": "40 EUR"}}, scope=scope, reserve=reserve).budgets[0]


@pytest.mark.parametrize("scope", [GROUP, GROUP.upper().replace("/SUB", "/sub"), BUDGET, DEVELOPMENT, GROUP + "/"])
def test_a_training_is_paid_by_the_budgets_whose_scope_holds_its_workspace(scope):
    assert paying([budget(scope)], DEVELOPMENT) == (budget(scope),)


@pytest.mark.parametrize("scope", [f"{GROUP}2", PRODUCTION, f"{GROUP}2/providers/Microsoft.Consumption/budgets/mlops"])
def test_and_by_no_other(scope):
    assert paying([budget(scope)], DEVELOPMENT) == ()


def test_a_budget_without_a_reserve_pays_for_nothing_in_advance():
    assert paying(budgeted().budgets, DEVELOPMENT) == ()
    assert not [*unfit_reserves(budgeted().budgets, [Price(("workloads", 0), DEVELOPMENT, None)])]


def fault(cost="", reserve="1000 EUR"):
    """The one fault of such a policy, and the line that it names."""
    text = POLICY_TEXT.replace(COST, f"{COST}      estimated_cost: {cost}\n" if cost else COST)
    text += RESERVE.replace("1000 EUR", reserve)
    with pytest.raises(PolicyError) as raised:
        read_policy("policy.yaml", text)
    (found,) = raised.value.faults
    return found, text.splitlines()[found.line - 1].strip()


def test_a_price_that_fits_is_right():
    text = POLICY_TEXT.replace(COST, f"{COST}      estimated_cost: 40 EUR\n")
    text += RESERVE
    policy = read_policy("policy.yaml", text)
    assert (policy.workloads[0].retrain.estimated_cost, policy.budgets[0].reserve) == (
        parse_money("40 EUR"),
        parse_money("1000 EUR"),
    )


@pytest.mark.parametrize(
    ("cost", "key", "words"),
    [
        ("", "workloads[0].retrain", "write estimated_cost: such as 40 EUR"),
        ("40 USD", "workloads[0].retrain.estimated_cost", "estimated_cost is in USD and the reserve of budget"),
        ("1000.01 EUR", "workloads[0].retrain.estimated_cost", "it could never be trained"),
        ("40", "workloads[0].retrain.estimated_cost", "such as 40 EUR"),
        ("forty EUR", "workloads[0].retrain.estimated_cost", "such as 40 EUR"),
    ],
)
def test_a_price_that_does_not_fit_is_told_with_its_key_and_its_line(cost, key, words):
    found, line = fault(cost)
    assert (found.key, words in found.text) == (key, True)
    assert line == (f"estimated_cost: {cost}" if cost else "retrain:")


def test_a_reserve_without_a_currency_is_told():
    found, line = fault("40 EUR", reserve="1000")
    assert (found.key, "such as 40 EUR" in found.text, line) == ("budgets[0].reserve", True, "reserve: 1000")


def test_a_fleet_limit_of_one_workload_is_no_key():
    text = POLICY_TEXT.replace("    mode: act ", '    limits: {fleet_retrains: ["2/1d"]}\n    mode: act ')
    with pytest.raises(PolicyError) as raised:
        read_policy("policy.yaml", text)
    (found,) = raised.value.faults
    assert (found.key, "allowed are retrains" in found.text) == ("workloads[0].limits.fleet_retrains", True)
