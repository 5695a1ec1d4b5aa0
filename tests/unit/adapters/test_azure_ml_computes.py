"""Compute instances at the wire: what there is, and stopping one."""

from datetime import UTC, datetime

import pytest

from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_computes import AzureMlComputes
from shared.domain.commands import StopCompute
from shared.domain.outcomes import Failed, Skipped, Started, Succeeded
from tests.unit.adapters.orders import BASE, NOW, WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

PLACE = "/computes/ci-anna"
STOP = StopCompute(**BASE, compute="ci-anna", idle_since=NOW)


def instance(state="Running", **inner):
    properties = {"computeType": "ComputeInstance", "properties": {"state": state, **inner}}
    return {"id": f"{WORKSPACE}{PLACE}", "name": "ci-anna", "properties": properties}


def cluster():
    properties = {"computeType": "AmlCompute", "properties": {"scaleSettings": {"minNodeCount": 0}}}
    return {"id": f"{WORKSPACE}/computes/cpu", "name": "cpu", "properties": properties}


@pytest.fixture
def computes(azure):
    return AzureMlComputes(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), 30.0)


async def test_every_compute_is_seen_with_what_runs_on_it(azure, computes):
    started = {"operationName": "Start", "operationTime": "2026-03-01T08:00:00.1234567Z"}
    attached = {"id": f"{WORKSPACE}/computes/k8s", "properties": {"computeType": "Kubernetes"}}
    azure.on("GET", "/computes", Answer(body={"value": [instance(lastOperation=started), cluster(), attached]}))
    found = await computes.computes(WORKSPACE)
    assert [(one.name, one.kind, one.state, one.is_idle) for one in found] == [
        ("ci-anna", "ComputeInstance", "Running", True),
        ("cpu", "AmlCompute", "", False),
        ("k8s", "Kubernetes", "", False),
    ]
    assert found[0].changed_at == datetime(2026, 3, 1, 8, 0, 0, 123456, UTC)


async def test_an_instance_that_azure_stops_by_itself_is_left_to_azure(azure, computes):
    azure.on("GET", "/computes", Answer(body={"value": [instance(idleTimeBeforeShutdown="PT30M")]}))
    (found,) = await computes.computes(WORKSPACE)
    assert not found.is_idle


@pytest.mark.parametrize(("status", "retryable"), [(403, False), (429, True), (503, True)])
async def test_a_look_that_fails_says_whether_to_ask_again(azure, computes, status, retryable):
    azure.on("GET", "/computes", refusal(status, "No", "no"))
    found = await computes.computes(WORKSPACE)
    assert isinstance(found, Failed)
    assert found.retryable is retryable


async def test_an_instance_that_was_started_while_the_order_waited_is_left_alone(azure, workspace):
    begun = {"operationName": "Start", "operationTime": "2999-01-01T08:00:00Z"}
    azure.on("GET", PLACE, Answer(body=instance(lastOperation=begun)))
    outcome = await workspace.begin(STOP, NOW)
    assert isinstance(outcome, Skipped)
    assert "started again at 2999-01-01 08:00 UTC" in outcome.reason
    assert azure.writes() == []


async def test_an_idle_instance_is_stopped_by_one_call_and_followed(azure, workspace):
    azure.on("POST", f"{PLACE}/stop", Answer(202))
    azure.on("GET", PLACE, Answer(body=instance()), Answer(body=instance("Stopping")), Answer(body=instance("Stopped")))
    begun = await workspace.begin(STOP, NOW)
    assert isinstance(begun, Started)
    assert isinstance(await workspace.look(STOP, begun.operation, NOW), Started)
    assert await workspace.look(STOP, begun.operation, NOW) == Succeeded(
        data={"compute": "ci-anna", "state": "Stopped"}
    )
    assert len(azure.writes()) == 1


@pytest.mark.parametrize("document", [instance("JobRunning"), instance("Starting"), {**cluster(), "name": "ci-anna"}])
async def test_one_that_is_in_use_or_is_a_cluster_is_left_alone(azure, workspace, document):
    azure.on("GET", PLACE, Answer(body=document))
    outcome = await workspace.begin(STOP, NOW)
    assert isinstance(outcome, Skipped)
    assert "in use again" in outcome.reason
    assert azure.writes() == []


@pytest.mark.parametrize("state", ["Stopped", "Stopping"])
async def test_one_that_stops_or_has_stopped_is_not_stopped_again(azure, workspace, state):
    azure.on("GET", PLACE, Answer(body=instance(state)))
    outcome = await workspace.begin(STOP, NOW)
    assert isinstance(outcome, Succeeded if state == "Stopped" else Started)
    assert azure.writes() == []


async def test_one_that_is_gone_needs_no_stop(workspace):
    assert isinstance(await workspace.begin(STOP, NOW), Succeeded)
    assert isinstance(await workspace.look(STOP, f"{WORKSPACE}{PLACE}", NOW), Succeeded)


async def test_azure_that_could_not_stop_it_is_a_failure(azure, workspace):
    azure.on("GET", PLACE, Answer(body=instance(lastOperation={"operationStatus": "StopFailed"})))
    outcome = await workspace.look(STOP, f"{WORKSPACE}{PLACE}", NOW)
    assert isinstance(outcome, Failed)
    assert "StopFailed" in outcome.reason
