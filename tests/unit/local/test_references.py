"""How assets and scopes are named."""

import pytest

from local.azure.references import AssetReference, Scope, parse_reference, parse_scope

WORKSPACE = "/subscriptions/s/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/Dev"


def test_a_scope_is_compared_without_regard_to_case_but_keeps_its_own():
    one, other = parse_scope(WORKSPACE), parse_scope(WORKSPACE.upper())

    assert one.key == other.key == WORKSPACE.lower()
    assert one.id == WORKSPACE
    assert one.guid == other.guid


def test_registries_are_global_names():
    one, other = Scope("a", "b", "registries", "Contoso"), Scope("c", "d", "registries", "contoso")

    assert one.key == other.key == "registries/contoso"


@pytest.mark.parametrize("text", ["", "dev", "/subscriptions/s", f"{WORKSPACE}/models/m", f"x{WORKSPACE}"])
def test_other_texts_are_no_scopes(text: str):
    with pytest.raises(ValueError, match="Not the id"):
        parse_scope(text)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("azureml:m:3", AssetReference("", "", "m", "3", "")),
        ("m:3", AssetReference("", "", "m", "3", "")),
        ("azureml:m@latest", AssetReference("", "", "m", "", "latest")),
        (f"{WORKSPACE}/models/m/versions/3", AssetReference(WORKSPACE.lower(), "models", "m", "3", "")),
        (f"azureml:{WORKSPACE}/codes/c/versions/1", AssetReference(WORKSPACE.lower(), "codes", "c", "1", "")),
        (f"{WORKSPACE}/components/c/labels/latest", AssetReference(WORKSPACE.lower(), "components", "c", "", "latest")),
        ("azureml://registries/R/models/m/versions/3", AssetReference("registries/r", "models", "m", "3", "")),
        ("azureml://registries/R/models/m/labels/latest", AssetReference("registries/r", "models", "m", "", "latest")),
        ("azureml://locations/x/workspaces/G-1/models/m/versions/3", AssetReference("g-1", "models", "m", "3", "")),
    ],
)
def test_every_form_that_the_sdk_uses_is_read(text: str, reference: AssetReference):
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "azureml:m",
        "azureml:m:",
        "azureml://jobs/j/outputs/o",
        "azureml://datastores/d/paths/p",
        "./folder",
        "a/b:1",
    ],
)
def test_addresses_and_folders_are_no_asset_references(text: str):
    assert parse_reference(text) is None
