"""Training by a batch endpoint: one job for each command, found again by its marks, and its end told."""

from datetime import timedelta

import pytest

from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.batch_training import BatchTraining
from shared.domain.ci_runs import BatchEndpointRun
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.ports_dispatch import Earlier
from tests.unit.adapters.orders import NOW, WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

MARK = "a" * 24
RUN = BatchEndpointRun(
    workspace=WORKSPACE,
    endpoint="train-flights",
    deployment="monthly",
    data="azureml:flights@latest",
    data_input="rows",
    inputs={"months": "3"},
    experiment="retrain",
)
JOB, INVOKE = f"/jobs/{MARK}", "/invoke/jobs"
FIRST, AGAIN = Earlier(NOW, tried=False), Earlier(NOW, tried=True)
POLL = 15.0


def job(status, **properties):
    return Answer(body={"properties": {"status": status, **properties}})


def listing(*jobs, **more):
    entries = [
        {"name": name, "properties": {"inputs": {"outerloop_command": {"jobInputType": "literal", "value": mark}}}}
        for name, mark in jobs
    ]
    return Answer(body={"value": entries, **more})


@pytest.fixture
def training(azure):
    return BatchTraining(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), POLL)


@pytest.fixture
def ready(azure):
    """An endpoint that can be invoked on the seventh version of the data."""
    azure.on(
        "GET", "/batchEndpoints/train-flights", Answer(body={"properties": {"scoringUri": f"{azure.url}{INVOKE}"}})
    )
    version = {"name": "7", "properties": {"dataType": "uri_folder"}}
    azure.on("GET", "/data/flights/versions", Answer(body={"value": [version]}))
    azure.on("POST", INVOKE, Answer(201, {"name": MARK, "properties": {"status": "NotStarted"}}))
    azure.on("GET", "/jobs", listing(("other", "b" * 24)))
    azure.on("GET", "/workspaces/prod", Answer(body={"properties": {"mlFlowTrackingUri": f"{azure.url}/track"}}))
    azure.on("GET", "/runs/get", Answer(body={"run": {"info": {"end_time": 1_772_370_000_000}, "data": {}}}))
    return azure


async def test_the_newest_data_the_literals_and_the_mark_are_what_the_pipeline_is_given(ready, training):
    outcome = await training.begin(RUN, MARK, NOW, FIRST)
    assert outcome == Started(operation=MARK, look_again_at=NOW + timedelta(seconds=POLL))
    (invocation,) = ready.writes()
    assert invocation.headers["azureml-model-deployment"] == "monthly"
    assert invocation.body == {
        "properties": {
            "name": MARK,
            "inputData": {
                "rows": {"jobInputType": "UriFolder", "uri": f"{WORKSPACE}/data/flights/versions/7"},
                "months": {"jobInputType": "Literal", "value": "3"},
                "outerloop_command": {"jobInputType": "Literal", "value": MARK},
            },
            "properties": {"experimentName": "retrain"},
        }
    }


async def test_without_a_deployment_the_default_of_the_endpoint_trains(ready, training):
    default = BatchEndpointRun(
        workspace=WORKSPACE, endpoint="train-flights", data="azureml:flights@latest", data_input="rows", experiment="e"
    )
    assert isinstance(await training.begin(default, MARK, NOW, FIRST), Started)
    assert "azureml-model-deployment" not in ready.writes()[0].headers


async def test_a_job_of_that_name_is_followed_and_not_started_again(ready, training):
    ready.on("GET", JOB, job("Running"))
    assert (await training.begin(RUN, MARK, NOW, FIRST)).operation == MARK
    assert ready.writes() == []


async def test_a_job_that_azure_gave_another_name_is_found_by_the_input_that_it_shows(ready, training):
    ready.on("GET", "/jobs", listing(("other", "b" * 24), ("pipeline-77", MARK)))
    ready.on("GET", "/jobs/pipeline-77", job("Running"))
    assert (await training.begin(RUN, MARK, NOW, AGAIN)).operation == "pipeline-77"
    assert ready.writes() == []


async def test_an_order_that_never_arrived_is_given_again(ready, training):
    assert isinstance(await training.begin(RUN, MARK, NOW, AGAIN), Started)
    assert len(ready.writes()) == 1


async def test_nothing_is_started_where_an_earlier_job_cannot_be_looked_for(ready, training):
    ready.on("GET", "/jobs", listing(nextLink="https://elsewhere.example/jobs"))
    outcome = await training.begin(RUN, MARK, NOW, AGAIN)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert f"look for a job with the input outerloop_command {MARK}" in outcome.reason
    assert ready.writes() == []


async def test_a_lost_answer_leaves_it_unknown(ready, azure):
    ready.on("POST", INVOKE, Answer(201, {}, delay_seconds=1.0))
    hasty = BatchTraining(AzureMlClients(StaticCredential, cloud_of(azure.url), 0.5), POLL)
    assert isinstance(await hasty.begin(RUN, MARK, NOW, FIRST), Unknown)


async def test_a_conflict_with_our_own_name_is_the_job_that_there_is(ready, training):
    ready.on("POST", INVOKE, refusal(409, "Conflict", "a job of that name exists"))
    ready.on("GET", JOB, refusal(404, "NotFound", "not yet"), job("Queued"))
    assert (await training.begin(RUN, MARK, NOW, FIRST)).operation == MARK


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (403, False), (409, True), (429, True)])
async def test_a_refused_invocation_is_classified(ready, training, status, retryable):
    ready.on("POST", INVOKE, refusal(status, "Nope", "not now"))
    outcome = await training.begin(RUN, MARK, NOW, FIRST)
    assert (isinstance(outcome, Failed), outcome.retryable) == (True, retryable)


async def test_data_that_do_not_exist_start_nothing(ready, training):
    ready.on("GET", "/data/flights/versions", refusal(404, "NotFound", "no such asset"))
    outcome = await training.begin(RUN, MARK, NOW, FIRST)
    assert "has no data asset azureml:flights@latest" in outcome.reason
    assert ready.writes() == []


async def test_a_job_that_ended_well_says_when_and_where_to_see_it(ready, training):
    ready.on("GET", JOB, job("Completed", services={"Studio": {"endpoint": "https://ml.azure.com/runs/a"}}))
    outcome = await training.look(RUN, MARK, NOW)
    assert outcome == Succeeded(data={"run": "https://ml.azure.com/runs/a", "ended_at": "2026-03-01T13:00:00+00:00"})


async def test_where_nobody_tells_when_it_ended_it_is_when_it_began(ready, training):
    ready.on("GET", "/runs/get", Answer(body={"run": {"info": {}, "data": {}}}))
    created = {"systemData": {"createdAt": "2026-03-01T11:00:00+00:00"}, "properties": {"status": "Completed"}}
    ready.on("GET", JOB, Answer(body=created))
    assert (await training.look(RUN, MARK, NOW)).data["ended_at"] == "2026-03-01T11:00:00+00:00"


@pytest.mark.parametrize("status", ["Failed", "Canceled"])
async def test_a_job_that_did_not_says_why(ready, training, status):
    ready.on("GET", JOB, job(status, error={"message": "a column is missing"}))
    outcome = await training.look(RUN, MARK, NOW)
    reason = f"job {MARK} is {status}: a column is missing"
    assert outcome == Failed(retryable=False, reason=reason, data={"run": f"job {MARK}"})


@pytest.mark.parametrize("answer", [job("Running"), refusal(404, "NotFound", "not yet"), refusal(503, "Busy", "later")])
async def test_as_long_as_nobody_knows_its_end_it_is_under_way(ready, training, answer):
    ready.on("GET", JOB, answer)
    assert (await training.look(RUN, MARK, NOW)).operation == MARK
