"""The real azure-ai-ml SDK, over https, against the local Azure running as a process of its own."""

import json
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from azure.ai.ml import Input, MLClient, Output, command
from azure.ai.ml.entities import (
    CodeConfiguration,
    Data,
    KubernetesOnlineDeployment,
    KubernetesOnlineEndpoint,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)
from azure.ai.ml.exceptions import ValidationException
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ManagedIdentityCredential

from tests.contracts.openapi import closure

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
WORKSPACES = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/mlops/providers/Microsoft.MachineLearningServices/workspaces"
)
TRAIN = """
import argparse, pathlib, mlflow
parser = argparse.ArgumentParser()
for name in ("data", "rate", "model", "champion"):
    parser.add_argument(f"--{name}")
found = parser.parse_args()
if found.rate == "13":
    raise SystemExit("unlucky")
with mlflow.start_run():
    mlflow.log_metric("auc", 0.71)
    mlflow.log_params({"rate": found.rate, "champion": found.champion})
    mlflow.set_tag("outerloop.reference", "profile")
rows = pathlib.Path(found.data, "rows.csv").read_text()
pathlib.Path(found.model, "model.txt").write_text(f"{rows}|{found.rate}")
"""
SCORE = """
import os, pathlib
def init():
    global model
    model = pathlib.Path(os.environ["AZUREML_MODEL_DIR"], "model.txt").read_text()
def run(raw):
    return {"model": model}
"""
COMPONENT = {
    "name": "tiny-train",
    "version": 3,
    "type": "command",
    "inputs": {
        "data": {"type": "uri_folder"},
        "rate": {"type": "number", "default": 0.5},
        "champion": {"type": "custom_model", "optional": True},
    },
    "outputs": {"model": {"type": "custom_model"}},
    "code": "./train",
    "environment": "azureml:tiny:1",
    "command": "python train.py --data ${{inputs.data}} --rate ${{inputs.rate}} --model ${{outputs.model}}"
    " $[[--champion ${{inputs.champion}}]]",
}


@dataclass
class Azure:
    """A running local Azure, and what its one subscriber heard."""

    found: dict[str, Any]
    folder: Path
    heard: list[dict[str, Any]] = field(default_factory=list)

    def client(self, workspace: str = "dev", registry: str | None = None) -> MLClient:
        """The SDK, pointed at this server by the metadata of a made-up cloud."""
        base = self.found["arm_url"]
        metadata = {
            "azure_portal": "https://portal.local/",
            "resource_manager": base,
            "active_directory": base,
            "aml_resource_id": "https://ml.azure.com",
            "storage_endpoint": "core.local",
            "registry_discovery_endpoint": f"{base}/",
        }
        quiet = {"enable_telemetry": False, "show_progress": False}
        credential = ManagedIdentityCredential()
        if registry:
            return MLClient(credential, registry_name=registry, cloud="local", cloud_metadata=metadata, **quiet)
        where = (SUBSCRIPTION, "mlops", workspace)
        return MLClient(credential, *where, cloud="local", cloud_metadata=metadata, **quiet)

    def token(self, resource: str) -> str:
        asked = {"resource": resource, "api-version": "2019-08-01"}
        header = {"x-identity-header": self.found["identity_header"]}
        return httpx.get(self.found["identity_endpoint"], params=asked, headers=header).json()["access_token"]

    def rest(self, method: str, path: str, **more: Any) -> httpx.Response:
        more.setdefault("headers", {"authorization": f"Bearer {self.token(self.found['arm_url'])}"})
        more.setdefault("params", {"api-version": "2025-12-01"} if path.startswith("/subscriptions/") else None)
        return httpx.request(method, self.found["arm_url"] + path, verify=self.tls(), **more)

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.found["ca_file"])

    def control(self, path: str) -> Any:
        return httpx.get(self.found["control_url"] + path).json()

    def effects(self, target: str) -> list[str]:
        return [
            entry["effect"] for entry in self.control("/journal") if entry["target"].lower().endswith(target.lower())
        ]

    def events(self, run_or_model: str) -> set[tuple[str, str]]:
        found = [event for event in self.heard if event["subject"].endswith(run_or_model)]
        kinds = [(event.get("eventType") or event["type"]).rpartition(".")[2] for event in found]
        return {(kind, event["data"].get("runStatus", "")) for kind, event in zip(kinds, found, strict=True)}


def wait_for(what: Any, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.05)
    return found


def wait_for_job(client: MLClient, name: str) -> Any:
    return wait_for(lambda: (job := client.jobs.get(name)).status in {"Completed", "Failed", "Canceled"} and job)


def train(client: MLClient, name: str, *, rate: float = 0.25, experiment: str = "tiny", **inputs: Any) -> Any:
    component = client.components.get("tiny-train", label="latest")
    job = command(
        name=name,
        command=component.command,
        code=component.code,
        environment=component.environment,
        compute="cpu",
        experiment_name=experiment,
        inputs={"data": Input(type="uri_folder", path="azureml:flights:1"), "rate": rate, **inputs},
        outputs={"model": Output(type="custom_model", name="tiny-model")},
    )
    return client.jobs.create_or_update(job)


def deploy(client: MLClient, name: str, *, script: str = "score.py", model: str = "azureml:seeded:1") -> Any:
    code = CodeConfiguration(code="azureml:scoring:1", scoring_script=script)
    deployment = ManagedOnlineDeployment(
        name=name,
        endpoint_name="tiny-endpoint",
        model=model,
        environment="azureml:tiny:1",
        code_configuration=code,
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    return client.online_deployments.begin_create_or_update(deployment)


def send_traffic(client: MLClient, traffic: dict[str, int]) -> Any:
    endpoint = client.online_endpoints.get("tiny-endpoint")
    endpoint.traffic = traffic
    return client.online_endpoints.begin_create_or_update(endpoint)


def plant(folder: Path) -> Path:
    for name, files in {
        "train": {"train.py": TRAIN},
        "scoring": {
            "score.py": SCORE,
            "broken.py": "def init():\n    raise RuntimeError('no weights')\n",
            "slow.py": "import time\n" + SCORE.replace("def init():", "def init():\n    time.sleep(1.5)"),
        },
        "flights": {"rows.csv": "delay"},
    }.items():
        (folder / name).mkdir()
        for file, text in files.items():
            (folder / name / file).write_text(textwrap.dedent(text))
    (folder / "train.yml").write_text(yaml.safe_dump(COMPONENT))
    seed = {
        "workspaces": [f"{WORKSPACES}/dev", f"{WORKSPACES}/prod"],
        "registries": ["contoso"],
        "environments": ["tiny:1"],
        "computes": ["cpu", "k8s-edge"],
        "components": [{"path": "train.yml"}],
        "data": [{"name": "flights", "version": "1", "folder": "flights"}],
        "codes": [{"name": "scoring", "version": "1", "folder": "scoring"}],
        "exchanges": True,
    }
    (folder / "seed.yml").write_text(yaml.safe_dump(seed))
    return folder / "seed.yml"


def listen(heard: list[dict[str, Any]]) -> ThreadingHTTPServer:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            events = body if isinstance(body, list) else [body]
            answer = {"validationResponse": events[0]["data"].get("validationCode", "")}
            heard.extend(event for event in events if "validationCode" not in event["data"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    folder = tmp_path_factory.mktemp("azure")
    seed, state = plant(folder), folder / "state"
    process = subprocess.Popen([sys.executable, "-m", "local.azure", "--state", str(state), "--seed", str(seed)])
    environment = pytest.MonkeyPatch()
    running = None
    try:
        wait_for(lambda: (state / "azure.json").exists() or process.poll() is not None)
        running = Azure(json.loads((state / "azure.json").read_text()), folder)
        environment.setenv("REQUESTS_CA_BUNDLE", running.found["ca_file"])
        environment.setenv("IDENTITY_ENDPOINT", running.found["identity_endpoint"])
        environment.setenv("IDENTITY_HEADER", running.found["identity_header"])
        hook = listen(running.heard)
        order = {"url": f"http://127.0.0.1:{hook.server_port}/", "schema": "alternating"}
        assert httpx.post(f"{running.found['control_url']}/subscribe", json=order).status_code == 200
        yield running
        hook.shutdown()
    finally:
        environment.undo()
        process.terminate()
        assert process.wait(15) == 0
        assert not (state / "azure.json").exists()


@pytest.fixture(scope="module")
def trained(azure: Azure) -> Any:
    """One finished training job, and so version 1 of the model."""
    client = azure.client()
    train(client, "train-1")
    return wait_for_job(client, "train-1")


@pytest.fixture(scope="module")
def production(azure: Azure, trained: Any) -> MLClient:
    """An endpoint whose deployment ``blue`` takes all traffic."""
    azure.client().models.share(
        "tiny-model", "1", registry_name="contoso", share_with_name="tiny-model", share_with_version="1"
    )
    client = azure.client("prod")
    client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="tiny-endpoint", auth_mode="key")
    ).result()
    deploy(client, "blue", model="azureml://registries/contoso/models/tiny-model/versions/1").result()
    send_traffic(client, {"blue": 100}).result()
    return client


def test_a_request_without_a_token_is_refused(azure: Azure):
    answer = azure.rest("GET", f"{WORKSPACES}/dev", headers={})

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "AuthenticationFailed"


def test_a_token_for_another_audience_is_refused(azure: Azure):
    token = azure.token("https://storage.azure.com")

    answer = azure.rest("GET", f"{WORKSPACES}/dev", headers={"authorization": f"Bearer {token}"})

    assert answer.status_code == 401


def test_ids_are_case_insensitive(azure: Azure):
    assert azure.rest("GET", f"{WORKSPACES}/DEV".replace("resourceGroups", "resourcegroups")).status_code == 200
    assert azure.client("DEV").components.get("tiny-train", "3").version == "3"


def test_an_unknown_workspace_is_not_found(azure: Azure):
    with pytest.raises(ResourceNotFoundError) as refusal:
        azure.client("nowhere").models.get("tiny-model", "1")

    assert refusal.value.error.code == "ResourceNotFound"


def test_the_workspace_names_its_tracking_address_in_azures_scheme(azure: Azure):
    address = azure.client().workspaces.get("dev").mlflow_tracking_uri

    assert address == azure.found["arm_url"].replace("https", "azureml") + f"/mlflow/v1.0{WORKSPACES}/dev"


def test_the_latest_component_and_data_are_found(azure: Azure):
    client = azure.client()

    assert client.components.get("tiny-train", label="latest").version == "3"
    assert client.data.get("flights", label="latest").version == "1"


def test_new_data_becomes_the_latest(azure: Azure):
    order = {"workspace": f"{WORKSPACES}/dev", "name": "growing", "folder": str(azure.folder / "flights")}
    for _ in range(2):
        assert httpx.post(f"{azure.found['control_url']}/data-assets", json=order).status_code == 200

    assert azure.client().data.get("growing", label="latest").version == "2"
    with pytest.raises(ResourceNotFoundError):
        azure.client("prod").data.get("growing", "1")


def test_a_finished_job_has_registered_its_named_output(azure: Azure, trained: Any):
    output, model = trained.outputs["model"], azure.client().models.get("tiny-model", "1")

    assert trained.status == "Completed"
    assert (output.name, output.version) == ("tiny-model", "1")
    assert model.job_name == "train-1"
    assert model.path.endswith("/workspaces/dev/datastores/workspaceblobstore/paths/azureml/train-1/model")


def test_a_job_logs_to_mlflow_with_the_unmodified_client(azure: Azure, trained: Any):
    address = azure.client().workspaces.get("dev").mlflow_tracking_uri.replace("azureml:", "https:")
    headers = {"authorization": f"Bearer {azure.token('https://ml.azure.com')}"}

    answer = azure.rest(
        "GET", address.removeprefix(azure.found["arm_url"]) + "/api/2.0/mlflow/runs/get?run_id=train-1", headers=headers
    )

    run = answer.json()["run"]
    assert run["info"]["status"] == "FINISHED"
    assert [(metric["key"], metric["value"]) for metric in run["data"]["metrics"]] == [("auc", 0.71)]
    assert {"key": "rate", "value": "0.25"} in run["data"]["params"]
    assert {"key": "champion", "value": "None"} in run["data"]["params"]
    assert trained.tags == {"outerloop.reference": "profile"}


def test_a_job_raises_run_events_and_a_registration(azure: Azure, trained: Any):
    wait_for(lambda: len(azure.events("/runs/train-1")) == 3)

    assert azure.events("/runs/train-1") == {
        ("RunStatusChanged", "Running"),
        ("RunStatusChanged", "Completed"),
        ("RunCompleted", ""),
    }
    registered = wait_for(lambda: [event for event in azure.heard if event["subject"] == "models/tiny-model:1"])
    assert registered[0]["data"]["ModelVersion"] == 1
    assert {event.get("topic") or event["source"] for event in registered} == {f"{WORKSPACES}/dev"}


def test_submitting_the_same_job_again_runs_nothing(azure: Azure, trained: Any):
    again = train(azure.client(), "train-1")

    assert again.status == "Completed"
    assert azure.effects("jobs/train-1").count("job_started") == 1
    assert "repeated" in azure.effects("jobs/train-1")


def test_another_job_under_a_taken_name_is_refused(azure: Azure, trained: Any):
    with pytest.raises(ResourceExistsError, match="experimentName"):
        train(azure.client(), "train-1", experiment="another")


def test_a_failing_job_ends_failed_and_registers_nothing(azure: Azure, trained: Any):
    client = azure.client()
    train(client, "train-13", rate=13)

    assert wait_for_job(client, "train-13").status == "Failed"
    wait_for(lambda: ("RunStatusChanged", "Failed") in azure.events("/runs/train-13"))
    assert azure.events("/runs/train-13") == {("RunStatusChanged", "Running"), ("RunStatusChanged", "Failed")}
    assert "unlucky" in next(job["log"] for job in azure.control("/jobs") if job["name"] == "train-13")
    assert [model.version for model in client.models.list("tiny-model")] == ["1"]


def test_an_optional_model_input_reaches_the_command(azure: Azure, trained: Any):
    client = azure.client()
    train(client, "train-champion", champion=Input(type="custom_model", path="azureml:tiny-model:1"))

    job = wait_for_job(client, "train-champion")

    assert job.outputs["model"].version == "2"
    assert client.models.get("tiny-model", label="latest").version == "2"
    assert [model.version for model in client.models.list("tiny-model")] == ["2", "1"]
    client.models.get("tiny-model", "1")


def test_a_job_that_names_what_does_not_exist_is_refused_at_once(azure: Azure):
    client = azure.client()
    with pytest.raises(ResourceNotFoundError):
        train(client, "train-nothing", champion=Input(type="custom_model", path="azureml:no-such-model:1"))
    with pytest.raises(ResourceNotFoundError):
        client.jobs.get("train-nothing")


def test_a_component_reference_brings_its_defaults(azure: Azure, trained: Any):
    data = {"jobInputType": "uri_folder", "uri": f"{WORKSPACES}/dev/data/flights/versions/1"}
    wanted = {
        "jobType": "Command",
        "componentId": f"{WORKSPACES}/dev/components/tiny-train/versions/3",
        "command": COMPONENT["command"],
        "codeId": azure.client().components.get("tiny-train", version="3").code.removeprefix("azureml:"),
        "environmentId": f"{WORKSPACES}/dev/environments/tiny/versions/1",
        "inputs": {"data": data, "champion": {"jobInputType": "custom_model", "uri": "azureml:tiny-model@latest"}},
        "outputs": {"model": {"jobOutputType": "custom_model"}},
    }

    answer = azure.rest("PUT", f"{WORKSPACES}/dev/jobs/by-component", json={"properties": wanted})

    assert answer.status_code == 201
    assert wait_for_job(azure.client(), "by-component").status == "Completed"
    inputs = azure.rest("GET", f"{WORKSPACES}/dev/jobs/by-component").json()["properties"]["inputs"]
    assert inputs["rate"] == {"jobInputType": "literal", "value": "0.5"}


def test_a_job_without_a_command_is_refused(azure: Azure):
    wanted = {"jobType": "Command", "componentId": f"{WORKSPACES}/dev/components/tiny-train/versions/3"}
    answer = azure.rest("PUT", f"{WORKSPACES}/dev/jobs/without-command", json={"properties": wanted})
    assert answer.status_code == 400
    assert "command and its environmentId" in answer.json()["error"]["message"]


def test_a_version_that_an_output_became_shows_to_the_previews_that_have_it(azure: Azure, trained: Any):
    def output(version: str) -> dict[str, Any]:
        answer = azure.rest("GET", f"{WORKSPACES}/dev/jobs/train-1", params={"api-version": version})
        return answer.json()["properties"]["outputs"]["model"]

    assert output("2024-01-01-preview")["assetVersion"] == "1"
    assert "assetVersion" not in output("2025-12-01")


def test_a_call_without_an_api_version_is_refused(azure: Azure):
    answer = azure.rest("GET", f"{WORKSPACES}/dev", params={})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "MissingApiVersionParameter"


def test_a_running_job_can_be_cancelled(azure: Azure):
    client = azure.client()
    job = command(name="sleeper", command="sleep 60", environment="azureml:tiny:1", compute="cpu")
    client.jobs.create_or_update(job)
    wait_for(lambda: client.jobs.get("sleeper").status == "Running")

    client.jobs.begin_cancel("sleeper").result()

    assert wait_for_job(client, "sleeper").status == "Canceled"


def test_a_model_registered_by_hand_raises_its_event_and_is_immutable(azure: Azure, trained: Any):
    client = azure.client()
    path = "azureml://jobs/train-1/outputs/model"
    client.models.create_or_update(Model(name="by-hand", version="7", path=path, type="custom_model"))

    wait_for(lambda: [event for event in azure.heard if event["subject"] == "models/by-hand:7"])
    other = {"properties": {"modelUri": "azureml://jobs/train-1/outputs/other", "modelType": "custom_model"}}
    assert azure.rest("PUT", f"{WORKSPACES}/dev/models/by-hand/versions/7", json=other).status_code == 409


def test_data_can_be_registered_by_address(azure: Azure, trained: Any):
    data = Data(name="of-a-job", version="1", type="uri_folder", path="azureml://jobs/train-1/outputs/model")

    assert azure.client().data.create_or_update(data).version == "1"


def test_a_shared_model_is_in_the_registry(azure: Azure, production: MLClient):
    client = azure.client(registry="contoso")

    assert client.models.get("tiny-model", "1").id == "azureml://registries/contoso/models/tiny-model/versions/1"
    assert [model.version for model in client.models.list("tiny-model")] == ["1"]
    with pytest.raises(ResourceNotFoundError):
        client.models.get("tiny-model", "99")


def test_sharing_again_changes_nothing(azure: Azure, production: MLClient):
    with pytest.raises(ValidationException, match="already exists in registry"):
        azure.client().models.share(
            "tiny-model", "1", registry_name="contoso", share_with_name="tiny-model", share_with_version="1"
        )

    assert azure.effects("registries/contoso/models/tiny-model/versions/1").count("model_shared") == 1


def test_a_deployment_serves_the_shared_model(azure: Azure, production: MLClient):
    endpoint = production.online_endpoints.get("tiny-endpoint")
    key = production.online_endpoints.get_keys("tiny-endpoint").primary_key

    answer = httpx.post(endpoint.scoring_uri, json={}, headers={"authorization": f"Bearer {key}"}, verify=azure.tls())

    assert answer.json() == {"model": "delay|0.25"}
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert endpoint.traffic == {"blue": 100}
    assert endpoint.identity.type == "system_assigned"


def test_deploying_the_same_again_starts_nothing(azure: Azure, production: MLClient):
    deploy(production, "blue", model="azureml://registries/contoso/models/tiny-model/versions/1").result()

    assert azure.effects("deployments/blue") == ["deployment_created", "repeated"]


@pytest.mark.parametrize(
    ("traffic", "reason"), [({"blue": 50}, "sum to 0 or 100"), ({"blue": 0, "purple": 100}, "purple")]
)
def test_a_split_that_makes_no_sense_is_refused(production: MLClient, traffic: dict[str, int], reason: str):
    with pytest.raises(HttpResponseError, match=reason) as refusal:
        send_traffic(production, traffic)

    assert refusal.value.status_code == 400


def test_setting_the_same_traffic_is_journaled_as_no_change(azure: Azure, production: MLClient):
    send_traffic(production, {"blue": 100}).result()

    last = [entry for entry in azure.control("/journal") if entry["effect"] == "traffic_set"][-1]
    assert last["detail"] == {"traffic": {"blue": 100}, "changed": False}


def test_tags_can_be_patched_and_traffic_cannot(azure: Azure, production: MLClient):
    path = f"{WORKSPACES}/prod/onlineEndpoints/tiny-endpoint"

    refused = azure.rest("PATCH", path, json={"properties": {"traffic": {"blue": 100}}})
    patched = azure.rest("PATCH", path, json={"tags": {"team": "flights"}})

    assert refused.status_code == 400
    assert patched.json()["tags"] == {"team": "flights"}


def test_a_deployment_with_traffic_is_not_deleted(production: MLClient):
    with pytest.raises(HttpResponseError, match="takes traffic"):
        production.online_deployments.begin_delete("blue", "tiny-endpoint")


def test_a_deployment_that_cannot_start_says_why_and_raises_no_event(azure: Azure, production: MLClient):
    heard = len(azure.heard)
    model = "azureml://registries/contoso/models/tiny-model/versions/1"

    with pytest.raises(HttpResponseError, match="no weights"):
        deploy(production, "broken", script="broken.py", model=model).result()

    assert production.online_deployments.get("broken", "tiny-endpoint").provisioning_state == "Failed"
    assert len(azure.heard) == heard
    production.online_deployments.begin_delete("broken", "tiny-endpoint").result()
    assert [one.name for one in production.online_deployments.list("tiny-endpoint")] == ["blue"]


def test_an_endpoint_takes_one_change_at_a_time(azure: Azure, production: MLClient):
    poller = deploy(production, "green", script="slow.py", model=f"{WORKSPACES}/dev/models/tiny-model/versions/1")

    with pytest.raises(ResourceExistsError) as refusal:
        send_traffic(production, {"blue": 100})
    assert refusal.value.error.code == "Conflict"

    poller.result()
    send_traffic(production, {"blue": 90, "green": 10}).result()
    assert production.online_endpoints.get("tiny-endpoint").traffic == {"blue": 90, "green": 10}
    send_traffic(production, {"blue": 100, "green": 0}).result()
    production.online_deployments.begin_delete("green", "tiny-endpoint").result()
    assert azure.effects("deployments/green") == ["deployment_created", "deployment_deleted"]


def test_a_deployment_of_an_unknown_model_is_refused(production: MLClient):
    with pytest.raises(ResourceNotFoundError):
        deploy(production, "ghost", model="azureml:no-such-model:1")


def test_the_sdk_makes_and_reads_an_endpoint_on_an_attached_cluster(azure: Azure, production: MLClient):
    production.online_endpoints.begin_create_or_update(
        KubernetesOnlineEndpoint(name="tiny-edge", compute="k8s-edge", auth_mode="key")
    ).result()
    blue = KubernetesOnlineDeployment(
        name="blue",
        endpoint_name="tiny-edge",
        model="azureml://registries/contoso/models/tiny-model/versions/1",
        environment="azureml:tiny:1",
        code_configuration=CodeConfiguration(code="azureml:scoring:1", scoring_script="score.py"),
        instance_count=1,
    )
    production.online_deployments.begin_create_or_update(blue).result()

    endpoint = production.online_endpoints.get("tiny-edge")
    deployment = production.online_deployments.get("blue", "tiny-edge")
    assert isinstance(endpoint, KubernetesOnlineEndpoint)
    assert endpoint.compute.endswith("/computes/k8s-edge")
    assert isinstance(deployment, KubernetesOnlineDeployment)
    assert (deployment.instance_count, deployment.resources.requests.memory) == (1, "2Gi"), "as its instance type says"

    production.online_endpoints.begin_delete("tiny-edge").result()
    assert [one.name for one in production.online_endpoints.list()] == ["tiny-endpoint"]


def test_v2_endpoints_raise_no_deployment_event(azure: Azure, production: MLClient):
    kinds = {(event.get("eventType") or event["type"]).rpartition(".")[2] for event in azure.heard}

    assert "ModelDeployed" not in kinds


def test_the_control_interface_shows_endpoints(azure: Azure, production: MLClient):
    wait_for(lambda: production.online_endpoints.get("tiny-endpoint").provisioning_state == "Succeeded")
    (shown,) = azure.control("/endpoints")

    assert (shown["name"], shown["state"], shown["busy"]) == ("tiny-endpoint", "Succeeded", None)
    assert shown["traffic"]["blue"] == 100
    assert shown["deployments"]["blue"]["state"] == "Succeeded"


def test_any_event_can_be_raised(azure: Azure):
    order = {"topic": "/t", "event_type": "Contoso.Happened", "subject": "by-hand", "data": {"n": 1}, "id": "e-1"}

    assert httpx.post(f"{azure.found['control_url']}/events", json=order).status_code == 200

    heard = wait_for(lambda: [event for event in azure.heard if event["subject"] == "by-hand"])
    assert {event["id"] for event in heard} == {"e-1"}


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/events", {"topic": "/t"}),
        ("/data-assets", {"name": "d", "folder": "/no/such/folder"}),
        ("/data-assets", {"name": "d", "folder": "/", "workspace": "nowhere"}),
        ("/subscribe", {"url": "http://127.0.0.1:9/nobody-listens"}),
    ],
)
def test_a_wrong_order_is_answered_with_its_reason(azure: Azure, path: str, order: dict[str, Any]):
    answer = httpx.post(azure.found["control_url"] + path, json=order)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_every_address_that_a_client_needs_is_announced(azure: Azure):
    assert set(azure.found) >= {
        "arm_url",
        "ca_file",
        "control_url",
        "event_hubs_connection_string",
        "hub",
        "identity_endpoint",
        "identity_header",
        "journal",
        "smtp_host",
        "smtp_port",
        "teams_urls",
    }
    assert (azure.folder / "state" / "azure.json").stat().st_mode & 0o077 == 0


def test_every_answer_is_as_azure_defines_it(azure: Azure, production: MLClient):
    said = closure.read(azure.folder / "state" / "exchanges.jsonl")
    assert len(said) >= 10
    assert closure.problems(said) == []
