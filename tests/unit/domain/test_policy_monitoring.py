"""Rules of monitoring: what each may say, and which of one workload are in each other's way."""

import pytest
from pydantic import ValidationError

from shared.domain.facts import WINDOWS_KEPT_MAX
from shared.domain.policy import Policy
from shared.domain.policy_drift import DataDrift
from shared.domain.policy_monitoring import rules_in_the_way, unfit_rules
from tests.unit.domain.builders import DATA_RULE, WEEKLY, drift_rule, policy_with, raw_policy


def faults(raw):
    """What is wrong with a policy, in words."""
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(raw)
    return str(caught.value)


def monitoring(*rules):
    return policy_with(monitoring=list(rules)).workloads[0].monitoring


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"for": "5 of 4"}, "can never be met"),
        ({"for": "0 of 4"}, "pattern"),
        ({"for": "3 from 4"}, "pattern"),
        ({"for": f"3 of {WINDOWS_KEPT_MAX + 1}"}, "looks too far back"),
        ({"suspected_above": 0.3}, "must not exceed above"),
        ({"above": 0}, "greater than 0"),
        ({"share_of_features": 1.1}, "less than or equal to 1"),
        ({"min_rows": 0}, "greater than or equal to 1"),
        ({"metric": "wasserstein"}, "'psi'"),
        ({"then": "panic"}, "'annotate' or"),
    ],
)
def test_a_drift_rule_that_could_not_work_is_a_fault(changes, text):
    assert text in faults(raw_policy({"monitoring": [drift_rule(**changes)]}))


def test_a_drift_rule_may_look_back_as_far_as_windows_are_kept():
    rule = DataDrift.model_validate(drift_rule(**{"for": f"1 of {WINDOWS_KEPT_MAX}"}))
    assert rule.considered == WINDOWS_KEPT_MAX


def test_a_retraining_that_nobody_described_is_a_fault():
    assert "needs a retrain: section" in faults(raw_policy({"retrain": None}))


@pytest.mark.parametrize("task", ["vision", "language"])
def test_other_models_than_classical_ones_are_not_retrained_automatically(task):
    assert "is not retrained automatically" in faults(raw_policy({"task": task}))
    assert policy_with(task=task, monitoring=[drift_rule(then="notify")]).workloads[0].task == task


@pytest.mark.parametrize("rule", [WEEKLY, DATA_RULE], ids=lambda rule: rule["when"])
def test_no_trigger_retrains_a_vision_model_without_a_reason(rule):
    known = monitoring(drift_rule(then="notify"), rule)
    (fault,) = unfit_rules("vision", known, may_retrain=True)
    assert fault.path == ("monitoring", 1, "then")
    assert (
        list(
            unfit_rules("vision", monitoring(rule | {"override_reason": "labels come by themselves"}), may_retrain=True)
        )
        == []
    )


def test_an_alert_is_told_whatever_the_task():
    known = monitoring({"when": "infrastructure_alert"})
    assert list(unfit_rules("language", known, may_retrain=False)) == []


def test_rules_that_watch_the_same_thing_are_named_with_their_place():
    again = "two rules"
    assert again in faults(raw_policy({"monitoring": [drift_rule(), drift_rule(then="notify", azure_ml_signals="b")]}))
    assert again in faults(raw_policy({"monitoring": [WEEKLY, WEEKLY]}))
    assert "never" in faults(raw_policy({"monitoring": [{"when": "infrastructure_alert"}] * 2}))


def test_rules_that_watch_different_things_are_fine():
    known = monitoring(drift_rule(), WEEKLY, WEEKLY | {"timezone": "UTC"}, DATA_RULE, {"when": "infrastructure_alert"})
    assert list(rules_in_the_way(known)) == []
