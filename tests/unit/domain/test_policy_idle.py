"""The rule on an endpoint that nobody calls."""

from datetime import timedelta

import pytest

from shared.domain.policy_idle import compute_rules
from tests.unit.domain.builders import policy_with
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


COMPUTE = {"when": "compute_idle", "computes": "ci-*", "for": "8h"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"for": "59m"}, "too short to call a compute idle"),
        ({"computes": ""}, "at least 1 character"),
        ({"then": "delete"}, "'stop' or 'notify'"),
        ({"environment": "home"}, "'development', 'staging' or 'production'"),
    ],
)
def test_a_rule_on_computes_that_could_not_work_is_a_fault(changes, text):
    assert text in faults({**COMPUTE, **changes})


def test_several_rules_on_computes_stand_side_by_side_and_none_stops_anything_unasked():
    rules = compute_rules(policy_with(monitoring=[COMPUTE, COMPUTE | {"computes": "gpu-*"}]).workloads[0].monitoring)
    assert [one.watches("GPU-1") for one in rules] == [False, True]
    assert (rule(COMPUTE).then, rule(COMPUTE).environment) == ("notify", "development")
