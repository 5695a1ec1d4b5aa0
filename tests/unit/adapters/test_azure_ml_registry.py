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
    assert outcome.operation.endswith(MODEL)
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


async def test_a_copy_is_done_when_the_registry_shows_it(registry, workspace):
    registry.on("GET", MODEL, refusal(404, "NotFound", "not yet"), Answer(body={"properties": {}}))
    operation = f"{registry.url}/x{MODEL}"
    assert isinstance(await workspace.look(share(), operation, NOW), Started)
    assert await workspace.look(share(), operation, NOW) == Succeeded(data={"model_ref": REFERENCE})


ENVIRONMENT = "/registries/contoso/environments/flight-env/versions"


async def test_an_environment_is_copied_at_its_version(registry, workspace):
    outcome = await workspace.begin(share_environment(), NOW)
    assert isinstance(outcome, Started)
    assert outcome.operation.endswith(f"{ENVIRONMENT}/2")
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
