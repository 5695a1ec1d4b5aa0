import pytest

from shared.adapters.arm_names import (
    AssetName,
    MalformedNameError,
    WorkspaceName,
    asset_id,
    asset_name,
    brief,
    complete_id,
    deployment_id,
    workspace_name,
)
from tests.unit.adapters.orders import WORKSPACE


def test_a_workspace_id_is_taken_apart_in_any_case():
    expected = WorkspaceName("00000000-0000-0000-0000-000000000001", "mlops", "prod")
    assert workspace_name(WORKSPACE) == expected
    assert workspace_name(WORKSPACE.replace("resourceGroups", "resourcegroups") + "/") == expected


@pytest.mark.parametrize("text", ["", "prod", WORKSPACE + "/jobs/1", WORKSPACE.replace("workspaces", "registries")])
def test_what_is_not_a_workspace_is_refused(text):
    with pytest.raises(MalformedNameError):
        workspace_name(text)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("azureml:flight-train@latest", AssetName("flight-train", label="latest")),
        ("azureml:flight-train:3", AssetName("flight-train", version="3")),
        ("flight_train:2026.1", AssetName("flight_train", version="2026.1")),
    ],
)
def test_an_asset_has_a_version_or_a_label(reference, expected):
    assert asset_name(reference) == expected


@pytest.mark.parametrize("reference", ["", "flight-train", "azureml:flight train:1", "azureml://x/y", "a:b:c"])
def test_a_reference_without_either_is_refused(reference):
    with pytest.raises(MalformedNameError):
        asset_name(reference)


def test_a_reference_may_be_spelled_out_already():
    whole = f"{WORKSPACE}/models/m/versions/1"
    assert complete_id(whole) == whole
    assert complete_id(f"azureml:{whole}") == whole
    assert complete_id("azureml://registries/r/models/m/versions/1") == "azureml://registries/r/models/m/versions/1"
    assert complete_id("azureml:m:1") is None


def test_ids_are_put_together():
    assert asset_id(WORKSPACE + "/", "models", "m", "1") == f"{WORKSPACE}/models/m/versions/1"
    assert deployment_id(WORKSPACE, "e", "d") == f"{WORKSPACE}/onlineEndpoints/e/deployments/d"


def test_a_person_reads_the_part_inside_the_workspace():
    assert brief(f"https://management.azure.com{WORKSPACE}/jobs/1?api-version=x") == "prod/jobs/1"
    assert brief("https://example.com/other") == "https://example.com/other"
