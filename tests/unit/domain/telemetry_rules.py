"""Rules on telemetry as the tests of their grammar write them: one of each kind, before validation."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.domain.policy import Policy
from shared.domain.policy_monitoring import Monitored
from tests.unit.domain.builders import raw_policy

RULES = TypeAdapter(Monitored)
PREDICTIONS = {"when": "prediction_drift", "above": 0.1}
QUALITY = {"when": "data_quality", "nulls_above": 0.05}
PERFORMANCE = {"when": "model_performance", "metric": "auc", "below": 0.66}
ERRORS = {"when": "model_performance", "metric": "rmse", "above": 12.0}
FAIR = {"when": "fairness", "sensitive": "age_group", "metric": "equal_opportunity_difference", "above": 0.1}
ABSENT = {"when": "telemetry_absent", "for": "2h"}


def rule(base: Any, **changes: Any) -> Any:
    """One rule, with changes."""
    return RULES.validate_python({**base, **changes})


def faults(*rules: Any, **workload: Any) -> str:
    """What is wrong with a workload that has these rules, in words."""
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(raw_policy({"monitoring": list(rules), **workload}))
    return str(caught.value)
