"""Batch endpoints against the local Azure, over https: our adapter's calls, and those of azure-ai-ml as a person makes them."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
import yaml

from shared.adapters.azure_ml import AzureMachineLearning
from shared.domain.commands import (
    OVERDUE,
    BatchSettings,
    CompareScores,
    DeployModel,
    RemoveDeployment,
    RollBackTraffic,
    ScoreBatch,
    SetTraffic,
)
from shared.domain.outcomes import Failed, Started, Succeeded
from tests.contracts.openapi import closure, documents
from tests.unit.adapters.scripted_azure import StaticCredential, cloud_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/mlops"
    "/providers/Microsoft.MachineLearningServices/workspaces/prod"
)
ENDPOINT = f"{WORKSPACE}/batchEndpoints/nightly"
START_SECONDS_MAX, SETTLE_SECONDS_MAX = 30, 40
SETTINGS = BatchSettings(compute="cpu", mini_batch_size=2, concurrency=1, error_threshold=0, timeout_seconds=300)

SCORE = """
import os, pathlib
def init():
    global factor
    factor = int((pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "model.txt").read_text())
def run(mini_batch):
    assert len(mini_batch) <= 2
    return [f"{pathlib.Path(path).stem},{factor * int(pathlib.Path(path).read_text())}" for path in mini_batch]
"""
SLOW = """
import time
def run(mini_batch):
    time.sleep(60)
"""
CRASH = """
def run(mini_batch):
    raise ValueError("a column is missing")
"""
COMPARE = """
import json, os, pathlib, ssl, sys, urllib.request
old, new = (pathlib.Path(place, "predictions.csv").read_text().splitlines() for place in sys.argv[1:3])
differing = sum(one != other for one, other in zip(old, new)) / len(old)
metrics = {"rows": len(new), "rows_champion": len(old), "rows_vs_champion": len(new) / len(old), "differing_vs_champion": differing}
body = {"run_id": os.environ["MLFLOW_RUN_ID"],
        "metrics": [{"key": key, "value": value, "timestamp": 1, "step": 0} for key, value in metrics.items()]}
request = urllib.request.Request(
    os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-batch", json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"})
urllib.request.urlopen(request, context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]), timeout=10).read()
"""


def plant(folder: Path) -> Path:
    """The seed of a local Azure, and the files that it names: scripts, two models, and five files to score."""
    files = {
        "jobs": {"compare.py": COMPARE},
        "scoring": {"score.py": SCORE, "crash.py": CRASH, "slow.py": SLOW},
        "night": {f"{number}.txt": str(number) for number in range(1, 6)},
        "one": {"model.txt": "10"},
        "two": {"model.txt": "11"},
    }
    for place, contents in files.items():
        (folder / place).mkdir()
        for name, text in contents.items():
            (folder / place / name).write_text(text, encoding="utf-8")
    folders = {"type": "uri_folder"}
    compare = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json",
        "type": "command",
        "name": "compare_scores",
        "version": "1",
        "inputs": {"candidate": folders, "champion": {**folders, "optional": True}},
        "code": "./jobs",
        "environment": "azureml:env:1",
        "command": "python compare.py $[[${{inputs.champion}}]] ${{inputs.candidate}}",
    }
    (folder / "compare.yml").write_text(yaml.safe_dump(compare), encoding="utf-8")
    seed = {
        "exchanges": True,
        "workspaces": [WORKSPACE],
        "environments": ["env"],
        "components": [{"path": "compare.yml"}],
        "data": [{"name": "night", "version": "7", "folder": "night"}],
        "codes": [{"name": "scoring", "folder": "scoring"}],
        "models": [
            {"name": "nightly", "version": "1", "folder": "one"},
            {"name": "nightly", "version": "2", "folder": "two"},
        ],
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
            yield {**connections, "state": state}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="module")
def workspace(local_azure):
    return AzureMachineLearning(StaticCredential, cloud_of(local_azure["arm_url"]), 2.0, 10.0)


@pytest.fixture(scope="module")
def client(workspace):
    return workspace.clients.workspace(WORKSPACE)


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


async def finished(local_azure, job):
    """The end of a job, once the local Azure has told of it."""
    for _ in range(SETTLE_SECONDS_MAX * 10):
        ended = [entry for entry in journal(local_azure, "job_finished") if entry["target"].endswith(job)]
        if ended:
            return ended
        await asyncio.sleep(0.1)
    raise AssertionError(f"job {job} did not end")


def order(kind, number, **fields):
    return kind(id=f"{number:024x}", workload="nightly", reason="test", workspace=WORKSPACE, **fields)


def at_endpoint(kind, number, **fields):
    return order(kind, number, endpoint="nightly", endpoint_kind="batch", **fields)


def deploy(number, version, **changes):
    fields = {
        "deployment": f"version-{version}",
        "model_ref": f"azureml:nightly:{version}",
        "version": version,
        "environment": "azureml:env:1",
        "code": "azureml:scoring:1",
        "scoring_script": "score.py",
        "instance_type": "",
        "instance_count": 2,
        "batch": SETTINGS,
    }
    return at_endpoint(DeployModel, number, **{**fields, **changes})


def score(number, version, data="azureml:night@latest"):
    return at_endpoint(ScoreBatch, number, deployment=f"version-{version}", data=data, deadline=timedelta(hours=6))


def default(number, version):
    return at_endpoint(SetTraffic, number, traffic={f"version-{version}": 100})


@pytest.fixture(scope="module")
def deployed(workspace):
    """A batch endpoint with two deployments, the first of them the default."""

    async def prepare():
        for number, version in ((10, "1"), (11, "2")):
            outcome = await settled(workspace, deploy(number, version))
            assert outcome == Succeeded(data={"deployment": f"version-{version}", "version": version})
        assert await settled(workspace, default(12, "1")) == Succeeded(data={"traffic": "version-1=100"})

    asyncio.run(prepare())


@pytest.fixture(scope="module")
def scored(workspace, deployed):
    """What both versions wrote about the same input."""

    async def run():
        return [await settled(workspace, score(number, version)) for number, version in ((20, "1"), (21, "2"))]

    return asyncio.run(run())


def predictions(local_azure, number):
    place = (
        local_azure["state"] / "storage" / "workspaces" / "prod" / "outerloop" / f"{number:024x}" / "predictions.csv"
    )
    return place.read_text(encoding="utf-8").splitlines()


def test_a_deployment_is_what_azures_own_client_reads_back(client, deployed):
    found = client.batch_deployments.get("version-1", "nightly")
    assert found.model == f"{WORKSPACE}/models/nightly/versions/1"
    assert found.compute == f"{WORKSPACE}/computes/cpu"
    assert (found.mini_batch_size, found.error_threshold, found.output_file_name) == (2, 0, "predictions.csv")
    assert (found.instance_count, found.retry_settings.timeout) == (2, 300)
    assert found.tags["outerloop.command"] == f"{10:024x}"


def test_the_default_is_what_azures_own_client_reads_back(client, deployed):
    found = client.batch_endpoints.get("nightly")
    assert found.defaults.deployment_name == "version-1"
    assert found.auth_mode == "aad_token"


async def test_a_run_scores_every_file_of_the_newest_input_and_says_which_that_was(local_azure, scored):
    first, second = scored
    assert (first.data["data"], second.data["data"]) == ("azureml:night:7", "azureml:night:7")
    assert first.data["seconds"] > 0
    assert predictions(local_azure, 20) == ["1,10", "2,20", "3,30", "4,40", "5,50"]
    assert predictions(local_azure, 21) == ["1,11", "2,22", "3,33", "4,44", "5,55"]


async def test_a_run_is_started_once_however_often_it_is_ordered(local_azure, workspace, scored):
    assert await workspace.begin(score(20, "1"), NOW) == scored[0]
    started = [entry for entry in journal(local_azure, "job_started") if entry["target"].endswith(f"{20:024x}")]
    assert len(started) == 1


async def test_two_runs_are_compared_by_a_job_that_reads_what_both_wrote(workspace, scored):
    champion, candidate = (run.data["output"] for run in scored)
    fields = {"component": "azureml:compare_scores@latest", "candidate": candidate, "champion": champion}
    outcome = await settled(workspace, order(CompareScores, 30, data="azureml:night:7", **fields))
    assert outcome == Succeeded(
        data={"rows": 5, "rows_champion": 5, "rows_vs_champion": 1, "differing_vs_champion": 1, "job": f"{30:024x}"}
    )


async def test_a_script_that_fails_on_too_many_files_fails_the_run_in_its_own_words(workspace, deployed):
    assert isinstance(
        await settled(workspace, deploy(13, "3", model_ref="azureml:nightly:1", scoring_script="crash.py")), Succeeded
    )
    outcome = await settled(workspace, score(22, "3"))
    assert isinstance(outcome, Failed)
    assert outcome.data["status"] == "Failed"
    assert "more than the error threshold 0" in outcome.reason


async def test_a_run_past_its_deadline_is_cancelled_and_a_second_look_cancels_nothing(local_azure, workspace, deployed):
    slow = deploy(16, "6", model_ref="azureml:nightly:1", scoring_script="slow.py")
    assert isinstance(await settled(workspace, slow), Succeeded)
    run = score(24, "6")
    begun = await workspace.begin(run, NOW)
    assert isinstance(await workspace.look(run, begun.operation, NOW), Started)
    outcome = await workspace.look(run, begun.operation, NOW + run.deadline)
    assert (outcome.data, "and was cancelled" in outcome.reason) == ({"job": run.id, "status": OVERDUE}, True)
    (ended,) = await finished(local_azure, run.id)
    assert ended["detail"]["status"] == "Canceled"
    assert "is Canceled" in (await workspace.look(run, begun.operation, NOW + run.deadline)).reason


@pytest.mark.parametrize("data", ["azureml:nowhere@latest", "azureml:night:99"])
async def test_an_input_that_does_not_exist_is_missing_and_nothing_is_started(workspace, deployed, data):
    outcome = await workspace.begin(score(23, "1", data), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.data == {"missing": "input"}
    assert data in outcome.reason


async def test_the_default_goes_there_and_back_in_one_write_each(local_azure, client, workspace, deployed):
    before = len(journal(local_azure, "default_set"))
    assert await settled(workspace, default(40, "2")) == Succeeded(data={"traffic": "version-2=100"})
    assert client.batch_endpoints.get("nightly").defaults.deployment_name == "version-2"
    back = at_endpoint(
        RollBackTraffic, 41, traffic={"version-1": 100, "version-2": 0}, until=NOW + timedelta(minutes=5)
    )
    assert await settled(workspace, back) == Succeeded(data={"traffic": "version-1=100"})
    changes = [entry["detail"] for entry in journal(local_azure, "default_set")[before:]]
    assert changes == [{"default": "version-2", "before": "version-1"}, {"default": "version-1", "before": "version-2"}]


async def test_a_default_that_is_set_already_is_not_written_again(local_azure, workspace, deployed):
    before = len(journal(local_azure, "default_set"))
    assert await workspace.begin(default(42, "1"), NOW) == Succeeded(data={"traffic": "version-1=100"})
    assert len(journal(local_azure, "default_set")) == before


async def test_while_one_change_is_under_way_another_is_busy(workspace, deployed):
    first = await workspace.begin(default(43, "2"), NOW)
    second = await workspace.begin(default(44, "1"), NOW)
    assert isinstance(first, Started)
    assert isinstance(second, Failed)
    assert second.retryable
    assert "busy" in second.reason
    assert isinstance(await settled(workspace, default(43, "2")), Succeeded)
    assert isinstance(await settled(workspace, default(45, "1")), Succeeded)


async def test_a_default_deployment_is_not_removed_and_another_one_is(workspace, deployed):
    assert isinstance(await settled(workspace, deploy(14, "4", model_ref="azureml:nightly:1")), Succeeded)
    kept = await workspace.begin(at_endpoint(RemoveDeployment, 50, deployment="version-1"), NOW)
    assert isinstance(kept, Failed)
    assert "takes 100 % of the traffic" in kept.reason
    assert isinstance(await settled(workspace, at_endpoint(RemoveDeployment, 51, deployment="version-4")), Succeeded)


async def test_a_cluster_that_does_not_exist_is_named(workspace, deployed):
    settings = BatchSettings(compute="gone", mini_batch_size=1, concurrency=1, error_threshold=-1, timeout_seconds=30)
    outcome = await settled(workspace, deploy(15, "5", model_ref="azureml:nightly:1", batch=settings))
    assert isinstance(outcome, Failed)
    assert "Compute gone does not exist" in outcome.reason


def test_azures_own_client_can_invoke_the_default_and_follow_the_job(workspace, client, deployed):
    from azure.ai.ml import Input  # noqa: PLC0415 - heavy

    job = client.batch_endpoints.invoke("nightly", inputs={"data": Input(type="uri_folder", path="azureml:night:7")})
    address = f"{client.batch_endpoints.get('nightly').scoring_uri}/{job.name}"
    followed = workspace.clients.data_plane_calls().get(address, api_version=None)
    assert followed["properties"]["status"] in {"Queued", "Running", "Completed"}
    document = workspace.clients.calls().get(f"{WORKSPACE}/jobs/{job.name}")
    assert document["properties"]["properties"]["azureml.deploymentname"] == "version-1"
    assert document["properties"]["jobType"] == "Pipeline"


def test_a_token_for_resource_manager_invokes_nothing(client, deployed):
    token = jwt.encode({"aud": "https://management.azure.com/"}, "k" * 32, algorithm="HS256")
    uri = client.batch_endpoints.get("nightly").scoring_uri
    answer = httpx.post(uri, json={"properties": {}}, headers={"authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 401


def test_everything_that_was_said_is_as_azure_defines_it(local_azure, scored):
    said = closure.read(local_azure["state"] / "exchanges.jsonl")
    assert len(said) >= 10
    assert closure.problems(said) == []
    assert closure.other_versions(said) <= documents.other_versions()
