"""Which system runs which pipeline, and what is said when there is none."""

import json
from pathlib import Path

import pytest

from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_pipelines import AzurePipelines
from shared.adapters.batch_training import BatchTraining
from shared.adapters.ci_dispatcher import LOOK_AGAIN, CiDispatcher
from shared.adapters.github_actions import GithubActions
from shared.adapters.synapse_pipelines import SynapsePipelines
from shared.domain.ci_runs import AzurePipelineRun, GithubDispatchRun
from shared.domain.outcomes import Started, Unknown
from shared.ports_dispatch import Earlier
from tests.unit.adapters import scripted_azure as scripted
from tests.unit.adapters.orders import NOW
from tests.unit.services.signals import dispatch

EVENTS = Path(__file__).resolve().parents[2] / "events"
FIRST = Earlier(NOW, tried=False)
EVENT = GithubDispatchRun(repository="contoso/flights", event_type="drift")
PIPELINE = AzurePipelineRun(
    organization="contoso", project="My Flights", pipeline=12, ref="refs/heads/main", parameters={"size": "m"}
)
DISPATCHES = "/repos/contoso/flights/actions/workflows/retrain.yml/dispatches"


def dispatcher_of(url, github):
    pipelines = AzurePipelines(url, scripted.StaticCredential, 1.0, 15.0)
    batch = BatchTraining(AzureMlClients(scripted.StaticCredential, scripted.cloud_of(url), 5.0), 15.0)
    return CiDispatcher(github, pipelines, SynapsePipelines(url, scripted.StaticCredential, 1.0, 15.0), batch)


@pytest.fixture
def dispatcher(azure):
    return dispatcher_of(azure.url, GithubActions(azure.url, "token", 1.0, 15.0))


@pytest.mark.parametrize("start", [None, EVENT])
async def test_without_a_token_it_says_which_setting_is_missing(start):
    nowhere = dispatcher_of("https://127.0.0.1:9", None)
    begun = await nowhere.begin(dispatch(start=start), NOW, FIRST)
    looked = await nowhere.look(dispatch(start=start), "run/1", NOW)
    for outcome in (begun, looked):
        assert not outcome.retryable
        assert "contoso/flights" in outcome.reason
        assert "OUTERLOOP_GITHUB_TOKEN is not set" in outcome.reason


async def test_github_starts_and_shows_its_own(azure, dispatcher):
    azure.on("POST", DISPATCHES, scripted.Answer(200, {"workflow_run_id": 7}))
    assert (await dispatcher.begin(dispatch(), NOW, FIRST)).operation == "run/7"
    azure.on("GET", "/actions/runs/7", scripted.Answer(200, {"id": 7, "status": "queued", "conclusion": None}))
    assert isinstance(await dispatcher.look(dispatch(), "run/7", NOW), Started)


@pytest.mark.parametrize("body", [{}, {"id": 7}, {"id": 7, "status": "completed"}])
async def test_an_answer_of_another_shape_says_nothing_of_the_run(azure, dispatcher, body):
    azure.on("GET", "/actions/runs/7", scripted.Answer(200, body))
    again = await dispatcher.look(dispatch(), "run/7", NOW)
    assert isinstance(again, Started)
    assert again.operation == "run/7"
    assert NOW < again.look_again_at <= NOW + LOOK_AGAIN


@pytest.mark.parametrize(
    ("start", "path", "sample"),
    [(None, DISPATCHES, "workflow-dispatch"), (EVENT, "/repos/contoso/flights/dispatches", "repository-dispatch")],
)
async def test_what_is_sent_has_the_keys_of_the_documented_order(azure, dispatcher, start, path, sample):
    azure.on("POST", path, scripted.Answer(204))
    await dispatcher.begin(dispatch(start=start), NOW, FIRST)
    documented = json.loads((EVENTS / f"outbound-github-{sample}.request.json").read_text(encoding="utf-8"))
    (asked,) = azure.asked
    assert set(asked.body) == set(documented)
    assert asked.headers["accept"] == "application/vnd.github+json"
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    assert asked.headers["authorization"] == "Bearer token"


async def test_azure_pipelines_start_and_show_their_own(azure, dispatcher):
    runs = "/contoso/My%20Flights/_apis/pipelines/12/runs".replace("%20", " ")
    azure.on("POST", runs, scripted.Answer(200, {"id": 7}))
    assert (await dispatcher.begin(dispatch(start=PIPELINE), NOW, FIRST)).operation == "run/7"
    azure.on("GET", f"{runs}/7", scripted.Answer(200, {"id": 7, "state": "canceling"}))
    assert isinstance(await dispatcher.look(dispatch(start=PIPELINE), "run/7", NOW), Started)
    documented = json.loads((EVENTS / "outbound-ado-run-pipeline.request.json").read_text(encoding="utf-8"))
    body = azure.asked[0].body
    assert set(body) <= set(documented)
    assert body["resources"].keys() == documented["resources"].keys()
    assert body["templateParameters"] == {"size": "m", "outerloop_command": dispatch().id}


@pytest.mark.parametrize("body", [{}, {"state": "completed"}, {"id": 7}])
async def test_a_run_of_another_shape_is_no_proof_of_anything(azure, dispatcher, body):
    azure.on("POST", "/pipelines/12/runs", scripted.Answer(200, {"number": 7}))
    assert isinstance(await dispatcher.begin(dispatch(start=PIPELINE), NOW, FIRST), Unknown)
    azure.on("GET", "/pipelines/12/runs/7", scripted.Answer(200, body))
    assert isinstance(await dispatcher.look(dispatch(start=PIPELINE), "run/7", NOW), Started)
