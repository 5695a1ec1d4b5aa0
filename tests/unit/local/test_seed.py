"""What exists at the start."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from local.azure.assets import Assets
from local.azure.certificates import issue_certificates
from local.azure.datastores import Datastores
from local.azure.events import RunFacts, model_registered, run_completed, run_status_changed
from local.azure.references import Scope, parse_scope
from local.azure.seed import Planter, Seed, component_spec, read_seed, registry_scope

BASE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces"
DEV, PROD = parse_scope(f"{BASE}/dev"), parse_scope(f"{BASE}/prod")
COMPONENT = {
    "$schema": "ignored",
    "name": "train",
    "version": 3,
    "type": "command",
    "inputs": {"rate": {"type": "number", "default": 0.5}},
    "command": "python train.py",
    "code": "./src",
    "environment": "azureml:tiny@latest",
}


def planted(folder: Path, **seed: object) -> Assets:
    assets = Assets()
    written = {"workspaces": [DEV.id, PROD.id], **seed}
    (folder / "seed.yml").write_text(yaml.safe_dump(written))
    Planter(Datastores(folder / "state", assets), [DEV, PROD]).plant(read_seed(folder / "seed.yml"))
    return assets


def test_folders_are_relative_to_the_file(tmp_path: Path):
    (tmp_path / "flights").mkdir()
    assets = planted(tmp_path, data=[{"name": "flights", "folder": "flights"}])

    assert assets.latest(DEV.key, "data", "flights").folder == tmp_path / "flights"
    assert assets.latest(PROD.key, "data", "flights").properties["dataType"] == "uri_folder"


def test_an_asset_may_exist_in_one_workspace_only(tmp_path: Path):
    (tmp_path / "file.csv").touch()
    assets = planted(tmp_path, data=[{"name": "d", "folder": "file.csv", "workspace": "DEV", "version": 7}])

    assert assets.latest(DEV.key, "data", "d").version == "7"
    assert assets.latest(DEV.key, "data", "d").properties["dataType"] == "uri_file"
    assert assets.versions(PROD.key, "data", "d") == []


def test_a_component_brings_the_code_beside_it(tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "train.yml").write_text(yaml.safe_dump(COMPONENT))
    assets = planted(tmp_path, components=[{"path": "train.yml"}], environments=["tiny:2"])

    spec = assets.get(DEV.key, "components", "train", "3").properties["componentSpec"]
    assert spec["code"] == f"azureml:{DEV.id}/codes/train-code/versions/3"
    assert assets.get(DEV.key, "codes", "train-code", "3").folder == tmp_path / "src"
    assert assets.latest(DEV.key, "environments", "tiny").version == "2"


def test_a_components_references_become_arm_ids():
    spec = component_spec(COMPONENT, DEV, "azureml:code:1")

    assert spec["environment"] == f"azureml:{DEV.id}/environments/tiny/labels/latest"
    assert spec["code"] == f"azureml:{DEV.id}/codes/code/versions/1"
    assert (spec["version"], spec["command"]) == ("3", "python train.py")
    assert "$schema" not in spec


def test_a_component_must_name_a_registered_environment():
    with pytest.raises(ValueError, match="environments"):
        component_spec({**COMPONENT, "environment": "./conda.yml"}, DEV, None)


@pytest.mark.parametrize(
    "seed",
    [{}, {"workspaces": [], "unknown": 1}, {"workspaces": [], "hubs": []}, {"workspaces": [], "data": [{"name": "d"}]}],
)
def test_a_wrong_file_is_refused(seed: dict[str, object]):
    with pytest.raises(ValidationError):
        Seed.model_validate(seed)


def test_an_unknown_workspace_or_folder_is_refused(tmp_path: Path):
    with pytest.raises(LookupError, match="elsewhere"):
        planted(tmp_path, data=[{"name": "d", "folder": ".", "workspace": "elsewhere"}])
    with pytest.raises(FileNotFoundError):
        planted(tmp_path, data=[{"name": "d", "folder": "missing"}])
    with pytest.raises(NotADirectoryError):
        planted(tmp_path, codes=[{"name": "c", "folder": "missing"}])


def test_a_registry_has_a_scope_of_its_own():
    assert registry_scope("Contoso").key == "registries/contoso"


def test_the_registration_event_has_the_samples_shape():
    event = model_registered(DEV.id, "m", "20", {"tags": {"area": "diabetes"}, "properties": None})

    assert (event.topic, event.subject) == (DEV.id, "models/m:20")
    assert event.event_type == "Microsoft.MachineLearningServices.ModelRegistered"
    assert event.data == {
        "ModelName": "m",
        "ModelVersion": 20,
        "ModelTags": {"area": "diabetes"},
        "ModelProperties": {},
    }
    assert model_registered(DEV.id, "m", "v2", {}).data["ModelVersion"] == "v2"


def test_run_events_have_the_samples_shape():
    run = RunFacts("e-1", "tiny", "job-1", {"a": "b"}, {})
    changed, completed = run_status_changed(DEV.id, run, "Failed"), run_completed(DEV.id, run)

    assert changed.subject == completed.subject == "experiments/e-1/runs/job-1"
    assert changed.data == {**completed.data, "runStatus": "Failed"}
    assert set(completed.data) == {"experimentId", "experimentName", "runId", "runType", "runTags", "runProperties"}


def test_clients_that_trust_the_bundle_trust_the_server_and_everybody_else(tmp_path: Path):
    files = issue_certificates(tmp_path)
    ours, theirs = ssl.create_default_context(cafile=str(files.ca_file)), socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.chain_file, files.key_file)
    thread = threading.Thread(target=lambda: server.wrap_socket(theirs[1], server_side=True).close())
    thread.start()
    with ours.wrap_socket(theirs[0], server_hostname="127.0.0.1") as connection:
        assert connection.version()
    thread.join(5)

    assert len(ours.get_ca_certs()) > 20
    assert files.key_file.stat().st_mode & 0o077 == 0


def test_a_workspace_guid_never_changes():
    assert DEV.guid == Scope("S", "G", "workspaces", "DEV").guid
