"""Rules on predictions that met their labels."""

from datetime import timedelta

import pytest

from tests.unit.domain.telemetry_rules import ERRORS, FAIR, PERFORMANCE, faults, rule


@pytest.mark.parametrize(
    ("base", "changes", "text"),
    [
        (PERFORMANCE, {"below": None}, "write below:"),
        (PERFORMANCE, {"above": 0.9}, "more is better: write below:"),
        (PERFORMANCE, {"suspected_above": 0.9}, "more is better: write below:"),
        (PERFORMANCE, {"suspected_below": 0.6}, "must not be less than below"),
        (PERFORMANCE, {"metric": "happiness"}, "'auc'"),
        (ERRORS, {"below": 3.0}, "less is better: write above:"),
        (ERRORS, {"suspected_above": 13.0}, "must not exceed above"),
        (FAIR, {"sensitive": ""}, "at least 1 character"),
        (FAIR, {"metric": "demographic_parity_ratio"}, "more is better: write below:"),
    ],
)
def test_a_rule_that_could_not_work_is_a_fault(base, changes, text):
    assert text in faults({**base, **changes})


def test_the_limit_of_a_measure_is_on_its_bad_side():
    assert rule(PERFORMANCE).beyond(0.65, rule(PERFORMANCE).limit)
    assert not rule(PERFORMANCE).beyond(0.66, rule(PERFORMANCE).limit)
    assert rule(ERRORS).beyond(12.1, rule(ERRORS).limit)
    assert not rule(ERRORS).beyond(12.0, rule(ERRORS).limit)
    ratio = rule(FAIR | {"metric": "demographic_parity_ratio", "above": None, "below": 0.8})
    assert (ratio.sense, ratio.limit, ratio.suspected) == ("below", 0.8, 0.8)


def test_labels_are_waited_for_a_month_unless_the_rule_says_otherwise():
    assert rule(PERFORMANCE).labels_within == timedelta(days=30)
    assert rule(FAIR, labels_within="7d").labels_within == timedelta(days=7)


def test_a_workload_has_one_sensitive_column():
    other = FAIR | {"metric": "accuracy_difference", "name": "accuracy", "sensitive": "sex"}
    assert "share one sensitive column" in faults(FAIR, other)


def test_no_more_windows_may_wait_for_labels_than_are_kept():
    assert "720 windows of 1h would wait for labels at once" in faults(PERFORMANCE | {"window": "1h"})
    assert rule(PERFORMANCE, window="1h", labels_within="2d").window == "1h"
    assert rule(PERFORMANCE, window="1d").window == "1d"
