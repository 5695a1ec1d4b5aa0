"""The rule on an endpoint that nobody calls."""

from datetime import timedelta

import pytest

from tests.unit.domain.telemetry_rules import faults, rule

IDLE = {"when": "endpoint_idle", "for": "14d"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"for": "soon"}, "duration"), ({"for": "59m"}, "write 1h or more"), ({"then": "delete"}, "'notify'")],
)
def test_a_rule_that_could_not_work_is_a_fault(changes, text):
    assert text in faults({**IDLE, **changes})


def test_a_workload_asks_once():
    assert rule(IDLE).idle_for == timedelta(days=14)
    assert "one of them is enough" in faults(IDLE, IDLE | {"for": "30d"})
