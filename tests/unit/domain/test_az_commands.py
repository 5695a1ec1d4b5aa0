"""What a person copies and runs has to be complete."""

from shared.domain.az_commands import delete_endpoint, read_logs, set_traffic
from tests.unit.domain.builders import WORKLOAD

PRODUCTION = WORKLOAD.environments.production
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
