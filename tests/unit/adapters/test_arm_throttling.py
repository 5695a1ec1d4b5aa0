"""What Azure Resource Manager throttles is counted by subscription, whoever asked."""

import pytest
from azure.core.exceptions import HttpResponseError

from shared.adapters.arm_throttling import ArmThrottling
from shared.adapters.azure_ml_client import AzureMlClients
from tests.unit.adapters.orders import NOW, WORKSPACE, deploy
from tests.unit.adapters.scripted_azure import StaticCredential, cloud_of, refusal

SUBSCRIPTION = WORKSPACE.split("/")[2]


@pytest.mark.parametrize(("status", "count"), [(429, 1), (200, 0), (409, 0), (503, 0)])
def test_only_429_is_throttling(status, count):
    throttling = ArmThrottling()
    throttling.note("https://arm/Subscriptions/ABC/x?api-version=1", status)
    assert throttling.take() == ({"abc": count} if count else {})


def test_what_was_taken_is_counted_no_more():
    throttling = ArmThrottling()
    for _ in range(3):
        throttling.note("https://arm/subscriptions/abc", 429)
    throttling.note("https://arm/tenants", 429)
    assert throttling.take() == {"abc": 3}
    assert throttling.take() == {}


def test_every_direct_call_counts(azure):
    clients = AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0)
    azure.on("GET", "/workspaces/prod", refusal(429, "TooManyRequests", "slow down"))
    for _ in range(2):
        with pytest.raises(HttpResponseError):
            clients.calls().get(WORKSPACE)
    assert clients.throttling.take() == {SUBSCRIPTION: 2}


async def test_the_calls_of_commands_count_too(azure, workspace):
    workspace.clients.throttling.take()
    azure.on("GET", ".*", refusal(429, "TooManyRequests", "slow down"))
    await workspace.begin(deploy(), NOW)
    assert workspace.clients.throttling.take() == {SUBSCRIPTION: 1}
