"""Retraining by GitHub Actions at the wire: the adapter, the executor and a GitHub that does what it documents, and worse.

However an order is refused, lost or repeated, one order starts one run at most.
"""

from datetime import timedelta

import pytest
from starlette.applications import Starlette

from local.faults import Fault
from local.github.api import ROOT, GitHub
from local.github.workflows import Repositories, Workflow
from shared.adapters.github_actions import SHOWN_WITHIN, GithubActions
from shared.domain.ci_runs import GithubDispatchRun, GithubWorkflowRun
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.ports_dispatch import Earlier
from shared.services.attempts import FIND_AFTER
from tests.contracts import ci_orders
from tests.contracts.ci_orders import LOST, POLL, TIMEOUT, dispatcher_at, instance_of, step
from tests.unit.services.signals import dispatch

MARKED = "Retrain ${{ inputs.outerloop_command }}"
OF_EVENT = "Retrain ${{ github.event.client_payload.outerloop_command }}"
INPUTS = frozenset({"outerloop_command", "size"})
REPOSITORY = "contoso/flights"
WORKFLOWS = (
    Workflow("retrain.yml", run_name=MARKED, inputs=INPUTS),
    Workflow("nameless.yml", inputs=INPUTS),
    Workflow("undeclared.yml", run_name=MARKED),
    Workflow("by_hand.yml", dispatched=False),
    Workflow("event.yml", run_name=OF_EVENT, types=frozenset({"drift"})),
)


@pytest.fixture
def github(front, journal):
    peer = GitHub(Repositories({REPOSITORY: WORKFLOWS}), journal)
    front.app = Starlette(routes=peer.routes)
    return peer


def instance(front, ledger, token):
    """An instance whose clock is GitHub's, until a test moves it on."""
    actions = GithubActions(f"{front.url}{ROOT}", token, TIMEOUT, POLL)
    return instance_of(ledger, dispatcher_at(front.url, github=actions))


@pytest.fixture
def world(front, github, ledger):
    return instance(front, ledger, github.token)


def beside_an_older_server(front, ledger, journal, **fields):
    """An instance beside a GitHub that does not know ``return_run_details``."""
    older = GitHub(Repositories({REPOSITORY: WORKFLOWS}, **fields), journal, knows_details=False)
    front.app = Starlette(routes=older.routes)
    return instance(front, ledger, older.token)


def workflow(file="retrain.yml", **inputs):
    return GithubWorkflowRun(repository=REPOSITORY, workflow=file, ref="main", inputs=inputs)


EVENT = GithubDispatchRun(repository=REPOSITORY, event_type="drift", payload={"size": "m"})


async def ordered(world, start=None):
    return await ci_orders.ordered(world, start or workflow())


def started(journal):
    return [entry for entry in journal.entries() if entry.effect.endswith("_dispatched")]


async def test_a_workflow_is_started_with_its_inputs_and_the_mark_and_followed_to_its_version(world, github, journal):
    command = await ordered(world, workflow(size="m"))
    assert isinstance(await step(world, command), Started)
    (entry,) = started(journal)
    assert entry.detail["inputs"] == {"size": "m", "outerloop_command": command.id}
    (run,) = github.repositories.runs
    run.status = "in_progress"
    assert isinstance(await step(world, command, 15), Started)
    run.end("success")
    world.models.marked[command.id] = "8"
    outcome = await step(world, command, 15)
    assert isinstance(outcome, Succeeded)
    assert outcome.data["model_version"] == "8"
    assert outcome.data["run"].endswith(f"/{REPOSITORY}/actions/runs/{run.id}")


async def test_an_event_starts_the_workflow_that_listens_and_its_run_is_found_by_its_name(world, github, journal):
    command = await ordered(world, EVENT)
    begun = await step(world, command)
    assert begun.operation.startswith("since/")
    (entry,) = started(journal)
    assert entry.detail["payload"] == {"size": "m", "outerloop_command": command.id}
    (run,) = github.repositories.runs
    assert (await step(world, command, 15)).operation == f"run/{run.id}"
    run.end("success")
    world.models.marked[command.id] = "8"
    assert (await step(world, command, 15)).data["model_version"] == "8"


@pytest.mark.parametrize("start", [workflow(), EVENT])
async def test_an_order_whose_answer_was_lost_is_found_again_and_not_repeated(world, github, journal, start):
    github.faults.append(LOST)
    command = await ordered(world, start)
    assert isinstance(await step(world, command), Unknown)
    again = await step(world, command, FIND_AFTER.total_seconds())
    (run,) = github.repositories.runs
    assert again.operation == f"run/{run.id}"
    assert len(started(journal)) == 1


async def test_an_order_that_github_carried_out_and_called_an_error_is_not_repeated(world, github, journal):
    github.faults.append(Fault("POST", 502, "Bad Gateway", is_done=True))
    command = await ordered(world)
    assert isinstance(await step(world, command), Unknown)
    assert isinstance(await step(world, command, FIND_AFTER.total_seconds()), Started)
    assert len(started(journal)) == 1


async def test_a_process_that_died_after_its_order_is_followed_by_one_that_finds_the_run(world, github, journal):
    command = await ordered(world)
    row = await world.store.claim("workload/flight-delay", command.id, "dead", world.clock.now(), world.clock.now())
    assert row is not None
    await world.dispatcher.begin(command, world.clock.now(), Earlier(world.clock.now(), tried=False))
    assert isinstance(await step(world, command, 300), Unknown)  # its list may not show the run yet
    assert isinstance(await step(world, command, FIND_AFTER.total_seconds()), Started)
    assert len(started(journal)) == 1


async def test_an_order_that_never_arrived_is_given_again(world, github, journal):
    github.faults.append(Fault("POST", 502, "Bad Gateway"))
    command = await ordered(world)
    assert isinstance(await step(world, command), Unknown)
    assert isinstance(await step(world, command, FIND_AFTER.total_seconds()), Started)
    assert len(started(journal)) == 1


async def test_where_runs_show_no_mark_nothing_is_started_twice_and_a_person_is_told_how(world, github, journal):
    github.faults.append(LOST)
    command = await ordered(world, workflow("nameless.yml"))
    await step(world, command)
    outcome = await step(world, command, FIND_AFTER.total_seconds())
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "run-name with ${{ inputs.outerloop_command }}" in outcome.reason
    assert len(started(journal)) == 1


async def test_runs_of_other_orders_do_not_stop_a_second_try(world, github, journal):
    other = dispatch("f" * 24)
    github.repositories.dispatch(REPOSITORY, "retrain.yml", "main", {"outerloop_command": other.id})
    github.faults.append(Fault("POST", 502, "Bad Gateway"))
    command = await ordered(world)
    await step(world, command)
    assert isinstance(await step(world, command, FIND_AFTER.total_seconds()), Started)
    assert len(github.repositories.runs) == 2


async def test_a_workflow_that_shows_no_mark_is_followed_where_github_says_which_run_it_is(world, github):
    command = await ordered(world, workflow("nameless.yml"))
    await step(world, command)
    github.repositories.runs[0].end("success")
    world.models.marked[command.id] = "8"
    assert isinstance(await step(world, command, 15), Succeeded)


async def test_an_older_server_that_names_no_run_is_asked_again_without_and_the_run_is_found(front, ledger, journal):
    world = beside_an_older_server(front, ledger, journal, lag=2)
    command = await ordered(world)
    assert (await step(world, command)).operation.startswith("since/")
    assert [(await step(world, command, 15)).operation[:6] for _ in range(3)] == ["since/", "since/", "run/30"]
    assert len(started(journal)) == 1


async def test_a_run_that_never_shows_its_mark_ends_the_wait_with_what_to_do(front, ledger, journal):
    world = beside_an_older_server(front, ledger, journal)
    command = await ordered(world, workflow("nameless.yml"))
    await step(world, command)
    assert isinstance(await step(world, command, 15), Started)
    outcome = await step(world, command, SHOWN_WITHIN.total_seconds())
    assert not outcome.retryable
    assert command.id in outcome.reason
    assert "Give the workflow a run-name" in outcome.reason


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out", "action_required", "skipped", "neutral"])
async def test_only_a_success_is_one(world, github, conclusion):
    command = await ordered(world)
    await step(world, command)
    github.repositories.runs[0].end(conclusion)
    outcome = await step(world, command, 15)
    assert isinstance(outcome, Failed)
    assert outcome.reason.endswith(f"ended as {conclusion}")
    assert "/actions/runs/" in outcome.data["run"]


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (workflow("undeclared.yml"), "Unexpected inputs provided: ['outerloop_command']"),
        (workflow("by_hand.yml"), "does not have 'workflow_dispatch' trigger"),
        (workflow("nowhere.yml"), "no such repository, workflow or run"),
        (GithubWorkflowRun(repository=REPOSITORY, workflow="retrain.yml", ref="gone"), "No ref found for: gone"),
        (GithubWorkflowRun(repository="contoso/other", workflow="retrain.yml", ref="main"), "no such repository"),
        (GithubDispatchRun(repository="contoso/other", event_type="drift"), "no such repository"),
    ],
)
async def test_what_github_does_not_take_is_said_once_and_starts_nothing(world, journal, start, says):
    command = await ordered(world, start)
    outcome = await step(world, command)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert says in outcome.reason
    assert (await world.row(command)).state == "finished"
    assert started(journal) == []


async def test_a_wrong_token_names_the_setting_and_is_not_shown(front, github, ledger):
    world = instance(front, ledger, "github_pat_wrong")
    outcome = await step(world, await ordered(world))
    assert "OUTERLOOP_GITHUB_TOKEN is wrong or has expired" in outcome.reason
    assert "github_pat_wrong" not in str(outcome)


@pytest.mark.parametrize(("status", "message"), [(429, "Too Many"), (403, "You have exceeded a secondary rate limit")])
async def test_a_limit_is_waited_out_as_long_as_github_asks(world, github, journal, status, message):
    github.faults.append(Fault("POST", status, message, {"Retry-After": "90"}))
    command = await ordered(world)
    await step(world, command)
    assert (await world.row(command)).not_before == world.clock.now() + timedelta(seconds=90)
    assert await step(world, command, 89) is None
    assert isinstance(await step(world, command, 1), Started)
    assert len(started(journal)) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_ends_while_the_run_goes_on_says_nothing_of_the_run(world, github, status):
    command = await ordered(world)
    await step(world, command)
    github.faults.append(Fault("GET", status, "Bad credentials"))
    assert isinstance(await step(world, command, 15), Started)
    assert (await world.row(command)).state == "started"
    assert isinstance(await step(world, command, 15), Started)


async def test_a_run_that_somebody_deleted_ends_the_training(world, github):
    command = await ordered(world)
    await step(world, command)
    github.repositories.runs.clear()
    outcome = await step(world, command, 15)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


async def test_among_many_runs_the_one_with_the_mark_is_found(world, github, journal):
    github.faults.append(LOST)
    command = await ordered(world)
    await step(world, command)
    for number in range(150):
        mark = f"{number:024x}"
        github.repositories.dispatch(REPOSITORY, "retrain.yml", "main", {"outerloop_command": mark})
    again = await step(world, command, FIND_AFTER.total_seconds())
    assert again.operation == f"run/{github.repositories.runs[0].id}"
    assert len(started(journal)) == 1


async def test_among_more_runs_than_are_read_nothing_is_started_twice(world, github, journal):
    github.faults.append(LOST)
    command = await ordered(world)
    await step(world, command)
    for number in range(301):
        github.repositories.dispatch(REPOSITORY, "retrain.yml", "main", {"outerloop_command": f"{number:024x}"})
    outcome = await step(world, command, FIND_AFTER.total_seconds())
    assert isinstance(outcome, Failed)
    assert "look whether it is" in outcome.reason
    assert len(started(journal)) == 1
