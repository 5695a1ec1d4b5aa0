"""What a rule on throttling may say, and where it may stand."""

import pytest
from pydantic import ValidationError

from shared.domain.policy_section import FaultAtError
from shared.domain.policy_throttling import EndpointThrottled
from tests.unit.domain.builders import policy_with

THROTTLED = {"when": "endpoint_throttled", "above": 0.02}


def test_a_rule_needs_nothing_but_its_kind():
    rule = EndpointThrottled.model_validate({"when": "endpoint_throttled"})
    assert (rule.window, rule.above, rule.min_requests, rule.then) == ("1h", 0.01, 100, "notify")


@pytest.mark.parametrize("then", ["retrain", "annotate", "investigate"])
def test_no_other_answer_gives_an_endpoint_room(then):
    with pytest.raises((FaultAtError, ValidationError), match=r"gives an endpoint no room.*scale_out"):
        EndpointThrottled.model_validate({**THROTTLED, "then": then})


@pytest.mark.parametrize("wrong", [{"above": 1}, {"above": -0.1}, {"min_requests": 0}, {"suspected_above": 0.03}])
def test_limits_that_can_never_be_met_are_refused(wrong):
    with pytest.raises((FaultAtError, ValidationError)):
        EndpointThrottled.model_validate({**THROTTLED, **wrong})


def test_it_asks_for_no_rows_but_for_their_windows():
    (workload,) = policy_with(monitoring=[THROTTLED]).workloads
    assert [rule.window for rule in workload.row_rules] == ["1h"]
    assert not workload.needs_rows
