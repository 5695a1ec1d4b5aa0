import pytest
from azure.core.exceptions import HttpResponseError

from shared.adapters.arm_names import MalformedNameError
from shared.adapters.azure_ml_client import AzureMlClients
from tests.unit.adapters.orders import WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of


class CountingFactory:
    def __init__(self) -> None:
        self.made = 0

    def __call__(self):
        self.made += 1
        return StaticCredential()


def clients(url, factory=StaticCredential):
    return AzureMlClients(factory, cloud_of(url), 5.0)


def test_nothing_is_built_before_the_first_call(azure):
    factory = CountingFactory()
    made = clients(azure.url, factory)
    assert factory.made == 0
    made.calls()
    made.calls()
    assert factory.made == 1


def test_a_workspace_has_one_client_whatever_the_case_of_its_id(azure):
    made = clients(azure.url)
    assert made.workspace(WORKSPACE) is made.workspace(WORKSPACE.replace("resourceGroups", "resourcegroups") + "/")


def test_two_workspaces_have_two_clients(azure):
    made = clients(azure.url)
    assert made.workspace(WORKSPACE) is not made.workspace(WORKSPACE.replace("/prod", "/dev"))


def test_two_clouds_in_one_process_are_kept_apart(azure):
    """azure-ai-ml keeps clouds by name and never replaces one."""
    identity = f"{WORKSPACE}/models/m/versions/1"
    azure.on("GET", "/models/m/versions/1", Answer(body={"id": identity, "name": "1", "properties": {"flavors": {}}}))
    clients("https://127.0.0.1:1").workspace(WORKSPACE)
    clients(azure.url).workspace(WORKSPACE).models.get("m", "1")
    assert azure.asked


def test_an_sdk_client_does_not_repeat_on_its_own(azure):
    azure.on("GET", "/models/m/versions/1", Answer(503))
    with pytest.raises(HttpResponseError):
        clients(azure.url).workspace(WORKSPACE).models.get("m", "1")
    assert len(azure.asked) == 1


def test_what_is_not_a_workspace_has_no_client(azure):
    with pytest.raises(MalformedNameError):
        clients(azure.url).workspace("prod")


def test_the_public_cloud_needs_no_addresses():
    public = AzureMlClients(StaticCredential, None, 5.0)
    assert public.registry_discovery == "https://eastus.api.azureml.ms"


def test_tokens_for_endpoints_are_for_the_data_plane(azure):
    assert clients(azure.url).data_plane_token().count(".") == 2
