"""The rule on telemetry that does not come."""

from datetime import timedelta

import pytest

from tests.unit.domain.telemetry_rules import ABSENT, faults, rule


@pytest.mark.parametrize(
    ("base", "changes", "text"),
    [
        (ABSENT, {"for": "soon"}, "duration"),
        (ABSENT, {"then": "retrain"}, "'notify'"),
    ],
)
def test_a_rule_that_could_not_work_is_a_fault(base, changes, text):
    assert text in faults({**base, **changes})


def test_a_workload_minds_one_silence():
    assert rule(ABSENT).silent_for == timedelta(hours=2)
    assert "one of them is enough" in faults(ABSENT, ABSENT | {"for": "1d"})
