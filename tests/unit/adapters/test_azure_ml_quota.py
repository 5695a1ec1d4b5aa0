import pytest

from shared.adapters.azure_ml_quota import AzureMlQuotas
from shared.domain.capacity import Quota
from shared.domain.outcomes import Failed
from tests.unit.adapters.orders import WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, refusal

PLACE = "/locations/westeurope"
SIZE = {"name": "Standard_DS3_v2", "family": "standardDSv2Family", "vCPUs": 4, "gpus": 0}


def usage(family="standardDSv2Family", used=8, limit=100, kind="Microsoft.MachineLearningServices/usages"):
    return {"type": kind, "unit": "Count", "currentValue": used, "limit": limit, "name": {"value": family}}


@pytest.fixture
def quotas(azure, workspace):
    azure.on("GET", "/workspaces/prod", Answer(body={"id": WORKSPACE, "location": "West Europe", "properties": {}}))
    azure.on("GET", f"{PLACE}/vmSizes", Answer(body={"value": [{**SIZE, "name": "Standard_F2"}, SIZE]}))
    azure.on("GET", f"{PLACE}/usages", Answer(body={"value": [usage("another"), usage()]}))
    return AzureMlQuotas(workspace.clients, 5.0)


async def test_the_quota_is_that_of_the_family_of_the_type_in_the_region_of_the_workspace(quotas, azure):
    found = await quotas.quota(WORKSPACE, "STANDARD_ds3_V2")
    assert found == Quota(location="westeurope", family="standardDSv2Family", cores=4, used=8, limit=100)
    subscription = WORKSPACE.split("/")[2]
    assert azure.asked[-1].path == (
        f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/westeurope/usages"
    )
    assert azure.asked[-1].query["api-version"]


async def test_the_share_of_one_workspace_is_not_the_quota_of_the_subscription(quotas, azure):
    shared = usage(used=1, limit=2, kind="Microsoft.MachineLearningServices/workspaces/usages")
    azure.on("GET", f"{PLACE}/usages", Answer(body={"value": [shared, usage(used=50)]}))
    assert (await quotas.quota(WORKSPACE, "Standard_DS3_v2")).used == 50


async def test_the_usage_may_be_on_a_later_page(quotas, azure):
    azure.on("GET", f"{PLACE}/usages", Answer(body={"value": [], "nextLink": f"{azure.url}/next/page"}))
    azure.on("GET", "/next/page", Answer(body={"value": [usage(limit=7)]}))
    assert (await quotas.quota(WORKSPACE, "Standard_DS3_v2")).limit == 7


@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        (f"{PLACE}/vmSizes", Answer(body={"value": []}), "has no instance type"),
        (f"{PLACE}/usages", Answer(body={"value": []}), "no usage of standardDSv2Family"),
        (f"{PLACE}/usages", refusal(403, "AuthorizationFailed", "may not read usages"), "may not read usages"),
        (f"{PLACE}/usages", refusal(500, "InternalError", "broken"), "broken"),
        (f"{PLACE}/usages", Answer(body={"value": [{**usage(), "limit": "many"}]}), "many"),
    ],
)
async def test_what_cannot_be_read_is_a_failure_that_says_why(quotas, azure, path, answer, why):
    azure.on("GET", path, answer)
    found = await quotas.quota(WORKSPACE, "Standard_DS3_v2")
    assert isinstance(found, Failed)
    assert why in found.reason


async def test_an_answer_that_takes_too_long_is_not_waited_for(azure, workspace):
    azure.on("GET", "/workspaces/prod", Answer(body={"location": "westeurope"}, delay_seconds=0.5))
    found = await AzureMlQuotas(workspace.clients, 0.05).quota(WORKSPACE, "Standard_DS3_v2")
    assert "did not answer" in found.reason


async def test_a_list_that_goes_on_at_another_host_is_not_followed(quotas, azure):
    """The token of the calls is for Azure, and for nobody else."""
    azure.on("GET", f"{PLACE}/usages", Answer(body={"value": [], "nextLink": "https://elsewhere.example/usages"}))
    found = await quotas.quota(WORKSPACE, "Standard_DS3_v2")
    assert isinstance(found, Failed)
    assert "another host" in found.reason
