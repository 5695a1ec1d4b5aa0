"""A pipeline component that trains, against the local Azure over https: as a batch endpoint's deployment, and as a job of its own."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from shared.adapters.azure_ml import AzureMachineLearning
from shared.adapters.azure_ml_marked import AzureMlMarkedModels
from shared.adapters.batch_training import BatchTraining
from shared.adapters.system_clock import SystemClock
from shared.domain.ci_runs import BatchEndpointRun
from shared.domain.commands import DispatchTraining, Retrain
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.ports_dispatch import Earlier
from shared.services.dispatching import Dispatching
from tests.contracts.faulty_wire import Fault, Request, wired
from tests.contracts.openapi import closure, documents
from tests.contracts.test_batch_endpoints import NOW, START_SECONDS_MAX, WORKSPACE, settled
from tests.unit.adapters.scripted_azure import StaticCredential, cloud_of

SETTLE_SECONDS_MAX = 40
FIRST, AGAIN = Earlier(NOW, tried=False), Earlier(NOW, tried=True)
INVOKE, JOB = Request("POST", r"/batch/.+/jobs"), Request("GET", r"/jobs/\w+")

# Two steps: one counts the rows, the other makes a model of the count, and registers it with the mark when it was told one.
COUNT = """
import pathlib, sys
rows = sum(len(path.read_text().splitlines()) for path in pathlib.Path(sys.argv[1]).iterdir())
place = pathlib.Path(sys.argv[2]); place.mkdir(parents=True, exist_ok=True)
(place / "rows.txt").write_text(str(rows))
"""
TRAIN = """
import json, os, pathlib, ssl, sys, urllib.request
counted, size, model, mark = sys.argv[1:5]
if size == "broken":
    sys.exit("the size is no size")
pathlib.Path(model).mkdir(parents=True, exist_ok=True)
(pathlib.Path(model) / "model.txt").write_text(pathlib.Path(counted, "rows.txt").read_text() + " rows, size " + size)
if mark != "none":
    place = os.environ["MLFLOW_TRACKING_URI"].replace("/mlflow/v1.0", "") + "/models/flights/versions/" + mark
    body = {"properties": {"modelType": "custom_model", "tags": {"outerloop.command": mark},
                           "modelUri": "azureml://jobs/" + os.environ["AZUREML_RUN_ID"] + "/outputs/model"}}
    request = urllib.request.Request(place + "?api-version=2025-12-01", json.dumps(body).encode(), method="PUT", headers={
        "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"})
    urllib.request.urlopen(request, context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]), timeout=10).read()
"""
FOLDER, TEXT, MODEL = {"type": "uri_folder"}, {"type": "string"}, {"type": "custom_model"}


def component(name, command, inputs, outputs):
    shape = {"type": "command", "name": name, "version": "1", "code": "./jobs", "environment": "azureml:env:1"}
    return {**shape, "inputs": inputs, "outputs": outputs, "command": command}


def pipeline(name, inputs, outputs, train):
    """Counts, then trains; written with the later step first."""
    count = {"component": "azureml:count_rows:1", "inputs": {"data": "${{parent.inputs.data}}"}}
    shape = {"type": "pipeline", "name": name, "version": "1", "inputs": {"data": FOLDER, **inputs}, "outputs": outputs}
    counted = {"counted": "${{parent.jobs.count.outputs.rows}}", **train.pop("inputs")}
    return {
        **shape,
        "jobs": {"train": {"component": "azureml:train_rows:1", "inputs": counted, **train}, "count": count},
    }


COMPONENTS = [
    component("count_rows", "python count.py ${{inputs.data}} ${{outputs.rows}}", {"data": FOLDER}, {"rows": FOLDER}),
    component(
        "train_rows",
        "python train.py ${{inputs.counted}} ${{inputs.size}} ${{outputs.model}} ${{inputs.mark}}",
        {"counted": FOLDER, "size": {**TEXT, "default": "small"}, "mark": {**TEXT, "default": "none"}},
        {"model": MODEL},
    ),
    pipeline(
        "train_marked",
        {"size": {**TEXT, "default": "small"}, "outerloop_command": TEXT},
        {},
        {"inputs": {"size": "${{parent.inputs.size}}", "mark": "${{parent.inputs.outerloop_command}}"}},
    ),
    pipeline(
        "train_whole",
        {"size": {**TEXT, "default": "small"}},
        {"model": MODEL},
        {"inputs": {"size": "${{parent.inputs.size}}"}, "outputs": {"model": "${{parent.outputs.model}}"}},
    ),
]


def plant(folder: Path) -> Path:
    """The seed of a local Azure, and the files that it names."""
    files = {"jobs": {"count.py": COUNT, "train.py": TRAIN}, "rows": {"one.csv": "1\n2\n", "two.csv": "3\n"}}
    for place, contents in files.items():
        (folder / place).mkdir()
        for name, text in contents.items():
            (folder / place / name).write_text(text, encoding="utf-8")
    for one in COMPONENTS:
        (folder / f"{one['name']}.yml").write_text(yaml.safe_dump(one), encoding="utf-8")
    seed = {
        "exchanges": True,
        "workspaces": [WORKSPACE],
        "environments": ["env"],
        "components": [{"path": f"{one['name']}.yml"} for one in COMPONENTS],
        "data": [{"name": "flights", "version": "7", "folder": "rows"}],
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


class ManagementCredential(StaticCredential):
    """Tokens for Azure's own address, or for endpoints: the wire's is none that the local Azure knows."""

    def get_token(self, *scopes, **_):
        known = [scope for scope in scopes if "ml.azure.com" in scope]
        return super().get_token(*(known or ["https://management.azure.com/.default"]))


@pytest.fixture(scope="module")
def line(local_azure):
    with wired(local_azure["arm_url"], local_azure["ca_file"]) as line:
        yield line


@pytest.fixture
def wire(line):
    """The line, on which nothing of an earlier test is left to go wrong."""
    yield line
    line.play()


@pytest.fixture(scope="module")
def workspace(line):
    return AzureMachineLearning(ManagementCredential, cloud_of(line.url), 2.0, 10.0)


@pytest.fixture(scope="module")
def client(workspace):
    return workspace.clients.workspace(WORKSPACE)


@pytest.fixture(scope="module")
def training(workspace):
    return BatchTraining(workspace.clients, 2.0)


@pytest.fixture(scope="module")
def deployed(client, workspace):
    """A batch endpoint of the team whose deployment is the pipeline component, made by azure-ai-ml."""
    from azure.ai.ml.entities import PipelineComponentBatchDeployment  # noqa: PLC0415 - heavy

    # Its own client writes authMode as aadToken, which Azure's definitions do not have.
    endpoint, calls = f"{WORKSPACE}/batchEndpoints/train-flights", workspace.clients.calls()
    calls.put(endpoint, {"location": "westeurope", "properties": {"authMode": "AADToken"}})
    while calls.get(endpoint)["properties"]["provisioningState"] != "Succeeded":
        time.sleep(0.05)  # noqa: TID251 - a real process settles in real time
    made = PipelineComponentBatchDeployment(
        name="monthly",
        endpoint_name="train-flights",
        component=f"{WORKSPACE}/components/train_marked/versions/1",
        settings={"default_compute": "cpu", "continue_on_step_failure": "false"},
    )
    client.batch_deployments.begin_create_or_update(made).wait(SETTLE_SECONDS_MAX)


def run(**changes):
    fields = {"deployment": "monthly", "data": "azureml:flights@latest", "data_input": "data", "experiment": "retrain"}
    return BatchEndpointRun(**{"workspace": WORKSPACE, "endpoint": "train-flights", **fields, **changes})


def mark(number):
    return f"{number:024x}"


def started(local_azure, number):
    entries = httpx.get(f"{local_azure['control_url']}/journal", timeout=5).json()
    named = [entry for entry in entries if entry["effect"] == "job_started" and entry["target"].endswith(mark(number))]
    return len(named)


async def ended(training, outcome, **changes):
    """Look until the run is over, as sweep does."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while isinstance(outcome, Started):
        assert time.monotonic() < deadline, f"{outcome} did not settle"
        await asyncio.sleep(0.1)
        outcome = await training.look(run(**changes), outcome.operation, NOW)
    return outcome


def content(local_azure, *path):
    return (local_azure["state"] / "storage" / "workspaces" / "prod" / Path(*path)).read_text(encoding="utf-8")


async def test_the_endpoint_trains_on_the_newest_data_and_the_model_carries_the_mark(
    local_azure, training, workspace, deployed
):
    begun = await training.begin(run(inputs={"size": "large"}), mark(1), NOW, FIRST)
    assert begun.operation == mark(1)
    outcome = await ended(training, begun)
    assert isinstance(outcome, Succeeded), outcome
    models = AzureMlMarkedModels(workspace.clients)
    assert await models.version(WORKSPACE, "flights", mark(1)) == mark(1)
    made = workspace.clients.calls().get(f"{WORKSPACE}/models/flights/versions/{mark(1)}")
    job = made["properties"]["modelUri"].split("/")[3]
    assert content(local_azure, "azureml", job, "model", "model.txt") == "3 rows, size large"
    shown = workspace.clients.calls().get(f"{WORKSPACE}/jobs/{mark(1)}")["properties"]
    assert (shown["experimentName"], shown["jobType"]) == ("retrain", "Pipeline")
    assert shown["inputs"]["data"]["uri"].endswith("/data/flights/versions/7")


async def test_the_loop_finds_what_a_run_that_ended_well_has_made(training, workspace, deployed):
    command = DispatchTraining(
        id=mark(2), workload="flights", reason="drift", start=run(), workspace=WORKSPACE, model="flights"
    )

    class OnlyBatch:
        async def begin(self, command, now, earlier):
            return await training.begin(command.start, command.id, now, earlier)

        async def look(self, command, operation, now):
            return await training.look(command.start, operation, now)

    dispatching = Dispatching(OnlyBatch(), AzureMlMarkedModels(workspace.clients))
    outcome = await dispatching.begin(command, SystemClock().now(), FIRST)
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while isinstance(outcome, Started):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
        outcome = await dispatching.look(command, outcome.operation, SystemClock().now())
    assert outcome.data["model_version"] == mark(2)


async def test_a_run_that_was_ordered_twice_runs_once(local_azure, training, deployed):
    first, second = [await training.begin(run(), mark(3), NOW, FIRST) for _ in range(2)]
    assert first.operation == second.operation == mark(3)
    assert isinstance(await ended(training, second), Succeeded)
    found = await training.begin(run(), mark(3), NOW, AGAIN)  # it has ended: what it made is found by a look
    assert isinstance(found, Started)
    assert isinstance(await ended(training, found), Succeeded)
    assert started(local_azure, 3) == 1


@pytest.mark.parametrize(("how", "number"), [("is_lost", 4), ("is_cut", 5)])
async def test_an_answer_lost_after_the_order_is_unknown_and_the_next_try_finds_the_run(
    how, number, local_azure, training, wire, deployed
):
    wire.play(Fault(INVOKE, **{how: True}))
    assert isinstance(await training.begin(run(), mark(number), NOW, FIRST), Unknown)
    assert wire.is_played()
    assert isinstance(await ended(training, await training.begin(run(), mark(number), NOW, AGAIN)), Succeeded)
    assert started(local_azure, number) == 1


async def test_a_refused_order_starts_nothing_and_a_later_one_does(local_azure, training, wire, deployed):
    for status, retryable in ((409, True), (429, True), (403, False)):
        wire.play(Fault(INVOKE, status=status, headers={"retry-after": "7"}))
        outcome = await training.begin(run(), mark(6), NOW, AGAIN)
        assert wire.is_played()
        assert (isinstance(outcome, Failed), outcome.retryable) == (True, retryable), (status, outcome)
        assert outcome.until == (NOW + timedelta(seconds=7) if retryable else None)
    assert started(local_azure, 6) == 0
    assert isinstance(await ended(training, await training.begin(run(), mark(6), NOW, AGAIN)), Succeeded)
    assert started(local_azure, 6) == 1


async def test_a_step_that_fails_fails_the_run_in_its_own_words(training, deployed):
    begun = await training.begin(run(inputs={"size": "broken"}), mark(8), NOW, FIRST)
    outcome = await ended(training, begun)
    assert isinstance(outcome, Failed)
    assert "Step train is Failed" in outcome.reason
    assert "the size is no size" in outcome.reason


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": {"colour": "red"}}, "has no input colour"),
        ({"deployment": "weekly"}, "Deployment weekly not found"),
        ({"endpoint": "train-nothing"}, "not found"),
        ({"data": "azureml:flights:99"}, "has no data asset azureml:flights:99"),
    ],
    ids=["input", "deployment", "endpoint", "data"],
)
async def test_what_the_policy_names_wrongly_is_said(changes, said, training, deployed):
    outcome = await training.begin(run(**changes), mark(9), NOW, FIRST)
    assert isinstance(outcome, Failed)
    assert said in outcome.reason


async def test_a_pipeline_of_registered_steps_trains_as_a_job_of_its_own(local_azure, workspace):
    command = Retrain(
        id=mark(20),
        workload="flights",
        reason="drift",
        workspace=WORKSPACE,
        component="azureml:train_whole:1",
        data="azureml:flights@latest",
        experiment="retrain",
        model="whole",
        inputs={"size": "large"},
    )
    outcome = await settled(workspace, command)
    assert outcome == Succeeded(data={"job": mark(20), "model_version": "1"})
    assert content(local_azure, "azureml", mark(20), "model", "model.txt") == "3 rows, size large"
    assert await workspace.begin(command, NOW) == outcome
    assert started(local_azure, 20) == 1


def test_everything_that_was_said_is_as_azure_defines_it(local_azure):
    said = closure.read(local_azure["state"] / "exchanges.jsonl")
    assert len(said) >= 10
    assert closure.problems(said) == []
    assert closure.other_versions(said) <= documents.other_versions()
