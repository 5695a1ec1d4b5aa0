"""Rules on features of one origin that many models share."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.domain.policy import Policy
from shared.domain.policy_upstream import GLOB_MAX, UPSTREAM_MAX
from tests.unit.domain.builders import raw_policy

RULE = {"features": "weather_*", "to": "ml_engineers"}


def upstream(*rules):
    return Policy.model_validate(raw_policy(upstream=list(rules))).upstream


def test_a_rule_holds_and_waits_unless_it_says_otherwise():
    (rule,) = upstream(RULE)
    assert (rule.models_min, rule.holds, rule.recovers_after) == (3, True, 2)
    assert (rule.group_wait, rule.repeat_interval) == (timedelta(minutes=10), timedelta(hours=4))


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ([RULE | {"models_min": 1}], "greater than or equal to 2"),
        ([RULE | {"to": "nobody"}], "'nobody' is unknown"),
        ([RULE | {"features": ""}], "at least 1"),
        ([RULE | {"features": "x" * (GLOB_MAX + 1)}], "at most"),
        ([RULE, RULE], "one of them is enough"),
        ([RULE, RULE | {"features": "weather_wind"}], "is never asked"),
        ([RULE | {"features": f"f{n}"} for n in range(UPSTREAM_MAX + 1)], "at most"),
    ],
)
def test_a_rule_that_could_not_work_is_a_fault(rules, text):
    with pytest.raises(ValidationError) as caught:
        upstream(*rules)
    assert text in str(caught.value)


def test_the_narrower_rule_may_come_first():
    assert len(upstream(RULE | {"features": "weather_wind"}, RULE)) == 2
