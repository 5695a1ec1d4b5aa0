"""The Azure ML adapter against the local Azure, which speaks the wire protocol: real jobs, real serving processes."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from azure.identity import DefaultAzureCredential

from shared.adapters.azure_alerts import AzureAlerts
from shared.adapters.azure_ml import AzureMachineLearning
from shared.adapters.azure_ml_data import AzureMlDatasets
from shared.adapters.azure_ml_inventory import AzureMlInventory
from shared.adapters.azure_ml_models import AzureMlModels
from shared.adapters.azure_ml_quota import AzureMlQuotas
from shared.adapters.endpoint_probe import EndpointProber
from shared.adapters.messenger import ChannelMessenger
from shared.adapters.smtp_mail import SmtpMail, SmtpServer
from shared.adapters.system_clock import SystemClock
from shared.adapters.teams import TeamsWebhooks
from shared.domain.commands import (
    CheckEndpoint,
    DeployModel,
    Notify,
    RecordReference,
    RemoveDeployment,
    RestartDeployment,
    Retrain,
    RollBackTraffic,
    RunEvaluation,
    ScaleDeployment,
    SetTraffic,
    ShareEnvironment,
    ShareModel,
)
from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.outcomes import Failed, Started, Succeeded
from tests.contracts.openapi import closure, documents
from tests.unit.adapters.scripted_azure import StaticCredential, cloud_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/mlops"
    "/providers/Microsoft.MachineLearningServices/workspaces/dev"
)
START_SECONDS_MAX = 30
SETTLE_SECONDS_MAX = 40

# Speaks MLflow's REST directly: importing mlflow would cost each job some seconds.
TRACK = """
import json, os, ssl, urllib.request
def call(path, body):
    request = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/" + path,
        json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], **body}).encode(),
        {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
    )
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    urllib.request.urlopen(request, context=context, timeout=10).read()
"""
TRAIN = """
import pathlib, sys, track
data, model = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
model.mkdir(parents=True, exist_ok=True)
(model / "model.txt").write_text(str(len(list(data.iterdir()))))
metrics = [{"key": "auc", "value": 0.7, "timestamp": 1, "step": 0}, {"key": "auc", "value": 0.74, "timestamp": 2, "step": 1}]
tags = [{"key": "outerloop.reference.rows", "value": "300"}, {"key": "outerloop.reference", "value": "profile"},
        {"key": "other", "value": "x"}]
track.call("runs/log-batch", {"metrics": metrics, "tags": tags})
"""
EVALUATE = """
import sys, track
print(sys.argv)
auc = {"key": "auc", "value": 0.72, "timestamp": 1, "step": 0}
track.call("runs/log-batch", {"metrics": [auc, {"key": "arguments", "value": len(sys.argv), "timestamp": 1, "step": 0}]})
"""
SCORE = """
import json, os, pathlib
def init():
    (pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "model.txt").read_text()
def run(raw):
    return {"rows": len(json.loads(raw)["rows"]), "deployment": os.environ["OUTERLOOP_DEPLOYMENT_ID"]}
"""
SLOW = SCORE.replace("def init():", "def init():\n    __import__('time').sleep(1.5)")
BATCH = """
def run(mini_batch):
    return [path.rpartition("/")[2] for path in mini_batch]
"""
CRASH = """
def init():
    raise RuntimeError("no such feature")
def run(raw):
    return {}
"""


def component(name, command, inputs, outputs):
    return {
        "$schema": "https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json",
        "type": "command",
        "name": name,
        "version": "1",
        "inputs": inputs,
        "outputs": outputs,
        "code": "./jobs",
        "environment": "azureml:flight-env:1",
        "command": command,
    }


def plant(folder: Path) -> Path:
    """The seed of a local Azure, and the files that it names."""
    for place, files in {
        "jobs": {"track.py": TRACK, "train.py": TRAIN, "evaluate.py": EVALUATE},
        "scoring": {"score.py": SCORE, "crash.py": CRASH, "slow.py": SLOW, "batch.py": BATCH},
        "data": {"2013-01.csv": "a,b\n1,2\n"},
    }.items():
        (folder / place).mkdir()
        for name, text in files.items():
            (folder / place / name).write_text(text, encoding="utf-8")
    data, model = {"data": {"type": "uri_folder"}}, {"model": {"type": "custom_model"}}
    optional = {"champion": {"type": "custom_model", "optional": True}}
    evaluate = "python evaluate.py ${{inputs.model}} ${{inputs.data}} ${{inputs.on}} $[[${{inputs.champion}}]]"
    components = [
        component("flight_train", "python train.py ${{inputs.data}} ${{outputs.model}}", data, model),
        component("flight_broken", "python -c 'raise SystemExit(\"no labels\")' ${{inputs.data}}", data, model),
        component("flight_evaluate", evaluate, {**model, **data, **optional, "on": {"type": "string"}}, {}),
        component(
            "flight_compare", "python evaluate.py ${{inputs.candidate}}", {"candidate": {"type": "uri_folder"}}, {}
        ),
    ]
    for each in components:
        (folder / f"{each['name']}.yml").write_text(yaml.safe_dump(each), encoding="utf-8")
    seed = {
        "workspaces": [WORKSPACE],
        "registries": ["contoso"],
        "environments": ["flight-env"],
        "components": [{"path": f"{each['name']}.yml"} for each in components],
        "data": [{"name": "flights-labelled", "folder": "data", "tags": {"rows": "300"}}],
        "codes": [{"name": "flight-scoring", "folder": "scoring"}],
        "channels": ["mlops"],
        "exchanges": True,
        "computes": ["cpu", "k8s-edge", "k8s-west", *(f"ci-{number}" for number in range(100, 300))],
    }
    (folder / "seed.yml").write_text(yaml.safe_dump(seed), encoding="utf-8")
    return folder / "seed.yml"


@pytest.fixture(scope="module")
def local_azure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("azure")
    state = folder / "state"
    arguments = [sys.executable, "-m", "local.azure", "--state", str(state), "--seed", str(plant(folder))]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not (state / "azure.json").exists():
            assert process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline, "the local Azure did not start"
            time.sleep(0.05)  # noqa: TID251 - a real process starts in real time
        connections = json.loads((state / "azure.json").read_text())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REQUESTS_CA_BUNDLE", connections["ca_file"])
            patch.setenv("SSL_CERT_FILE", connections["ca_file"])
            yield connections
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="module")
def workspace(local_azure):
    return AzureMachineLearning(StaticCredential, cloud_of(local_azure["arm_url"]), 2.0, 10.0)


def journal(local_azure, effect):
    entries = httpx.get(f"{local_azure['control_url']}/journal", timeout=5).json()
    return [entry for entry in entries if entry["effect"] == effect]


async def settled(workspace, command):
    """Begin a command and look until it is final, as sweep does."""
    outcome = await workspace.begin(command, NOW)
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while isinstance(outcome, Started):
        assert time.monotonic() < deadline, f"{command} did not settle"
        await asyncio.sleep(0.1)
        outcome = await workspace.look(command, outcome.operation, NOW)
    return outcome


def order(kind, number, **fields):
    return kind(id=f"{number:024x}", workload="flight-delay", reason="test", workspace=WORKSPACE, **fields)


def retrain(number, name="flight_train"):
    reference, data = f"azureml:{name}@latest", "azureml:flights-labelled@latest"
    return order(Retrain, number, component=reference, data=data, experiment="flights", model="flight-delay")


def deploy(number, version, deployment, **changes):
    fields = {
        "endpoint": "flight-delay",
        "deployment": deployment,
        "model_ref": f"azureml:flight-delay:{version}",
        "version": version,
        "environment": "azureml:flight-env:1",
        "code": "azureml:flight-scoring:1",
        "scoring_script": "score.py",
        "instance_type": "Standard_DS2_v2",
        "instance_count": 1,
    }
    return order(DeployModel, number, **{**fields, **changes})


def traffic(number, **shares):
    return order(SetTraffic, number, endpoint="flight-delay", traffic=shares)


@pytest.fixture(scope="module")
def trained(local_azure, workspace):
    """A model version that a real training job made."""
    outcome = asyncio.run(settled(workspace, retrain(1)))
    assert isinstance(outcome, Succeeded), outcome
    return outcome


@pytest.fixture(scope="module")
def serving(workspace, trained):
    """An endpoint with two deployments, all traffic on blue."""

    async def prepare():
        for number, name in ((10, "blue"), (11, "green")):
            outcome = await settled(workspace, deploy(number, trained.data["model_version"], name))
            assert isinstance(outcome, Succeeded), outcome
        assert isinstance(await settled(workspace, traffic(12, blue=100)), Succeeded)

    asyncio.run(prepare())


async def test_a_retraining_ends_with_its_metrics_and_the_registered_version(trained):
    assert trained.data == {"auc": 0.74, "job": f"{1:024x}", "model_version": "1"}


async def test_a_job_starts_once_however_often_it_is_ordered(local_azure, workspace, trained):
    assert await workspace.begin(retrain(1), NOW) == trained
    started = [entry for entry in journal(local_azure, "job_started") if entry["target"].endswith(f"{1:024x}")]
    assert len(started) == 1


def test_a_job_carries_the_mark_of_its_command(local_azure, trained):
    jobs = httpx.get(f"{local_azure['control_url']}/jobs", timeout=5).json()
    tags = next(job["tags"] for job in jobs if job["name"] == f"{1:024x}")
    assert tags["outerloop.command"] == f"{1:024x}"
    assert tags["outerloop.workload"] == "flight-delay"


async def test_a_job_that_fails_says_why(workspace):
    outcome = await settled(workspace, retrain(2, "flight_broken"))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "no labels" in outcome.reason


async def test_a_component_that_does_not_exist_is_named(workspace):
    outcome = await workspace.begin(retrain(3, "flight_missing"), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "flight_missing" in outcome.reason


@pytest.mark.parametrize(("number", "champion", "arguments"), [(4, "", 4), (5, "azureml:flight-delay:1", 5)])
async def test_an_evaluation_runs_with_or_without_a_champion(workspace, trained, number, champion, arguments):
    command = order(
        RunEvaluation,
        number,
        component="azureml:flight_evaluate:1",
        model_ref="azureml:flight-delay:1",
        champion_ref=champion,
        data="azureml:flights-labelled:1",
        on="later",
    )
    outcome = await settled(workspace, command)
    assert outcome == Succeeded(data={"auc": 0.72, "arguments": float(arguments), "job": f"{number:024x}"})


async def test_the_reference_is_read_from_the_run_behind_the_version(workspace, trained):
    command = order(RecordReference, 6, model="flight-delay", version="1")
    tags = await workspace.read_reference(command)
    assert tags == {"outerloop.reference": "profile", "outerloop.reference.rows": "300"}


async def test_the_reference_of_a_version_that_does_not_exist_is_a_failure(workspace):
    outcome = await workspace.read_reference(order(RecordReference, 7, model="flight-delay", version="99"))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


async def test_a_model_is_shared_once_and_then_present(local_azure, workspace, trained):
    command = order(ShareModel, 8, registry="contoso", model="flight-delay", version="1")
    reference = {"model_ref": "azureml://registries/contoso/models/flight-delay/versions/1"}
    assert isinstance(await workspace.begin(command, NOW), Started)
    assert await settled(workspace, command) == Succeeded(data=reference)
    assert await workspace.begin(command, NOW) == Succeeded(data=reference)
    assert len(journal(local_azure, "model_shared")) == 1


async def test_what_is_trained_anew_in_staging_has_the_candidates_number_and_is_tested_from_the_registry(
    workspace, trained
):
    model, data = "flight-delay-retrained-in-staging", "azureml:flights-labelled@latest"
    asked = {"component": "azureml:flight_train@latest", "data": data, "experiment": "staging", "model": model}
    command = order(Retrain, 70, **asked, version="7", came_of="flight-delay:7", compute="cpu")
    anew = await settled(workspace, command)
    assert anew == Succeeded(data={"auc": 0.74, "job": f"{70:024x}", "model_version": "7"})
    job = workspace.clients.calls().get(f"{WORKSPACE}/jobs/{command.id}")
    assert job["properties"]["tags"]["outerloop.came_of"] == "flight-delay:7"
    assert job["properties"]["computeId"] == f"{WORKSPACE}/computes/cpu"
    shared = await settled(workspace, order(ShareModel, 71, registry="contoso", model=model, version="7"))
    reference = shared.data["model_ref"]
    assert reference == f"azureml://registries/contoso/models/{model}/versions/7"
    told = {"component": "azureml:flight_evaluate:1", "champion_ref": "azureml:flight-delay:1", "on": "holdout"}
    outcome = await settled(workspace, order(RunEvaluation, 72, model_ref=reference, data=data, **told))
    assert outcome == Succeeded(data={"auc": 0.72, "arguments": 5.0, "job": f"{72:024x}"})


async def test_the_environment_of_a_label_is_shared_once_at_the_version_it_names_now(local_azure, workspace, serving):
    command = order(ShareEnvironment, 15, registry="contoso", environment="azureml:flight-env@latest")
    shared = await settled(workspace, command)
    assert shared.data == {"environment_ref": "azureml://registries/contoso/environments/flight-env/versions/1"}
    assert await workspace.begin(command, NOW) == shared
    assert len(journal(local_azure, "environment_shared")) == 1
    outcome = await settled(workspace, deploy(16, "1", "indigo", environment=shared.data["environment_ref"]))
    assert isinstance(outcome, Succeeded), outcome


async def test_a_shared_model_is_deployed_from_the_registry(workspace, serving):
    command = order(ShareModel, 8, registry="contoso", model="flight-delay", version="1")
    shared = await settled(workspace, command)
    outcome = await settled(workspace, deploy(13, "1", "violet", model_ref=shared.data["model_ref"]))
    assert outcome == Succeeded(data={"deployment": "violet", "version": "1"})
    assert isinstance(
        await settled(workspace, order(RemoveDeployment, 14, endpoint="flight-delay", deployment="violet")), Succeeded
    )


async def test_a_deployment_that_is_ordered_twice_is_made_once(local_azure, workspace, serving):
    assert isinstance(await workspace.begin(deploy(10, "1", "blue"), NOW), Succeeded)
    made = [entry for entry in journal(local_azure, "deployment_created") if entry["target"].endswith("/blue")]
    assert len(made) == 1
    assert not journal(local_azure, "deployment_updated")


async def test_a_scoring_script_that_crashes_fails_the_deployment_with_its_log(workspace, serving):
    outcome = await settled(workspace, deploy(15, "1", "broken", scoring_script="crash.py"))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "no such feature" in outcome.reason


async def test_a_second_write_while_one_is_under_way_is_refused_as_busy(workspace, serving):
    slow = deploy(16, "1", "amber", scoring_script="slow.py")
    first = await workspace.begin(slow, NOW)
    second = await workspace.begin(deploy(17, "1", "coral"), NOW)
    assert isinstance(first, Started)
    assert isinstance(second, Failed)
    assert second.retryable
    assert "busy" in second.reason
    assert isinstance(await settled(workspace, slow), Succeeded)


async def test_traffic_moves_and_is_not_written_twice(local_azure, workspace, serving):
    assert await settled(workspace, traffic(20, blue=90, green=10)) == Succeeded(data={"traffic": "blue=90,green=10"})
    writes = len(journal(local_azure, "traffic_set"))
    assert await workspace.begin(traffic(20, blue=90, green=10), NOW) == Succeeded(data={"traffic": "blue=90,green=10"})
    assert len(journal(local_azure, "traffic_set")) == writes


async def test_a_foreign_change_of_traffic_is_reported(workspace, serving):
    begun = await workspace.begin(traffic(21, blue=80, green=20), NOW)
    assert isinstance(begun, Started)
    await settled(workspace, traffic(21, blue=80, green=20))
    await settled(workspace, traffic(22, blue=50, green=50))
    outcome = await workspace.look(traffic(21, blue=80, green=20), begun.operation, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert f"{22:024x}" in outcome.reason


async def test_a_shadow_step_mirrors_and_going_back_ends_it_in_the_same_write(local_azure, workspace, serving):
    shadow = order(SetTraffic, 40, endpoint="flight-delay", traffic={"blue": 100, "green": 0}, mirror={"green": 20})
    wanted = Succeeded(data={"traffic": "blue=100,mirror:green=20"})
    assert await settled(workspace, shadow) == wanted
    assert await workspace.begin(shadow, NOW) == wanted, "it is in force already"
    back = order(RollBackTraffic, 41, endpoint="flight-delay", traffic={"blue": 100, "green": 0}, until=NOW)
    assert await settled(workspace, back) == Succeeded(data={"traffic": "blue=100"})
    assert [entry["detail"]["mirror"] for entry in journal(local_azure, "mirror_set")] == [{"green": 20}, {}]


async def test_a_mirror_of_more_than_azure_allows_is_refused_for_good(workspace, serving):
    asked = order(SetTraffic, 42, endpoint="flight-delay", traffic={"blue": 100}, mirror={"green": 60})
    outcome = await workspace.begin(asked, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "50 percent" in outcome.reason


ON_CLUSTER = {"endpoint": "flight-edge", "endpoint_kind": "kubernetes_online"}


async def test_a_version_takes_over_on_a_cluster_step_by_step_and_the_standby_takes_back(
    local_azure, workspace, serving
):
    """Both deployments, the probe, the steps to 100 %, the rollback to the standby, and the removal of what failed."""
    machines = {"compute": "k8s-edge", "instance_type": "four-cores"}
    for number, name in ((60, "blue"), (61, "green")):
        made = await settled(workspace, deploy(number, "1", name, **ON_CLUSTER, **machines))
        assert isinstance(made, Succeeded), made
    arm = workspace.clients.calls()
    place = f"{WORKSPACE}/onlineEndpoints/flight-edge"
    assert arm.get(place)["properties"]["compute"] == f"{WORKSPACE}/computes/k8s-edge"
    made_so = arm.get(f"{place}/deployments/green")
    assert (made_so["properties"]["endpointComputeType"], made_so["properties"]["instanceType"]) == (
        "Kubernetes",
        "four-cores",
    )
    assert "kind" not in made_so, "which only managed ones have"

    probe = order(CheckEndpoint, 62, endpoint="flight-edge", deployment="green", payload="", requests=5)
    probed = await EndpointProber(workspace.clients, 30.0).probe(probe, json.dumps({"rows": [1, 2]}))
    assert isinstance(probed, Succeeded), probed
    assert (probed.data["requests"], probed.data["errors"]) == (5, 0), probed

    for number, share in ((63, 10), (64, 50), (65, 100)):
        step = order(SetTraffic, number, **ON_CLUSTER, traffic={"blue": 100 - share, "green": share})
        done = await settled(workspace, step)
        assert isinstance(done, Succeeded), done
        assert await workspace.begin(step, NOW) == done, "it is in force already"
    held = await settled(workspace, order(RemoveDeployment, 66, **ON_CLUSTER, deployment="green"))
    assert isinstance(held, Failed), held
    assert "still takes 100 %" in held.reason
    back = order(RollBackTraffic, 67, **ON_CLUSTER, traffic={"blue": 100, "green": 0}, until=NOW)
    assert await settled(workspace, back) == Succeeded(data={"traffic": "blue=100"})
    removed = await settled(workspace, order(RemoveDeployment, 68, **ON_CLUSTER, deployment="green"))
    assert isinstance(removed, Succeeded), removed
    shares = [
        entry["detail"]["traffic"]
        for entry in journal(local_azure, "traffic_set")
        if entry["target"].endswith("flight-edge")
    ]
    assert [one.get("green", 0) for one in shares if sum(one.values())] == [10, 50, 100, 0], "and nothing twice"


async def test_an_endpoint_on_a_cluster_is_scaled_restarted_and_seen_like_any(workspace, serving):
    made = await settled(workspace, deploy(71, "1", "plum", **ON_CLUSTER, compute="k8s-edge", instance_type=""))
    assert isinstance(made, Succeeded), made
    scale = order(ScaleDeployment, 72, **ON_CLUSTER, deployment="plum", instances=2, expected=1)
    assert (await settled(workspace, scale)).data["instances"] == 2
    restarted = await settled(workspace, order(RestartDeployment, 73, **ON_CLUSTER, deployment="plum"))
    assert isinstance(restarted, Succeeded), restarted
    seen = await AzureMlInventory(workspace.clients, 10.0).endpoint(WORKSPACE, "flight-edge")
    assert isinstance(seen, EndpointSeen), seen
    assert seen.deployments["plum"] == "Succeeded"


@pytest.mark.parametrize(
    ("endpoint", "compute", "why"),
    [
        ("flight-delay", "k8s-edge", "is a managed one, and the policy says compute: k8s-edge"),
        ("flight-edge", "k8s-west", "is on the cluster k8s-edge, and the policy says compute: k8s-west"),
    ],
)
async def test_an_endpoint_that_was_made_elsewhere_is_left_where_it_is(workspace, serving, endpoint, compute, why):
    made = await settled(workspace, deploy(74, "1", "red", **ON_CLUSTER, compute="k8s-edge", instance_type=""))
    assert isinstance(made, Succeeded), made
    asked = {**ON_CLUSTER, "endpoint": endpoint}
    outcome = await workspace.begin(deploy(75, "1", "teal", **asked, compute=compute, instance_type=""), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert why in outcome.reason


async def test_a_compute_cluster_of_azures_serves_nothing(workspace, serving):
    elsewhere = {**ON_CLUSTER, "endpoint": "flight-lost"}
    outcome = await workspace.begin(deploy(76, "1", "blue", **elsewhere, compute="cpu", instance_type=""), NOW)
    assert isinstance(outcome, Failed)
    assert "needs one of type Kubernetes" in outcome.reason


async def test_a_kubernetes_endpoint_mirrors_nothing(workspace, serving):
    made = await settled(workspace, deploy(77, "1", "red", **ON_CLUSTER, compute="k8s-edge", instance_type=""))
    assert isinstance(made, Succeeded), made
    outcome = await workspace.begin(order(SetTraffic, 78, **ON_CLUSTER, traffic={}, mirror={"red": 10}), NOW)
    assert isinstance(outcome, Failed)
    assert "not supported for Kubernetes" in outcome.reason


async def test_a_cluster_that_is_not_attached_is_named(workspace, serving):
    elsewhere = {**ON_CLUSTER, "endpoint": "flight-lost"}
    outcome = await workspace.begin(deploy(79, "1", "blue", **elsewhere, compute="lost", instance_type=""), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "lost is not attached" in outcome.reason


async def test_the_quota_of_a_machine_type_is_read_with_what_is_deployed(workspace, serving):
    quota = await AzureMlQuotas(workspace.clients, 10.0).quota(WORKSPACE, "Standard_DS3_v2")
    assert (quota.family, quota.cores, quota.limit) == ("standardDSv2Family", 4, 100)
    assert quota.used >= 8, "two deployments of one instance of two cores, each counted as two"


async def test_an_endpoint_is_seen_with_its_traffic_and_its_deployments(workspace, serving):
    await settled(workspace, traffic(23, blue=70, green=30))
    seen = await AzureMlInventory(workspace.clients, 10.0).endpoint(WORKSPACE, "flight-delay")
    assert isinstance(seen, EndpointSeen)
    assert (seen.state, seen.traffic) == ("Succeeded", {"blue": 70, "green": 30})
    assert (seen.deployments["blue"], seen.deployments["green"]) == ("Succeeded", "Succeeded")


async def test_an_endpoint_that_is_not_there_is_seen_as_gone_and_a_workspace_that_is_not_there_is_a_failure(workspace):
    inventory = AzureMlInventory(workspace.clients, 10.0)
    assert await inventory.endpoint(WORKSPACE, "nobody-made-it") == EndpointSeen(exists=False)
    assert isinstance(await inventory.endpoint(f"{WORKSPACE}-elsewhere", "flight-delay"), Failed)


async def test_alerts_that_were_fired_are_read_back(local_azure, workspace):
    fire_alerts(local_azure)
    group = WORKSPACE.partition("/providers/")[0]
    alerts = AzureAlerts(workspace.clients, 10.0)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    loudly = group.upper().replace("/SUBSCRIPTIONS", "/subscriptions")
    found = await alerts.changed(loudly, noon - timedelta(hours=2), noon)
    assert [alert.rule for alert in found] == ["slow-1", "slow-2"]
    assert await alerts.changed(f"{group}-elsewhere", noon - timedelta(hours=2), noon) == ()


def fire_alerts(local_azure):
    """An alert each hour from ten to twelve, as an action group sends them."""
    group = WORKSPACE.partition("/providers/")[0]
    for number in range(3):
        fired_at = f"2026-03-01T1{number}:00:00.000Z"
        essentials = {
            "alertId": f"{group}/providers/Microsoft.AlertsManagement/alerts/{number}",
            "alertRule": f"slow-{number}",
            "severity": "Sev2",
            "signalType": "Metric",
            "monitorCondition": "Fired",
            "monitoringService": "Platform",
            "alertTargetIDs": [f"{WORKSPACE}/onlineEndpoints/flight-delay".lower()],
            "originAlertId": f"origin-{number}",
            "firedDateTime": fired_at,
        }
        body = {"data": {"essentials": essentials, "alertContext": {}}}
        assert httpx.post(f"{local_azure['control_url']}/alerts", json=body, timeout=5).is_success


async def test_versions_that_were_registered_are_read_back(workspace, trained):
    models, now = AzureMlModels(workspace.clients, 10.0), SystemClock().now()
    found = await models.registered(WORKSPACE, "flight*", now - timedelta(hours=1), now)
    assert [(one.model_name, one.model_version) for one in found][:1] == [("flight-delay", "1")]
    assert (await models.registered(WORKSPACE, "flight-delay", now - timedelta(hours=1), now))[0] == found[0]
    assert await models.registered(WORKSPACE, "flight-delay", now, now + timedelta(hours=1)) == ()
    assert await models.registered(WORKSPACE, "nobody-made-it", now - timedelta(hours=1), now) == ()


async def test_traffic_to_a_deployment_that_does_not_exist_is_refused(workspace, serving):
    outcome = await workspace.begin(traffic(23, nobody=100), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


async def test_a_deployment_is_removed_once_it_has_no_traffic(local_azure, workspace, serving):
    remove = order(RemoveDeployment, 24, endpoint="flight-delay", deployment="green")
    await settled(workspace, traffic(25, blue=50, green=50))
    refused = await workspace.begin(remove, NOW)
    assert isinstance(refused, Failed)
    assert not refused.retryable
    await settled(workspace, traffic(26, blue=100))
    assert isinstance(await settled(workspace, remove), Succeeded)
    assert isinstance(await workspace.begin(remove, NOW), Succeeded)
    gone = [
        entry
        for entry in journal(local_azure, "deployment_deleted")
        if entry["target"].endswith("/flight-delay/deployments/green")
    ]
    assert len(gone) == 1


async def test_a_probe_measures_the_deployment_that_it_names(workspace, serving):
    command = order(CheckEndpoint, 30, endpoint="flight-delay", deployment="blue", requests=30, payload="sample.json")
    outcome = await EndpointProber(workspace.clients).probe(command, '{"rows": [1, 2]}')
    assert isinstance(outcome, Succeeded), outcome
    assert outcome.data["requests"] == 30
    assert outcome.data["error_rate"] == 0
    assert 0 < outcome.data["latency_p50_ms"] < 5000


async def test_a_probe_counts_what_the_model_refuses(workspace, serving):
    command = order(CheckEndpoint, 31, endpoint="flight-delay", deployment="blue", requests=8, payload="sample.json")
    outcome = await EndpointProber(workspace.clients).probe(command, '{"no": "rows"}')
    assert outcome.data["error_rate"] == 1.0


async def test_people_are_reached_by_card_and_by_mail(local_azure):
    server = SmtpServer(local_azure["smtp_host"], local_azure["smtp_port"], "outerloop@contoso.com", 5.0)
    messenger = ChannelMessenger(
        TeamsWebhooks(local_azure["teams_urls"], 5.0), SmtpMail(server, SystemClock()), lambda approval_id: approval_id
    )
    notice = Notify(
        id="n" * 24,
        workload="flight-delay",
        reason="psi is above 0.2",
        persona="ml_engineers",
        channels=("teams:mlops", "email:mlops@contoso.com"),
        title="Drift in flight-delay",
        facts={f"feature_{number}": "0.31" * 100 for number in range(200)},
    )
    assert isinstance(await messenger.send(notice), Succeeded)
    assert len(journal(local_azure, "card_received")) == 1
    assert len(journal(local_azure, "mail_received")) == 1


async def test_the_unmodified_default_credential_finds_the_managed_identity(local_azure, serving, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", local_azure["identity_endpoint"])
    monkeypatch.setenv("IDENTITY_HEADER", local_azure["identity_header"])
    cloud = cloud_of(local_azure["arm_url"])
    adapter = AzureMachineLearning(DefaultAzureCredential, cloud, 2.0, 10.0)
    assert isinstance(await settled(adapter, traffic(27, blue=100)), Succeeded)


def test_importing_the_adapter_imports_neither_the_sdk_nor_an_http_client():
    heavy = "{'azure.ai.ml', 'azure.identity', 'httpx', 'requests', 'jinja2'}"
    modules = "azure_ml, endpoint_probe, messenger, system_clock"
    code = f"import sys; from shared.adapters import {modules}; found = {heavy} & set(sys.modules); sys.exit(str(found) if found else 0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True)
    assert done.returncode == 0, done.stderr


def publish(local_azure, folder, **fields):
    """A new version of labelled data, as a pipeline registers it."""
    order = {"workspace": WORKSPACE, "folder": str(folder), **fields}
    assert httpx.post(f"{local_azure['control_url']}/data-assets", json=order, timeout=5).status_code == 200


async def test_the_rows_of_the_newest_labelled_data_are_read_from_their_tag(local_azure, workspace, tmp_path):
    datasets = AzureMlDatasets(workspace.clients, 30.0)
    assert await datasets.rows(WORKSPACE, "azureml:flights-labelled@latest") == 300
    publish(local_azure, tmp_path, name="growing", tags={"rows": 5000})
    publish(local_azure, tmp_path, name="growing", tags={"rows": "12000"})
    publish(local_azure, tmp_path, name="untagged")
    assert await datasets.rows(WORKSPACE, "azureml:growing@latest") == 12_000
    assert await datasets.rows(WORKSPACE, "azureml:growing:1") == 5000
    assert await datasets.rows(WORKSPACE, "azureml:untagged@latest") is None


async def test_labelled_data_that_do_not_exist_are_a_failure(local_azure, workspace):
    failed = await AzureMlDatasets(workspace.clients, 30.0).rows(WORKSPACE, "azureml:nowhere@latest")
    assert isinstance(failed, Failed), failed


def test_everything_that_was_said_is_as_azure_defines_it(local_azure, serving):
    said = closure.read(Path(local_azure["journal"]).with_name("exchanges.jsonl"))
    assert len(said) >= 10
    assert closure.problems(said) == []


def test_the_calls_in_other_versions_than_the_definitions_are_those_that_are_listed(local_azure, serving):
    said = closure.read(Path(local_azure["journal"]).with_name("exchanges.jsonl"))
    assert closure.other_versions(said) <= documents.other_versions()


def test_what_the_local_azure_answers_without_a_definition_is_what_is_listed(local_azure):
    routes = httpx.get(f"{local_azure['control_url']}/routes", timeout=5).json()
    assert {tuple(route) for route in routes if not documents.is_defined(*route)} == documents.without_definition()
