"""Retraining by Azure Pipelines at the wire: the adapter, the executor and an Azure DevOps that keeps to its documents.

However an order is refused, lost or repeated, one order starts one run at most.
"""

import pytest
from starlette.applications import Starlette

from local.devops.api import AzureDevOps, Pipeline
from local.faults import Fault
from shared.adapters.azure_pipelines import AzurePipelines
from shared.domain.ci_runs import AzurePipelineRun
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.domain.values import replace
from shared.services.attempts import FIND_AFTER
from tests.contracts.ci_orders import LOST, POLL, TIMEOUT, dispatcher_at, instance_of, ordered, step
from tests.unit.adapters.scripted_azure import StaticCredential

PROJECT = "contoso/My Flights"
PIPELINES = {12: Pipeline(frozenset({"outerloop_command", "size"})), 13: Pipeline()}
RETRAIN = AzurePipelineRun(
    organization="contoso", project="My Flights", pipeline=12, ref="refs/heads/main", parameters={"size": "m"}
)


@pytest.fixture
def devops(front, journal):
    peer = AzureDevOps({PROJECT: PIPELINES}, journal)
    front.app = Starlette(routes=peer.routes)
    return peer


@pytest.fixture
def pipelines(front, devops):
    return AzurePipelines(front.url, StaticCredential, TIMEOUT, POLL)


@pytest.fixture
def world(front, ledger, devops):
    return instance_of(ledger, dispatcher_at(front.url))


def started(journal):
    return [entry for entry in journal.entries() if entry.effect == "pipeline_run"]


async def test_a_pipeline_is_started_with_its_parameters_and_the_mark_and_followed_to_its_version(
    world, devops, journal
):
    command = await ordered(world, RETRAIN)
    begun = await step(world, command)
    (entry,) = started(journal)
    assert entry.detail["parameters"] == {"size": "m", "outerloop_command": command.id}
    assert entry.detail["ref"] == "refs/heads/main"
    assert begun.operation == f"run/{entry.detail['run']}"
    assert isinstance(await step(world, command, POLL), Started)
    devops.runs[0].end("succeeded")
    world.models.marked[command.id] = "8"
    outcome = await step(world, command, POLL)
    assert isinstance(outcome, Succeeded)
    assert outcome.data["model_version"] == "8"
    assert outcome.data["run"].endswith(f"_build/results?buildId={devops.runs[0].id}")


async def test_a_version_that_is_not_listed_yet_is_waited_for(world, devops):
    command = await ordered(world, RETRAIN)
    await step(world, command)
    devops.runs[0].end("succeeded")
    assert isinstance(await step(world, command, POLL), Started)
    outcome = await step(world, command, 600)
    assert isinstance(outcome, Succeeded)
    assert "model_version" not in outcome.data


async def test_an_order_that_never_arrived_is_given_again(world, devops, journal):
    devops.faults.append(Fault("POST", 503, "Service Unavailable"))
    command = await ordered(world, RETRAIN)
    assert isinstance(await step(world, command), Unknown)
    devops.push(PROJECT, 12)  # has no parameters of anybody's, and is nobody's order
    assert isinstance(await step(world, command, FIND_AFTER.total_seconds()), Started)
    assert len(started(journal)) == 1


async def test_where_runs_do_not_show_their_parameters_nothing_is_started_twice(world, devops, journal):
    devops.shows_parameters = False
    devops.faults.append(LOST)
    command = await ordered(world, RETRAIN)
    await step(world, command)
    outcome = await step(world, command, FIND_AFTER.total_seconds())
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert f"run {devops.runs[0].id} or one before may be it" in outcome.reason
    assert len(started(journal)) == 1


@pytest.mark.parametrize("result", ["failed", "canceled", "unknown"])
async def test_only_a_success_is_one(world, devops, result):
    command = await ordered(world, RETRAIN)
    await step(world, command)
    devops.runs[0].end(result)
    outcome = await step(world, command, POLL)
    assert isinstance(outcome, Failed)
    assert outcome.reason.endswith(f"ended as {result}")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pipeline": 13}, "has to declare these parameters, outerloop_command among them"),
        ({"pipeline": 99}, "may not see it"),
        ({"project": "Other"}, "may not see it"),
        ({"ref": "refs/heads/gone"}, "Could not find a branch refs/heads/gone"),
        ({"parameters": {"other": "1"}}, "Unexpected parameter 'other'"),
    ],
)
async def test_what_azure_devops_does_not_take_is_said_once_and_starts_nothing(world, journal, changes, says):
    command = await ordered(world, replace(RETRAIN, **changes))
    outcome = await step(world, command)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert says in outcome.reason
    assert (await world.row(command)).state == "finished"
    assert started(journal) == []


async def test_a_sign_in_page_is_no_success(front, devops, ledger):
    class Stranger(StaticCredential):
        def get_token(self, *_scopes, **options):
            return super().get_token("https://management.azure.com/.default", **options)

    world = instance_of(ledger, dispatcher_at(front.url, Stranger))
    outcome = await step(world, await ordered(world, RETRAIN))
    assert "add it to the organization as a user" in outcome.reason
    assert devops.runs == []


async def test_without_a_token_it_is_tried_again(front, devops, ledger):
    from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415  # beside its only use

    class Nobody:
        def get_token(self, *_scopes, **_options):
            raise ClientAuthenticationError("no identity here\nand much more")

    world = instance_of(ledger, dispatcher_at(front.url, Nobody))
    outcome = await step(world, await ordered(world, RETRAIN))
    assert outcome == Failed(retryable=True, reason="no token for Azure DevOps was issued: no identity here")


async def test_a_run_that_somebody_deleted_ends_the_training(world, devops):
    command = await ordered(world, RETRAIN)
    await step(world, command)
    devops.runs.clear()
    outcome = await step(world, command, POLL)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


async def test_a_preview_shows_the_pipeline_filled_in_and_starts_nothing(pipelines, devops, journal, world):
    shown = await pipelines.preview(RETRAIN, world.clock.now())
    assert "'size': 'm'" in shown
    assert "python train.py" in shown
    assert (devops.runs, started(journal)) == ([], [])


async def test_a_preview_of_what_would_be_refused_says_why(pipelines, world):
    refused = await pipelines.preview(replace(RETRAIN, pipeline=13), world.clock.now())
    assert isinstance(refused, Failed)
    assert "outerloop_command" in refused.reason


async def test_among_more_runs_than_are_read_nothing_is_started_twice(world, devops, journal):
    devops.faults.append(LOST)
    command = await ordered(world, RETRAIN)
    await step(world, command)
    for number in range(1001):
        devops.order(PROJECT, 12, {"outerloop_command": f"{number:024x}"})
    outcome = await step(world, command, FIND_AFTER.total_seconds())
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert len(started(journal)) == 1
