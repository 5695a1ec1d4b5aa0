"""Rules on what goes into a model and what comes out of it."""

import pytest

from tests.unit.domain.builders import drift_rule
from tests.unit.domain.telemetry_rules import PREDICTIONS, QUALITY, faults, rule


@pytest.mark.parametrize(
    ("metric", "above", "suspected"), [("psi", 0.2, 0.1), ("jensen_shannon", 0.2, 0.1), ("ks", 0.3, 0.15)]
)
def test_a_metric_has_its_own_usual_suspicion(metric, above, suspected):
    assert rule(PREDICTIONS, metric=metric, above=above).suspected == suspected
    drift = rule(drift_rule(suspected_above=None), metric=metric, above=above)
    assert drift.suspected == suspected
    assert rule(PREDICTIONS, metric=metric, above=above, suspected_above=0.07).suspected == 0.07


@pytest.mark.parametrize(
    ("base", "changes", "text"),
    [
        (PREDICTIONS, {"suspected_above": 0.2}, "must not exceed above"),
        (PREDICTIONS, {"above": None}, "valid number"),
        (PREDICTIONS, {"metric": "wasserstein"}, "'psi'"),
        (QUALITY, {"nulls_above": None}, "needs a limit"),
        (QUALITY, {"suspected_nulls_above": 0.06}, "must not exceed nulls_above"),
        (QUALITY, {"suspected_outside_above": 0.06}, "needs outside_above"),
        (QUALITY, {"features": []}, "at least 1"),
        (PREDICTIONS, {"for": "3 of 2"}, "can never be met"),
    ],
)
def test_a_rule_that_could_not_work_is_a_fault(base, changes, text):
    assert text in faults({**base, **changes})


def test_a_fault_is_suspected_from_its_limit_on_unless_the_rule_says_otherwise():
    assert rule(QUALITY).suspected_limits == {"nulls": 0.05}
    careful = rule(QUALITY, suspected_nulls_above=0.02, outside_above=0.2)
    assert careful.limits == {"nulls": 0.05, "outside": 0.2}
    assert careful.suspected_limits == {"nulls": 0.02, "outside": 0.2}
