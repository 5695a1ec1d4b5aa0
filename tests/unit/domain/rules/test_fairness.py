import pytest

from shared.domain.policy_performance import Fairness
from shared.domain.rules.fairness import judge_groups
from shared.domain.telemetry_signals import GroupMeasured
from tests.unit.domain.builders import performed

BASE = {
    "when": "fairness",
    "sensitive": "age_group",
    "metric": "equal_opportunity_difference",
    "above": 0.1,
    "suspected_above": 0.08,
}


def rule(**changes):
    return Fairness.model_validate({key: value for key, value in {**BASE, **changes}.items() if value is not None})


def by_age(gap, metric="equal_opportunity_difference", rows=(500, 400, 30), **fields):
    groups = tuple(GroupMeasured(group=f"age {n}", rows=count) for n, count in enumerate(rows))
    return performed(3, sensitive="age_group", groups=groups, disparities={metric: gap}, **fields)


@pytest.mark.parametrize(("gap", "verdict"), [(0.11, "detected"), (0.1, "suspected"), (0.08, "pass")])
def test_a_gap_between_groups_is_judged(gap, verdict):
    assert judge_groups(rule(), by_age(gap)).verdict == verdict


def test_a_ratio_is_judged_from_below():
    ratio = rule(metric="demographic_parity_ratio", above=None, suspected_above=None, below=0.8)
    assert judge_groups(ratio, by_age(0.79, "demographic_parity_ratio")).verdict == "detected"
    assert judge_groups(ratio, by_age(0.8, "demographic_parity_ratio")).verdict == "pass"


def test_the_difference_of_selection_rates_has_two_names():
    selection = rule(metric="selection_rate_difference")
    assert judge_groups(selection, by_age(0.2, "demographic_parity_difference")).verdict == "detected"
    assert judge_groups(selection, by_age(0.2, "selection_rate_difference")).verdict == "detected"


@pytest.mark.parametrize(
    "heard",
    [
        by_age(0.5, rows=(500, 99)),
        by_age(0.5, rows=()),
        by_age(0.5, metric="accuracy_difference"),
        performed(3, disparities={"equal_opportunity_difference": 0.5}),
    ],
)
def test_without_two_large_groups_or_the_measure_nothing_is_said(heard):
    assert judge_groups(rule(), heard).verdict == "no_data"


def test_the_reason_names_the_groups_that_were_large_enough():
    text = judge_groups(rule(), by_age(0.2)).text
    assert (
        "equal_opportunity_difference by age_group is 0.200 where 0.1 is the limit; age 0 500 rows, age 1 400" in text
    )
    assert "age 2" not in text
