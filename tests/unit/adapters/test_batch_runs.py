"""Invocations of batch endpoints: one run for each command, found again by its name, whatever became of the call."""

from datetime import timedelta

import pytest

from shared.domain.commands import OVERDUE, ScoreBatch
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from tests.unit.adapters.orders import AT_ENDPOINT, NOW, WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, refusal

NAME = "c" * 24
ENDPOINT, JOB, INVOKE = "/batchEndpoints/flight", f"/jobs/{NAME}", "/invoke/jobs"
NIGHT = f"{WORKSPACE}/data/night/versions/7"
DEADLINE = timedelta(hours=6)
UNDER_WAY = f"{NAME} {(NOW + DEADLINE).isoformat()} azureml:night:7"
OUTPUT = f"azureml://datastores/workspaceblobstore/paths/outerloop/{NAME}/"


def score(data="azureml:night@latest"):
    return ScoreBatch(**AT_ENDPOINT, endpoint_kind="batch", deployment="green", data=data, deadline=DEADLINE)


def job(status, **properties):
    return Answer(body={"properties": {"status": status, **properties}})


def run(start=1_000, end=61_500):
    return Answer(body={"run": {"info": {"start_time": start, "end_time": end}, "data": {}}})


@pytest.fixture
def ready(azure):
    """An endpoint that can be invoked on the seventh version of an input."""
    azure.on("GET", ENDPOINT, Answer(body={"properties": {"scoringUri": f"{azure.url}{INVOKE}"}}))
    version = {"name": "7", "properties": {"dataType": "uri_folder"}}
    azure.on("GET", "/data/night/versions", Answer(body={"value": [version]}))
    azure.on("GET", "/data/night/versions/7", Answer(body=version))
    azure.on("POST", INVOKE, Answer(201, {"name": NAME, "properties": {"status": "NotStarted"}}))
    azure.on("GET", "/workspaces/prod", Answer(body={"properties": {"mlFlowTrackingUri": f"{azure.url}/track"}}))
    azure.on("GET", "/runs/get", run())
    return azure


async def test_the_deployment_is_named_and_so_are_the_run_its_input_and_its_folder(ready, workspace):
    outcome = await workspace.begin(score(), NOW)
    assert outcome == Started(operation=UNDER_WAY, look_again_at=NOW + timedelta(seconds=5))
    (invocation,) = ready.writes()
    assert invocation.headers["azureml-model-deployment"] == "green"
    assert invocation.body == {
        "properties": {
            "name": NAME,
            "inputData": {"data": {"jobInputType": "UriFolder", "uri": NIGHT}},
            "outputData": {"score": {"jobOutputType": "UriFolder", "uri": OUTPUT}},
        }
    }
    assert "api-version" not in invocation.query


async def test_a_run_of_that_name_is_followed_and_not_started_again(ready, workspace):
    ready.on("GET", JOB, job("Running"))
    assert isinstance(await workspace.begin(score(), NOW), Started)
    assert ready.writes() == []


async def test_after_a_lost_answer_the_run_is_found_by_its_name(ready, workspace):
    ready.on("POST", INVOKE, Answer(201, {}, delay_seconds=1.0))
    workspace.clients.call_timeout_seconds = 0.5
    assert isinstance(await workspace.begin(score(), NOW), Unknown)
    workspace.clients.call_timeout_seconds = 5.0
    ready.on("GET", JOB, job("Completed", inputs={"data": {"uri": NIGHT}}))
    outcome = await workspace.begin(score(), NOW)
    assert outcome.data["data"] == "azureml:night:7"
    assert len(ready.writes()) == 1


async def test_a_run_that_ended_says_what_it_scored_where_it_wrote_and_how_long_it_took(ready, workspace):
    ready.on("GET", JOB, job("Completed"))
    outcome = await workspace.look(score(), UNDER_WAY, NOW)
    assert outcome == Succeeded(data={"output": OUTPUT, "data": "azureml:night:7", "seconds": 60.5, "job": NAME})


async def test_a_run_that_is_found_again_and_names_no_input_is_no_evidence(ready, workspace):
    ready.on("GET", JOB, job("Completed"))
    outcome = await workspace.begin(score(), NOW)
    assert outcome.data == {"job": NAME}
    assert "does not say which version" in outcome.reason


@pytest.mark.parametrize("data", ["azureml:night:7", "azureml://datastores/workspaceblobstore/paths/night/"])
async def test_what_was_named_without_a_label_was_scored_whatever_the_run_says(ready, workspace, data):
    ready.on("GET", JOB, job("Completed"))
    assert (await workspace.begin(score(data), NOW)).data["data"] == data


async def test_a_run_that_failed_says_so_in_its_own_words(ready, workspace):
    ready.on("GET", JOB, job("Failed", error={"message": "a column is missing"}))
    outcome = await workspace.look(score(), UNDER_WAY, NOW)
    assert outcome == Failed(
        retryable=False, reason=f"job {NAME} is Failed: a column is missing", data={"job": NAME, "status": "Failed"}
    )


async def test_an_address_is_scored_as_it_is(ready, workspace):
    await workspace.begin(score("azureml://datastores/workspaceblobstore/paths/night/"), NOW)
    given = ready.writes()[0].body["properties"]["inputData"]["data"]
    assert given == {"jobInputType": "UriFolder", "uri": "azureml://datastores/workspaceblobstore/paths/night/"}


@pytest.mark.parametrize(("data_type", "kind"), [("uri_file", "UriFile"), ("mltable", "MLTable")])
async def test_an_asset_is_given_as_what_it_is(ready, workspace, data_type, kind):
    version = {"name": "7", "properties": {"dataType": data_type}}
    ready.on("GET", "/data/night/versions/7", Answer(body=version))
    await workspace.begin(score("azureml:night:7"), NOW)
    assert ready.writes()[0].body["properties"]["inputData"]["data"]["jobInputType"] == kind


@pytest.mark.parametrize(
    "answer", [refusal(404, "NotFound", "no such asset"), Answer(body={"value": []})], ids=["unknown", "empty"]
)
async def test_an_input_that_is_not_there_is_missing_and_nothing_is_invoked(ready, workspace, answer):
    ready.on("GET", "/data/night/versions", answer)
    outcome = await workspace.begin(score(), NOW)
    assert outcome.data == {"missing": "input"}
    assert ready.writes() == []


async def test_a_label_that_cannot_be_resolved_is_told(ready, workspace):
    outcome = await workspace.begin(score("azureml:night@gold"), NOW)
    assert not outcome.retryable
    assert "only @latest" in outcome.reason


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (403, False), (409, True), (429, True), (503, True)])
async def test_a_refused_invocation_is_classified(ready, workspace, status, retryable):
    ready.on("POST", INVOKE, refusal(status, "Nope", "not now"))
    outcome = await workspace.begin(score(), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable is retryable


async def test_a_look_that_azure_does_not_answer_says_nothing_of_the_run(ready, workspace):
    ready.on("GET", JOB, refusal(503, "Busy", "later"))
    operation = UNDER_WAY
    outcome = await workspace.look(score(), operation, NOW)
    assert isinstance(outcome, Started)
    assert outcome.operation == operation


CANCEL = f"{JOB}/cancel"
LATE = NOW + DEADLINE


async def test_a_run_that_is_not_over_by_its_deadline_is_cancelled(ready, workspace):
    ready.on("GET", JOB, job("Running"))
    ready.on("POST", CANCEL, Answer(202))
    outcome = await workspace.look(score(), UNDER_WAY, LATE)
    reason = f"job {NAME} was not over by its deadline, 2026-03-01 18:00 UTC, and was cancelled"
    assert outcome == Failed(retryable=False, reason=reason, data={"job": NAME, "status": OVERDUE})
    assert [asked.path.endswith(CANCEL) for asked in ready.writes()] == [True]


async def test_a_run_is_left_alone_until_its_deadline(ready, workspace):
    ready.on("GET", JOB, job("Running"))
    assert isinstance(await workspace.look(score(), UNDER_WAY, LATE - timedelta(seconds=1)), Started)
    assert ready.writes() == []


async def test_a_run_that_ended_late_counts_as_it_ended(ready, workspace):
    ready.on("GET", JOB, job("Completed"))
    assert isinstance(await workspace.look(score(), UNDER_WAY, LATE), Succeeded)
    assert ready.writes() == []


async def test_a_run_that_is_being_cancelled_is_not_cancelled_again(ready, workspace):
    ready.on("GET", JOB, job("CancelRequested"))
    assert (await workspace.look(score(), UNDER_WAY, LATE)).data["status"] == OVERDUE
    assert ready.writes() == []


@pytest.mark.parametrize("status", [409, 429, 503])
async def test_a_run_that_cannot_be_cancelled_just_now_is_asked_about_again(ready, workspace, status):
    ready.on("GET", JOB, job("Running"))
    ready.on("POST", CANCEL, refusal(status, "Nope", "not now"))
    assert isinstance(await workspace.look(score(), UNDER_WAY, LATE), Started)


async def test_a_run_that_may_not_be_cancelled_is_said_to_go_on(ready, workspace):
    ready.on("GET", JOB, job("Running"))
    ready.on("POST", CANCEL, refusal(403, "AuthorizationFailed", "no"))
    outcome = await workspace.look(score(), UNDER_WAY, LATE)
    assert (outcome.retryable, outcome.data["status"]) == (False, OVERDUE)
    assert "could not be cancelled, so that it goes on: not permitted" in outcome.reason
