"""Every fault of the wire, played to whatever starts a pipeline elsewhere: with the real client, against its local peer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette

from local.devops.api import AzureDevOps, Pipeline
from local.github.api import ROOT, GitHub
from local.github.workflows import Repositories, Workflow
from local.synapse.api import Synapse
from shared.adapters.azure_pipelines import AzurePipelines
from shared.adapters.batch_training import BatchTraining
from shared.adapters.github_actions import GithubActions
from shared.adapters.synapse_pipelines import SynapsePipelines
from shared.adapters.system_clock import SystemClock
from shared.domain.ci_runs import (
    AzurePipelineRun,
    BatchEndpointRun,
    CiRun,
    GithubDispatchRun,
    GithubWorkflowRun,
    SynapseRun,
)
from tests.contracts import batch_endpoint_peer
from tests.contracts.batch_endpoint_peer import BatchEndpointPeer
from tests.contracts.ci_orders import POLL, TIMEOUT, dispatcher_at
from tests.contracts.fault_readings import REFUSALS, Reading, play
from tests.contracts.fault_runs import RunFaults, Runs
from tests.contracts.faulty_wire import Request
from tests.unit.adapters.scripted_azure import StaticCredential
from tests.unit.services.signals import dispatch

MARK = "outerloop_command"
INPUTS = frozenset({MARK})
WORKFLOWS = (
    Workflow("retrain.yml", run_name=f"Retrain ${{{{ inputs.{MARK} }}}}", inputs=INPUTS),
    Workflow(
        "event.yml",
        run_name=f"Retrain ${{{{ github.event.client_payload.{MARK} }}}}",
        types=frozenset({"drift"}),
    ),
)


@dataclass(frozen=True)
class System:
    """One system: its peer, what is ordered of it, where its requests go, and what its peer knows of a run.

    ``ended`` are its words for an end, good and bad.
    """

    peer: Callable[[Any, str], Any]
    start: CiRun | BatchEndpointRun | SynapseRun
    order: Request
    search: Request
    poll: Request
    runs: Callable[[Any], list[Any]]
    mark: Callable[[Any], str]
    ended: tuple[str, str]
    answered_without: frozenset[str] = frozenset()


def github(start: CiRun, order: str, search: str) -> System:
    runs = Request("GET", f"/repos/contoso/flights/actions/{search}")
    return System(
        peer=lambda journal, _: GitHub(Repositories({"contoso/flights": WORKFLOWS}), journal),
        start=start,
        order=Request("POST", order),
        search=runs,
        poll=runs if isinstance(start, GithubDispatchRun) else Request("GET", r"/actions/runs/\d+"),
        runs=lambda peer: peer.repositories.runs,
        mark=lambda run: run.title.removeprefix("Retrain "),
        ended=("success", "failure"),
        # A run is found by its title; an event is answered 204.
        answered_without=frozenset({"null", "cut"} if isinstance(start, GithubDispatchRun) else {"null"}),
    )


# By the adapter's class and, where it has several, by what is ordered.
SYSTEMS = {
    "GithubActions, a workflow": github(
        GithubWorkflowRun(repository="contoso/flights", workflow="retrain.yml", ref="main"),
        "/workflows/retrain.yml/dispatches",
        "workflows/retrain.yml/runs",
    ),
    "GithubActions, an event": github(
        GithubDispatchRun(repository="contoso/flights", event_type="drift"),
        "/repos/contoso/flights/dispatches",
        "runs",
    ),
    "AzurePipelines": System(
        peer=lambda journal, _: AzureDevOps({"contoso/Flights": {12: Pipeline(INPUTS)}}, journal),
        start=AzurePipelineRun(organization="contoso", project="Flights", pipeline=12, ref="refs/heads/main"),
        order=Request("POST", "/_apis/pipelines/12/runs"),
        search=Request("GET", "/_apis/build/builds"),
        poll=Request("GET", r"/_apis/pipelines/12/runs/\d+"),
        runs=lambda peer: peer.runs,
        mark=lambda run: run.parameters[MARK],
        ended=("succeeded", "failed"),
    ),
    "SynapsePipelines": System(
        peer=lambda journal, _: Synapse({"Refresh": INPUTS}, journal),
        start=SynapseRun(synapse="flights", pipeline="Refresh"),
        order=Request("POST", "/createRun"),
        search=Request("POST", "/queryPipelineRuns"),
        poll=Request("GET", "/pipelineruns/.+"),
        runs=lambda peer: peer.runs,
        mark=lambda run: run.parameters[MARK],
        ended=("Succeeded", "Failed"),
    ),
    "BatchTraining": System(
        peer=lambda _, url: BatchEndpointPeer(url),
        start=BatchEndpointRun(
            workspace=batch_endpoint_peer.WORKSPACE,
            endpoint=batch_endpoint_peer.ENDPOINT,
            deployment="monthly",
            data="https://flights.example/rows",
            data_input="rows",
            experiment="retrain",
        ),
        order=Request("POST", batch_endpoint_peer.INVOKE),
        search=Request("GET", "/jobs"),
        poll=Request("GET", r"/jobs/batchjob-\d+"),
        runs=lambda peer: peer.runs,
        mark=lambda run: run.inputs[MARK]["value"],
        ended=("Completed", "Failed"),
        answered_without=frozenset({"null"}),  # the job has the mark for its name, where none is told
    ),
}
ADAPTERS = {GithubActions, AzurePipelines, SynapsePipelines, BatchTraining}


def test_each_of_these_adapters_is_a_system_of_the_table():
    assert {name.partition(",")[0] for name in SYSTEMS} == {adapter.__name__ for adapter in ADAPTERS}


@pytest.mark.parametrize("how", REFUSALS)
async def test_a_preview_that_cannot_be_read_is_a_failure(how, front, front_line, journal):
    system = SYSTEMS["AzurePipelines"]
    front.app = Starlette(routes=system.peer(journal, front_line.url).routes)
    pipelines, now = AzurePipelines(front_line.url, StaticCredential, TIMEOUT, POLL), SystemClock().now()
    asked = Reading(wire=front_line, ask=lambda: pipelines.preview(system.start, now), on=system.order, until=now)
    assert await play(asked, how) == 1
    assert journal.entries() == []


class TestRunFaults(RunFaults):
    @pytest.fixture(params=SYSTEMS)
    def runs(self, request, front, front_line, journal):
        system = SYSTEMS[request.param]
        peer = system.peer(journal, front_line.url)
        front.app = Starlette(routes=peer.routes)
        token = getattr(peer, "token", "")
        actions = GithubActions(f"{front_line.url}{ROOT}", token, TIMEOUT, POLL)
        dispatcher = dispatcher_at(front_line.url, github=actions)
        now = SystemClock().now()
        front_line.play()

        yield Runs(
            wire=front_line,
            now=now,
            begin=lambda mark, earlier: dispatcher.begin(dispatch(mark, system.start), now, earlier),
            look=lambda mark, operation: dispatcher.look(dispatch(mark, system.start), operation, now),
            order=system.order,
            search=system.search,
            poll=system.poll,
            count=lambda mark: sum(system.mark(run) == mark for run in system.runs(peer)),
            end=lambda well: system.runs(peer)[-1].end(system.ended[0 if well else 1]),
            answered_without=system.answered_without,
        )
        front_line.play()
