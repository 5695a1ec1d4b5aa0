import pytest

from shared.domain.outcomes import Failed, Started, Succeeded
from tests.unit.adapters.orders import NOW, share, share_environment
from tests.unit.adapters.scripted_azure import Answer, refusal

MODEL = "/registries/contoso/models/flight-delay/versions/7"
REFERENCE = "azureml://registries/contoso/models/flight-delay/versions/7"


@pytest.fixture
def registry(azure):
    details = {
        "registryName": "contoso",
        "subscriptionId": "registry-subscription",
        "resourceGroup": "registry-group",
        "primaryRegionResourceProviderUri": f"{azure.url}/",
    }
    azure.on("GET", "/registrymanagement/v1.0/registries/contoso/discovery", Answer(body=details))
    body = {"location": "westeurope", "properties": {"workspaceId": "the-guid"}}
    azure.on("GET", "/workspaces/prod", Answer(body=body))
    azure.on("POST", "/registries/contoso/import", Answer(202, headers={"Location": "https://poll.example/1"}))
    return azure


async def test_a_version_that_the_registry_has_is_not_copied_again(registry, workspace):
    registry.on("GET", MODEL, Answer(body={"properties": {}}))
    assert await workspace.begin(share(), NOW) == Succeeded(data={"model_ref": REFERENCE})
    assert registry.writes() == []


async def test_a_copy_is_asked_for_and_not_waited_for(registry, workspace):
    outcome = await workspace.begin(share(), NOW)

    assert isinstance(outcome, Started)
    assert outcome.operation.endswith(f"{MODEL} https://poll.example/1")
    (write,) = registry.writes()
    assert write.path == (
        "/mferp/managementfrontend/subscriptions/registry-subscription/resourceGroups/registry-group"
        "/providers/Microsoft.MachineLearningServices/registries/contoso/import"
    )
    assert write.body["properties"] == {
        "referenceType": "Id",
        "destinationName": "flight-delay",
        "destinationVersion": "7",
        "sourceAssetId": "azureml://locations/westeurope/workspaces/the-guid/models/flight-delay/versions/7",
    }


async def test_a_copy_of_which_nobody_says_where_to_ask_is_followed_by_its_version(registry, workspace):
    registry.on("POST", "/registries/contoso/import", Answer(202))
    outcome = await workspace.begin(share(), NOW)
    assert isinstance(outcome, Started)
    assert outcome.operation.endswith(MODEL)
    assert isinstance(await workspace.look(share(), outcome.operation, NOW), Started)


@pytest.mark.parametrize("asked", [Answer(202), Answer(body={"status": "InProgress"}), refusal(404, "NotFound", "old")])
async def test_a_copy_is_done_when_the_registry_shows_it(registry, workspace, asked):
    registry.on("GET", MODEL, refusal(404, "NotFound", "not yet"), Answer(body={"properties": {}}))
    registry.on("GET", "/operations/1", asked)
    operation = f"{registry.url}/x{MODEL} {registry.url}/operations/1"
    assert isinstance(await workspace.look(share(), operation, NOW), Started)
    assert await workspace.look(share(), operation, NOW) == Succeeded(data={"model_ref": REFERENCE})


@pytest.mark.parametrize(
    "asked",
    [
        Answer(body={"status": "Failed", "error": {"code": "ImportFailed", "message": "no such storage"}}),
        refusal(400, "ImportFailed", "no such storage"),
    ],
)
async def test_a_copy_that_azure_gave_up_says_why(registry, workspace, asked):
    registry.on("GET", "/operations/1", asked)
    outcome = await workspace.look(share(), f"{registry.url}/x{MODEL} {registry.url}/operations/1", NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "models/flight-delay:7 was not copied into registry contoso" in outcome.reason
    assert "ImportFailed: no such storage" in outcome.reason


async def test_a_copy_about_which_azure_cannot_be_asked_now_is_asked_about_again(registry, workspace):
    registry.on("GET", "/operations/1", refusal(429, "TooManyRequests", "later"))
    assert isinstance(
        await workspace.look(share(), f"{registry.url}/x{MODEL} {registry.url}/operations/1", NOW), Started
    )


ENVIRONMENT = "/registries/contoso/environments/flight-env/versions"


async def test_an_environment_is_copied_at_its_version(registry, workspace):
    outcome = await workspace.begin(share_environment(), NOW)
    assert isinstance(outcome, Started)
    assert outcome.operation.endswith(f"{ENVIRONMENT}/2 https://poll.example/1")
    (write,) = registry.writes()
    source = "azureml://locations/westeurope/workspaces/the-guid/environments/flight-env/versions/2"
    assert write.body["properties"]["sourceAssetId"] == source


async def test_an_environment_that_the_registry_has_is_named_and_not_copied_again(registry, workspace):
    registry.on("GET", f"{ENVIRONMENT}/2", Answer(body={"properties": {}}))
    reference = "azureml://registries/contoso/environments/flight-env/versions/2"
    assert await workspace.begin(share_environment(), NOW) == Succeeded(data={"environment_ref": reference})
    assert registry.writes() == []


async def test_a_malformed_environment_is_the_policys_fault(registry, workspace):
    outcome = await workspace.begin(share_environment("flight-env"), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "azureml:NAME@LABEL" in outcome.reason


async def test_a_registry_that_does_not_exist_is_named(azure, workspace):
    outcome = await workspace.begin(share(), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "contoso" in outcome.reason
