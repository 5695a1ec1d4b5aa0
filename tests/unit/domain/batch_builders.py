"""The batch workload that tests speak about: the example's policy with batch endpoints, and what comparisons measure."""

from typing import Any

from shared.domain.outcomes import Succeeded
from shared.domain.policy import Policy
from shared.domain.rules.batch_verdict import CHAMPION_ROWS, ROWS
from tests.unit.domain.builders import changed, policy_with

JOB_CHECK = {
    "kind": "job",
    "component": "azureml:flight_evaluate@latest",
    "data": "azureml:flights-labelled@latest",
    "metrics": {"auc_min": 0.66, "auc_vs_champion_min": -0.005},
}
COMPARISON: dict[str, Any] = {
    "input": "azureml:flights-nightly@latest",
    "component": "azureml:compare_scores@latest",
    "metrics": {"failed_share_max": 0.01, "rows_vs_champion_min": 0.999, "differing_vs_champion_max": 0.2},
    "duration_vs_champion_max": 2.0,
    "deadline": "6h",
    "retry_after": "15m",
    "inconclusive_limit": 1,
    "no_data_limit": 2,
}
WORKLOAD: dict[str, Any] = {
    "environments": {"staging": {"kind": "batch"}, "production": {"kind": "batch"}},
    "deployment": {"instance_type": None, "batch": {"compute": "nightly", "mini_batch_size": 4}},
    "promotion": {
        "staging": {"checks": [JOB_CHECK]},
        "rollout": {"steps": None, "bake": None, "probe_requests": None, "analysis": None},
        "comparison": COMPARISON,
    },
}
NEWEST, RESOLVED = COMPARISON["input"], "azureml:flights-nightly:7"
GOOD: dict[str, str | float] = {
    ROWS: 5000.0,
    CHAMPION_ROWS: 5000.0,
    "failed_share": 0.0,
    "rows_vs_champion": 1.0,
    "differing_vs_champion": 0.04,
}


def batch_policy(**comparison: Any) -> Policy:
    """The example's policy with batch endpoints; what is named differs in its comparison."""
    promotion = {**WORKLOAD["promotion"], "comparison": changed(COMPARISON, comparison)}
    return policy_with(**{**WORKLOAD, "promotion": promotion})


def scored(command: Any, seconds: float = 60.0) -> Succeeded:
    """What a batch run that ended well says of itself."""
    output = f"azureml://datastores/workspaceblobstore/paths/outerloop/{command.id}/"
    return Succeeded(data={"output": output, "seconds": seconds, "data": RESOLVED, "job": command.id})


def measured(**metrics: float) -> Succeeded:
    """What a comparison measured: all is well, but for what is named."""
    return Succeeded(data={**GOOD, **metrics})
