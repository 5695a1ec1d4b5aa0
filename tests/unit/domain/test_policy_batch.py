"""The grammar of a batch workload: its cluster, and the comparison before a new default."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.domain.policy_batch import BatchCluster, ComparisonRun
from tests.unit.domain.batch_builders import COMPARISON, WORKLOAD, batch_policy
from tests.unit.domain.builders import changed, policy_with


def comparison(**changes):
    return ComparisonRun.model_validate(changed(COMPARISON, changes))


@pytest.mark.parametrize(
    "address",
    [
        "azureml:flights-nightly@latest",
        "azureml:flights-nightly:7",
        "azureml://datastores/workspaceblobstore/paths/nightly/",
        "https://contoso.blob.core.windows.net/nightly/",
    ],
)
def test_an_input_is_an_asset_or_the_address_of_a_folder(address):
    assert comparison(input=address).scores == address


@pytest.mark.parametrize(
    "address", ["flights-nightly", "azureml:flights-nightly", "nightly/", "https://contoso/nightly?sig=secret", ""]
)
def test_any_other_input_is_refused_also_a_signed_address(address):
    with pytest.raises(ValidationError, match="String should match pattern"):
        comparison(input=address)


def test_a_metric_says_which_way_it_limits():
    with pytest.raises(ValidationError, match="rows_vs_champion is no limit; end it with _min or _max"):
        comparison(metrics={"rows_vs_champion": 1.0})


def test_limits_that_nothing_can_meet_are_refused():
    with pytest.raises(ValidationError, match="must not exceed"):
        comparison(metrics={"rows_vs_champion_min": 1.2, "rows_vs_champion_max": 1.1})


def test_what_is_left_out_has_a_default():
    short = ComparisonRun.model_validate({key: COMPARISON[key] for key in ("input", "component", "metrics")})
    assert short.deadline == timedelta(hours=6)
    assert short.duration_vs_champion_max is None
    assert BatchCluster(compute="nightly").error_threshold == -1


def test_the_example_is_one_of_batches():
    assert batch_policy().workloads[0].scores_in_batches


def with_check(**check):
    check = {"kind": "batch_run", "input": "azureml:small@latest", **check}
    return policy_with(**{**WORKLOAD, "promotion": {**WORKLOAD["promotion"], "staging": {"checks": [check]}}})


def test_a_run_in_staging_has_to_end_well_within_an_hour():
    (check,) = with_check().workloads[0].promotion.staging.checks
    assert (check.name, check.component, check.duration_max, check.deadline) == (
        *("batch_run", "", None),
        timedelta(hours=1),
    )


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ({"component": "azureml:look@latest"}, "component and metrics belong together"),
        ({"metrics": {"rows_min": 1}}, "component and metrics belong together"),
        ({"component": "azureml:look@latest", "metrics": {"rows_vs_champion_min": 1}}, "scores nothing in staging"),
        ({"input": "small"}, "input"),
    ],
)
def test_a_run_in_staging_that_could_not_be_judged_is_a_fault(check, fault):
    with pytest.raises(ValidationError, match=fault):
        with_check(**check)


def test_a_run_in_staging_is_for_batch_workloads_only():
    with pytest.raises(ValidationError, match="only a workload whose production endpoint has kind: batch"):
        policy_with(promotion={"staging": {"checks": [{"kind": "batch_run", "input": "azureml:small@latest"}]}})
