"""What a person copies and runs has to be complete."""

import pytest

from shared.domain.az_commands import delete_endpoint, read_logs, set_traffic
from tests.unit.domain.batch_builders import batch_policy
from tests.unit.domain.builders import WORKLOAD

PRODUCTION = WORKLOAD.environments.production
BATCH = batch_policy().workload(WORKLOAD.name).environments.production
WHERE = "--resource-group mlops --workspace-name flights-prod"


def test_traffic_is_set_for_every_deployment_that_is_named():
    command = set_traffic(PRODUCTION, {"version-2": 10, "version-1": 90})
    assert command == (
        f'az ml online-endpoint update --name flight-delay --traffic "version-1=90 version-2=10" {WHERE}'
    )


def test_an_endpoint_is_deleted_by_people():
    assert delete_endpoint(PRODUCTION) == f"az ml online-endpoint delete --name flight-delay {WHERE}"


def test_the_log_of_a_deployment():
    command = read_logs(PRODUCTION, "version-2")
    assert command == f"az ml online-deployment get-logs --name version-2 --endpoint-name flight-delay {WHERE}"


def test_all_of_the_traffic_of_a_batch_endpoint_is_its_default():
    command = set_traffic(BATCH, {"version-1": 0, "version-2": 100})
    assert (
        command == f"az ml batch-endpoint update --name flight-delay --set defaults.deployment_name=version-2 {WHERE}"
    )


@pytest.mark.parametrize("traffic", [{}, {"version-1": 0}])
def test_a_batch_endpoint_without_a_default_is_one_whose_default_was_removed(traffic):
    resource = f"{BATCH.workspace}/batchEndpoints/flight-delay"
    assert set_traffic(BATCH, traffic) == f"az resource update --ids {resource} --remove properties.defaults"


def test_a_batch_deployment_has_no_log_and_its_jobs_have():
    command = read_logs(BATCH, "version-2")
    assert command == f"az ml batch-deployment list-jobs --name version-2 --endpoint-name flight-delay {WHERE}"


def test_a_batch_endpoint_is_deleted_by_people_too():
    assert delete_endpoint(BATCH) == f"az ml batch-endpoint delete --name flight-delay {WHERE}"
