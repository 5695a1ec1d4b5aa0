import pytest
from pydantic import ValidationError

from shared.domain.policy import Policy
from shared.domain.policy_budgets import BudgetRule
from tests.unit.domain.builders import GROUP, TIERS, budgeted, raw_policy


def faults(**changes):
    with pytest.raises(ValidationError) as caught:
        BudgetRule.model_validate({"scope": GROUP, "tiers": TIERS, **changes})
    return str(caught.value)


def test_one_persona_may_be_written_without_brackets():
    first, second, freeze = budgeted().budgets[0].tiers
    assert (first.to, second.to, freeze.to) == (("project_owner",), ("project_owner", "ml_engineers"), ())
    assert budgeted().budgets[0].personas == ("project_owner", "ml_engineers")


def test_a_budget_begins_anew_each_month_unless_the_policy_says_otherwise():
    assert budgeted().budgets[0].period == "month"
    assert budgeted(period="quarter").budgets[0].period == "quarter"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tiers": [{"at": 0.5}]}, "the tier at 0.5 does nothing"),
        ({"tiers": list(reversed(TIERS))}, "tiers must rise"),
        ({"forecast": [{"at": 1.1, "to": "x"}, {"at": 1.1, "to": "y"}]}, "forecast must rise"),
        ({"tiers": []}, "needs tiers:, forecast: or reserve:"),
        ({"tiers": [{"at": 1.0, "then": "freeze_retraining"}]}, "nobody is told"),
        ({"tiers": [{"at": 90, "to": "project_owner"}]}, "less than or equal to 10"),
        ({"tiers": [{"at": 1.0, "then": "freeze_everything"}]}, "'freeze_retraining'"),
        ({"forecast": [{"at": 1.0, "then": "freeze_retraining", "to": "x"}]}, "Extra inputs"),
        ({"scope": "mlops"}, "should match pattern"),
        ({"period": "week"}, "'month', 'quarter' or 'year'"),
    ],
)
def test_a_budget_that_could_not_work_is_a_fault(changes, text):
    assert text in faults(**changes)


def test_a_persona_that_is_not_defined_is_a_fault_that_names_those_that_are():
    with pytest.raises(ValidationError, match=r"persona 'cfo' is unknown; defined are \['ml_engineers'"):
        budgeted(tiers=[{"at": 0.5, "to": "cfo"}])


def test_two_rules_of_one_scope_are_a_fault_however_they_are_written():
    rule = {"scope": GROUP, "tiers": [{"at": 0.5, "to": "ml_engineers"}]}
    with pytest.raises(ValidationError, match="two budgets have the scope"):
        Policy.model_validate(
            raw_policy(
                budgets=[rule, {**rule, "scope": GROUP.upper().replace("/SUBSCRIPTIONS", "/subscriptions") + "/"}]
            )
        )
