"""An endpoint is seen as Azure shows it, and nothing is taken for gone that may be there."""

import time

import pytest

from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_inventory import PAGES_MAX, AzureMlInventory
from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.outcomes import Failed
from tests.unit.adapters.orders import WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

ENDPOINT = f"{WORKSPACE}/onlineEndpoints/flights"
SERVES = Answer(
    body={
        "id": ENDPOINT,
        "properties": {"provisioningState": "Succeeded", "traffic": {"Blue": 90, "green": 10, "old": 0}},
    }
)
TROUBLES = [
    (refusal(403, "AuthorizationFailed", "no role"), False, "AzureML Data Scientist"),
    (refusal(429, "TooManyRequests", "slow down", **{"retry-after": "17"}), True, "throttled"),
    (refusal(500, "InternalError", "oh"), True, "HTTP 500"),
    (refusal(503, "ServerBusy", "oh"), True, "HTTP 503"),
]
NAMES = ["403", "429", "500", "503"]


def deployment(name, state="Succeeded"):
    return {"id": f"{ENDPOINT}/deployments/{name}", "name": name, "properties": {"provisioningState": state}}


def page(*deployments, following=""):
    return Answer(body={"value": list(deployments), **({"nextLink": following} if following else {})})


@pytest.fixture
def inventory(azure):
    return AzureMlInventory(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), 30.0)


@pytest.fixture
def there(azure):
    """The endpoint is there with two deployments."""
    azure.on("GET", "/onlineEndpoints/flights", SERVES)
    azure.on("GET", "/onlineEndpoints/flights/deployments", page(deployment("Blue"), deployment("green", "Failed")))
    return azure


async def look(inventory):
    return await inventory.endpoint(WORKSPACE, "flights")


async def test_an_endpoint_is_seen_by_one_get_and_one_list_and_no_write(there, inventory):
    assert await look(inventory) == EndpointSeen(
        state="Succeeded", traffic={"blue": 90, "green": 10}, deployments={"blue": "Succeeded", "green": "Failed"}
    )
    assert [asked.path.rpartition("/")[2] for asked in there.asked] == ["flights", "deployments"]
    assert {asked.query["api-version"] for asked in there.asked} == {"2025-12-01"}
    assert there.writes() == []


async def test_a_list_is_read_to_its_end(there, inventory):
    second = f"{there.url}{ENDPOINT}/deployments/page2?$skipToken=x&api-version=2024-04-01"
    there.on("GET", "/flights/deployments", page(deployment("blue"), following=second))
    there.on("GET", "/deployments/page2", page(deployment("green")))
    assert (await look(inventory)).deployments == {"blue": "Succeeded", "green": "Succeeded"}
    assert there.asked[-1].query == {"$skipToken": "x", "api-version": "2024-04-01"}


async def test_a_list_without_end_is_no_answer(there, inventory):
    there.on("GET", "/flights/deployments", page(following=f"{there.url}{ENDPOINT}/deployments"))
    failed = await look(inventory)
    assert isinstance(failed, Failed)
    assert f"more than {PAGES_MAX} pages" in failed.reason


async def test_a_list_that_goes_on_at_another_host_is_not_followed_with_our_token(there, inventory):
    there.on("GET", "/flights/deployments", page(following="https://elsewhere.example/list?token=secret"))
    failed = await look(inventory)
    assert isinstance(failed, Failed)
    assert "another host" in failed.reason
    assert "secret" not in failed.reason


async def test_an_endpoint_that_is_not_there_in_a_workspace_that_is_has_gone(azure, inventory):
    azure.on("GET", "/workspaces/[^/]+", Answer(body={"id": WORKSPACE, "properties": {}}))
    assert await look(inventory) == EndpointSeen(exists=False)


async def test_a_workspace_that_is_not_there_says_nothing_about_the_endpoint(inventory):
    failed = await look(inventory)
    assert isinstance(failed, Failed)
    assert "not found" in failed.reason


@pytest.mark.parametrize("where", ["/onlineEndpoints/flights", "/onlineEndpoints/flights/deployments"])
@pytest.mark.parametrize(("answer", "retryable", "says"), TROUBLES, ids=NAMES)
async def test_a_refusal_is_no_sight(there, inventory, where, answer, retryable, says):
    there.on("GET", where, answer)
    failed = await look(inventory)
    assert isinstance(failed, Failed)
    assert (failed.retryable, says in failed.reason) == (retryable, True), failed.reason


@pytest.mark.parametrize(("answer", "retryable", "says"), TROUBLES, ids=NAMES)
async def test_a_workspace_that_may_not_be_seen_leaves_it_open_whether_the_endpoint_is_gone(
    azure, inventory, answer, retryable, says
):
    azure.on("GET", "/workspaces/[^/]+", answer)
    failed = await look(inventory)
    assert isinstance(failed, Failed)
    assert (failed.retryable, says in failed.reason) == (retryable, True), failed.reason


async def test_an_endpoint_deleted_between_the_two_reads_is_seen_next_time(there, inventory):
    there.on("GET", "/flights/deployments", refusal(404, "ResourceNotFound", "gone"))
    assert isinstance(await look(inventory), Failed)


async def test_how_long_azure_asks_to_wait_is_told(there, inventory):
    there.on("GET", "/onlineEndpoints/flights", refusal(429, "TooManyRequests", "slow down", **{"retry-after": "17"}))
    assert (await look(inventory)).data == {"retry_after_seconds": 17.0}


async def test_an_answer_that_takes_too_long_is_not_waited_for(there):
    there.on("GET", "/onlineEndpoints/flights", Answer(body=SERVES.body, delay_seconds=2.0))
    hasty = AzureMlInventory(AzureMlClients(StaticCredential, cloud_of(there.url), 5.0), 0.2)
    begun = time.monotonic()
    assert await look(hasty) == Failed(retryable=True, reason="Azure did not answer within 0.2 s")
    assert time.monotonic() - begun < 1.5


async def test_an_answer_that_is_no_document_is_no_sight(there, inventory):
    there.on("GET", "/onlineEndpoints/flights", Answer(body="<html>proxy</html>"))
    assert isinstance(await look(inventory), Failed)
