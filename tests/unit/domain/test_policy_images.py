"""The section about images: which registry and repositories are meant, and what contradicts itself."""

import pytest
from pydantic import ValidationError

from shared.domain.policy import Policy
from shared.domain.policy_images import Images, registry_name, same_registry
from tests.unit.domain.builders import raw_policy
from tests.unit.domain.platform_builders import IMAGES, watching

ARM_ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/Contoso"


@pytest.mark.parametrize("text", [ARM_ID, f"{ARM_ID}/", "contoso", "Contoso.azurecr.io", "contoso-a1b2c3d4.azurecr.io"])
def test_a_registry_is_known_by_its_id_its_server_and_its_name(text):
    assert registry_name(text) == "contoso"
    assert same_registry(text, ARM_ID)


@pytest.mark.parametrize(
    "other", ["fabrikam.azurecr.io", "contoso.azurecr.us", "contoso-a1b2c3d4.azurecr.io", "contoso2"]
)
def test_another_registry_is_not_taken_for_it(other):
    assert not same_registry("contoso.azurecr.io", other)


@pytest.mark.parametrize(
    ("glob", "repository", "watched"),
    [
        ("*", "azureml/azureml_1", True),
        ("azureml/*", "azureml/azureml_1", True),
        ("AzureML/*", "azureml/Azureml_1", True),
        ("azureml/*", "training/azureml_1", False),
        ("scoring", "scoring/flights", False),
    ],
)
def test_repositories_are_a_glob_in_any_case(glob, repository, watched):
    assert Images(registry=ARM_ID, repositories=glob).watches("contoso.azurecr.io", repository) is watched


def test_a_persona_of_images_has_to_exist():
    with pytest.raises(ValidationError, match="persona 'nobody' is unknown"):
        Policy.model_validate(raw_policy({"images": {**IMAGES, "to": "nobody"}}))
    assert watching().workloads[0].images.to == "guards"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"unscanned": "allow", "clean_after": "6h"}, "clean_after has no meaning"),
        ({"severity_max": "dreadful"}, "severity_max"),
        ({"unscanned": "perhaps"}, "unscanned"),
        ({"registry": ""}, "registry"),
        ({"severity": "high"}, "severity"),
    ],
)
def test_what_contradicts_itself_is_refused(fields, fault):
    with pytest.raises(ValidationError, match=fault):
        Images.model_validate({"registry": "contoso.azurecr.io", **fields})
