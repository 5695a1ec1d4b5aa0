"""Versions of assets, and where their content lies."""

from pathlib import Path

import pytest

from local.azure.assets import Asset, Assets
from local.azure.datastores import Datastores
from local.azure.errors import ArmError
from local.azure.references import Scope, parse_reference

DEV = Scope("s", "g", "workspaces", "Dev")
REGISTRY = Scope("s", "g", "registries", "contoso")


def store(*versions: str, scope: Scope = DEV, folder: Path | None = None) -> Assets:
    assets = Assets()
    assets.know(scope)
    for version in versions:
        assets.add(Asset(scope, "models", "Flight", version, {}, folder))
    return assets


def resolve(assets: Assets, text: str) -> str:
    reference = parse_reference(text)
    assert reference
    return assets.resolve(reference, DEV, "models").version


def test_the_latest_is_the_one_added_last_whatever_its_number():
    assert store("2", "10", "9").latest(DEV.key, "models", "flight").version == "9"


@pytest.mark.parametrize(
    ("versions", "following"), [((), "1"), (("1", "2"), "3"), (("9", "10", "v2"), "11"), (("x",), "1")]
)
def test_the_next_version_follows_the_highest_number(versions: tuple[str, ...], following: str):
    assert store(*versions).next_version(DEV.key, "models", "flight") == following


def test_what_does_not_exist_is_not_found():
    assets = store("1")
    for look in (
        lambda: assets.get(DEV.key, "models", "flight", "2"),
        lambda: assets.latest(DEV.key, "data", "flight"),
        lambda: assets.latest(REGISTRY.key, "models", "flight"),
    ):
        with pytest.raises(ArmError) as refusal:
            look()
        assert refusal.value.status == 404


@pytest.mark.parametrize(
    "text",
    [
        "azureml:Flight:1",
        "azureml:flight@latest",
        f"{DEV.id}/models/flight/versions/1",
        f"azureml://locations/x/workspaces/{DEV.guid}/models/flight/versions/1",
    ],
)
def test_a_reference_is_resolved_from_the_workspace_at_hand(text: str):
    assert resolve(store("1"), text) == "1"


def test_a_registry_reference_is_resolved_in_the_registry_only():
    assets = store("7", scope=REGISTRY)

    assert resolve(assets, "azureml://registries/Contoso/models/flight/versions/7") == "7"
    with pytest.raises(ArmError):
        resolve(assets, "azureml:flight:7")


def test_ids_of_registry_assets_have_the_azureml_scheme():
    asset = store("7", scope=REGISTRY).latest(REGISTRY.key, "models", "flight")

    assert asset.id == "azureml://registries/contoso/models/Flight/versions/7"


def test_the_newest_of_every_name_is_listed():
    assets = store("1", "2")
    assets.add(Asset(DEV, "models", "other", "1", {}))

    assert {(asset.name, asset.version) for asset in assets.latest_of_each(DEV.key, "models")} == {
        ("Flight", "2"),
        ("other", "1"),
    }


def test_a_job_output_is_reached_by_every_form_of_its_address(tmp_path: Path):
    datastores = Datastores(tmp_path, Assets())
    place = datastores.output(DEV, "job-1", "model")
    place.mkdir(parents=True)
    (place / "weights").touch()
    long = datastores.address(DEV, "azureml/job-1/model")

    for address in (long, f"{long}/", "azureml://datastores/workspaceblobstore/paths/azureml/job-1/model"):
        assert datastores.resolve(address, DEV, "models") == place
    assert datastores.resolve("azureml://jobs/job-1/outputs/model", DEV, "models") == place
    assert datastores.resolve("azureml://jobs/job-1/outputs/model/paths/weights", DEV, "models") == place / "weights"


def test_a_long_address_leads_into_the_workspace_that_it_names(tmp_path: Path):
    datastores, prod = Datastores(tmp_path, Assets()), Scope("s", "g", "workspaces", "prod")
    datastores.output(DEV, "job-1", "model").mkdir(parents=True)

    assert datastores.resolve(datastores.address(DEV, "azureml/job-1/model"), prod, "models").is_dir()
    with pytest.raises(ArmError):
        datastores.resolve("azureml://jobs/job-1/outputs/model", prod, "models")


def test_a_linked_folder_is_part_of_the_blob_store_and_can_be_linked_anew(tmp_path: Path):
    datastores = Datastores(tmp_path / "state", Assets())
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        address = datastores.link(DEV, "data/flights/1", tmp_path / name)

    assert datastores.resolve(address, DEV, "data").resolve() == tmp_path / "new"


def test_an_asset_leads_to_its_folder(tmp_path: Path):
    datastores = Datastores(tmp_path, store("1", folder=tmp_path))

    assert datastores.resolve("azureml:flight:1", DEV, "models") == tmp_path


@pytest.mark.parametrize(("text", "status"), [("azureml:flight:1", 404), ("some text", 400), ("azureml:none:1", 404)])
def test_what_leads_nowhere_is_refused(tmp_path: Path, text: str, status: int):
    datastores = Datastores(tmp_path, store("1"))
    with pytest.raises(ArmError) as refusal:
        datastores.resolve(text, DEV, "models")

    assert refusal.value.status == status
