"""Jobs: what a name means, and how one runs."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from local.azure.arm import ArmRequest
from local.azure.asset_api import AssetApi
from local.azure.assets import Asset, Assets
from local.azure.datastores import Datastores
from local.azure.effects import Effects
from local.azure.errors import ArmError
from local.azure.job_api import job_document
from local.azure.job_runner import Connection, JobRunner
from local.azure.jobs import Job, Jobs, check_same
from local.azure.references import Scope
from local.azure.tracking import Run

DEV = Scope("s", "g", "workspaces", "Dev")
ASKED: dict[str, Any] = {
    "jobType": "Command",
    "command": "python t.py",
    "codeId": "c",
    "experimentName": "e",
    "inputs": {"rate": {"jobInputType": "literal", "value": "1"}},
}


class Heard:
    """What was journaled and raised, in order."""

    def __init__(self) -> None:
        self.effects: list[tuple[str, dict[str, Any]]] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def record(self, effect: str, target: str, **detail: Any) -> None:
        self.effects.append((effect, {"target": target, **detail}))

    def raise_event(
        self, topic: str, event_type: str, subject: str, data: dict[str, Any], event_id: str | None = None
    ) -> None:
        assert (topic, event_id) == (DEV.id, None)
        self.events.append((event_type.rpartition(".")[2], subject, data))


class Compute:
    """A runner with a blob store, an asset store, and somebody who listens."""

    def __init__(self, folder: Path) -> None:
        self.assets = Assets()
        self.assets.know(DEV)
        self.datastores = Datastores(folder / "storage", self.assets)
        connection = Connection("https://arm.local", folder / "ca.pem", "a-token")
        self.heard = Heard()
        self.runner = JobRunner(folder, {"PATH": os.defpath}, connection, self.datastores)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Compute"]:
        effects = Effects(self.heard, self.heard)
        work = asyncio.create_task(self.runner.work(AssetApi(self.datastores, effects), effects))
        try:
            yield self
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def submit(self, command: str, name: str = "job-1", **properties: Any) -> Job:
        job = Job(DEV, name, {"command": command, **properties}, Run(name, "e-1", "tiny", "file:///tmp"))
        self.runner.submit(job)
        return job

    async def finish(self, command: str, **properties: Any) -> Job:
        async with self.running():
            job = self.submit(command, **properties)
            await ended(job)
        return job


async def ended(job: Job) -> None:
    async with asyncio.timeout(10):
        while not job.ended:  # noqa: ASYNC110 - a job is a record, nothing to wait on
            await asyncio.sleep(0.01)


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    return Compute(tmp_path)


def job(**changes: Any) -> Job:
    return Job(DEV, "job-1", {**ASKED, **changes}, Run("job-1", "e-1", "e", "file:///tmp"))


@pytest.mark.parametrize("change", [{}, {"outputs": {}}, {"displayName": "d"}, {"tags": {"a": "b"}}, {"codeId": "c"}])
def test_asking_for_the_same_again_is_fine(change: dict[str, Any]):
    check_same(job(), {**ASKED, **change})


@pytest.mark.parametrize(
    "change", [{"command": "rm"}, {"codeId": "d"}, {"experimentName": "x"}, {"inputs": {}}, {"componentId": "c"}]
)
def test_asking_for_something_else_under_a_taken_name_is_refused(change: dict[str, Any]):
    with pytest.raises(ArmError, match=next(iter(change))) as refusal:
        check_same(job(), {**ASKED, **change})

    assert refusal.value.status == 409


def test_null_and_missing_mean_the_same_at_any_depth():
    nulls = {"rate": {"jobInputType": "literal", "value": "1", "mode": None}, "other": None}

    check_same(job(), {**ASKED, "inputs": nulls, "environmentId": None})


def test_jobs_are_found_by_workspace_and_name():
    jobs, one = Jobs(), job()
    jobs.add(one)

    assert jobs.get(DEV.key, "JOB-1") is one
    assert jobs.of(DEV.key) == jobs.everywhere() == [one]
    assert jobs.of("elsewhere") == []
    with pytest.raises(ArmError):
        jobs.get("elsewhere", "job-1")


def test_a_document_shows_tags_and_outputs(tmp_path: Path):
    one = job(outputs={"model": {"assetName": "m", "jobOutputType": "custom_model"}})
    one.run.tags |= {"mlflow.runName": "n", "outerloop.reference": "r"}
    one.registered["model"], one.error = "4", "exit 1"

    asked = ArmRequest("https://arm.local", "", {}, {"api-version": "2024-01-01-preview"}, {})
    shown = job_document(one, Datastores(tmp_path, Assets()), asked)["properties"]

    assert shown["tags"] == {"outerloop.reference": "r"}
    assert shown["outputs"]["model"]["assetVersion"] == "4"
    assert shown["outputs"]["model"]["uri"].endswith("/paths/azureml/job-1/model/")
    assert "error" not in shown


async def test_a_command_runs_with_its_code_inputs_and_outputs(compute: Compute, tmp_path: Path):
    code, data = tmp_path / "code", tmp_path / "data"
    for folder in (code, data):
        folder.mkdir()
        (folder / "file.txt").write_text(folder.name)
    compute.assets.add(Asset(DEV, "codes", "c", "1", {}, code))
    compute.assets.add(Asset(DEV, "data", "d", "1", {}, data))

    job = await compute.finish(
        "cat file.txt ${{inputs.data}}/file.txt > ${{outputs.out}}/both.txt; echo ${{inputs.rate}}",
        codeId=f"{DEV.id}/codes/c/versions/1",
        inputs={
            "data": {"jobInputType": "uri_folder", "uri": "azureml:d@latest"},
            "rate": {"jobInputType": "literal", "value": "0.5"},
        },
        outputs={"out": {"jobOutputType": "uri_folder"}},
    )

    assert (job.status, job.run.status) == ("Completed", "FINISHED")
    assert (compute.datastores.output(DEV, "job-1", "out") / "both.txt").read_text() == "codedata"
    assert compute.runner.log(job) == "0.5\n"


async def test_a_job_sees_how_to_reach_tracking_and_nothing_of_ours(compute: Compute, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OUTERLOOP_SECRET", "ours")
    job = await compute.finish(
        "python -c 'import json, os; print(json.dumps(dict(os.environ)))'", environmentVariables={"MINE": "1"}
    )

    seen = json.loads(compute.runner.log(job))
    assert seen["MLFLOW_TRACKING_URI"] == f"https://arm.local/mlflow/v1.0{DEV.id}"
    assert (seen["MLFLOW_RUN_ID"], seen["AZUREML_RUN_ID"], seen["MLFLOW_TRACKING_TOKEN"]) == (
        "job-1",
        "job-1",
        "a-token",
    )
    assert (seen["OMP_NUM_THREADS"], seen["MINE"]) == ("1", "1")
    assert seen["REQUESTS_CA_BUNDLE"].endswith("ca.pem")
    assert "OUTERLOOP_SECRET" not in seen


async def test_a_named_output_is_registered_before_the_job_completes(compute: Compute):
    output = {"assetName": "m", "jobOutputType": "custom_model"}
    job = await compute.finish("touch ${{outputs.model}}/weights", outputs={"model": output, "plain": {}})

    model = compute.assets.latest(DEV.key, "models", "m")
    assert job.registered == {"model": "1"}
    assert model.properties["jobName"] == "job-1"
    assert model.folder is not None
    assert (model.folder / "weights").exists()
    assert [effect for effect, _ in compute.heard.effects] == ["job_started", "model_registered", "job_finished"]
    assert [(kind, data.get("runStatus")) for kind, _, data in compute.heard.events] == [
        ("RunStatusChanged", "Running"),
        ("ModelRegistered", None),
        ("RunStatusChanged", "Completed"),
        ("RunCompleted", None),
    ]


async def test_a_named_folder_becomes_a_data_asset_without_an_event(compute: Compute):
    await compute.finish("true", outputs={"out": {"assetName": "d", "jobOutputType": "uri_folder"}})

    assert compute.assets.latest(DEV.key, "data", "d").properties["dataType"] == "uri_folder"
    assert "ModelRegistered" not in [kind for kind, _, _ in compute.heard.events]


@pytest.mark.parametrize(
    ("command", "reason"),
    [("echo boom >&2; exit 3", "boom"), ("echo ${{inputs.none}}", "inputs.none")],
)
async def test_a_failure_is_explained_and_registers_nothing(compute: Compute, command: str, reason: str):
    outputs = {"model": {"assetName": "m", "jobOutputType": "custom_model"}}
    job = await compute.finish(command, outputs=outputs)

    assert (job.status, job.run.status) == ("Failed", "FAILED")
    assert reason in job.error
    assert job.registered == {}
    assert {kind for kind, _, _ in compute.heard.events} == {"RunStatusChanged"}


async def test_an_input_that_vanished_fails_the_job_and_not_the_runner(compute: Compute):
    async with compute.running():
        gone = compute.submit("true", inputs={"data": {"jobInputType": "uri_folder", "uri": "azureml:gone:1"}})
        after = compute.submit("true", name="job-2")
        await ended(after)

    assert (gone.status, after.status) == ("Failed", "Completed")


async def test_one_job_runs_at_a_time(compute: Compute, tmp_path: Path):
    lock = tmp_path / "lock"
    command = f"mkdir {lock} && sleep 0.1 && rmdir {lock}"
    async with compute.running():
        jobs = [compute.submit(command, name=f"job-{number}") for number in range(3)]
        for job in jobs:
            await ended(job)

    assert [job.status for job in jobs] == ["Completed"] * 3


async def test_a_queued_job_can_be_cancelled_before_it_starts(compute: Compute):
    async with compute.running():
        first, second = compute.submit("sleep 0.1"), compute.submit("echo ran", name="job-2")
        compute.runner.cancel(second)
        await ended(second)

    assert (first.status, second.status, second.run.status) == ("Completed", "Canceled", "KILLED")
    assert compute.runner.log(second) == ""


async def test_a_cancelled_runner_leaves_no_process_behind(compute: Compute, tmp_path: Path):
    mark = tmp_path / "survived"
    async with compute.running():
        job = compute.submit(f"echo started; (sleep 0.4; touch {mark}) & wait")
        async with asyncio.timeout(5):
            while "started" not in compute.runner.log(job):  # noqa: ASYNC110 - a file, nothing to wait on
                await asyncio.sleep(0.01)
    await asyncio.sleep(0.6)

    assert not mark.exists()


def of_steps(compute: Compute, *commands: str) -> Job:
    """A pipeline of these steps, submitted."""
    whole = Job(DEV, "whole", {"jobType": "Pipeline"}, Run("whole", "e-1", "tiny", "file:///tmp"))
    for number, command in enumerate(commands, 1):
        name = f"step-{number}"
        properties = {"command": command, "displayName": name}
        whole.steps.append(Job(DEV, name, properties, Run(name, "e-1", "tiny", "file:///tmp")))
    compute.runner.submit(whole)
    return whole


async def test_a_pipeline_runs_its_steps_one_after_another_and_ends_with_the_last(compute: Compute):
    async with compute.running():
        whole = of_steps(compute, "echo one", "echo two")
        await ended(whole)
    assert (whole.status, [step.status for step in whole.steps]) == ("Completed", ["Completed", "Completed"])
    assert [compute.runner.log(step).strip() for step in whole.steps] == ["one", "two"]


async def test_a_pipeline_ends_with_the_first_step_that_fails(compute: Compute):
    async with compute.running():
        whole = of_steps(compute, "exit 3", "echo two")
        await ended(whole)
    assert (whole.status, whole.steps[1].status) == ("Failed", "NotStarted")
    assert whole.error.startswith("Step step-1 is Failed. Execution failed.")


async def test_a_pipeline_that_is_cancelled_ends_with_the_step_that_runs(compute: Compute):
    async with compute.running():
        whole = of_steps(compute, "sleep 60", "echo two")
        while whole.steps[0].status != "Running":  # noqa: ASYNC110 - a job is a record, nothing to wait on
            await asyncio.sleep(0.01)
        compute.runner.cancel(whole)
        await ended(whole)
    assert (whole.status, whole.steps[0].status) == ("Canceled", "Canceled")
