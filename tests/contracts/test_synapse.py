"""The newest data by a Synapse pipeline, at the wire: one order starts one run at most, and its end is told."""

import pytest
from starlette.applications import Starlette

from local.faults import Fault
from local.synapse.api import Synapse
from shared.domain.ci_runs import SynapseRun
from shared.domain.commands import RefreshData
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.services.attempts import FIND_AFTER
from tests.contracts.ci_orders import LOST, POLL, dispatcher_at, instance_of, step
from tests.unit.adapters.scripted_azure import StaticCredential
from tests.unit.services.signals import ORDER

PIPELINES = {"Refresh flights": frozenset({"outerloop_command", "month"}), "Nameless": frozenset({"month"})}


@pytest.fixture
def synapse(front, journal):
    peer = Synapse(PIPELINES, journal)
    front.app = Starlette(routes=peer.routes)
    return peer


@pytest.fixture
def world(front, ledger, synapse):
    return instance_of(ledger, dispatcher_at(front.url))


async def ordered(world, pipeline="Refresh flights"):
    start = SynapseRun(synapse="flights", pipeline=pipeline, parameters={"month": "3"})
    command = RefreshData(**ORDER, id="d" * 24, start=start)
    await world.order(command)
    return command


def started(journal):
    return [entry for entry in journal.entries() if entry.effect == "synapse_run"]


async def test_the_pipeline_runs_with_its_parameters_and_the_mark_to_its_end(world, synapse, journal):
    command = await ordered(world)
    assert isinstance(await step(world, command), Started)
    (entry,) = started(journal)
    assert entry.detail["parameters"] == {"month": "3", "outerloop_command": command.id}
    assert isinstance(await step(world, command, POLL), Started)
    synapse.runs[0].end("Succeeded")
    outcome = await step(world, command, POLL)
    assert isinstance(outcome, Succeeded)
    assert (
        outcome.data["run"] == f"run {synapse.runs[0].id} of pipeline Refresh flights of the Synapse workspace flights"
    )


async def test_an_order_that_never_arrived_is_given_again_whatever_a_schedule_started_meanwhile(
    world, synapse, journal
):
    synapse.faults.append(Fault("POST", 502))
    command = await ordered(world)
    assert isinstance(await step(world, command), Unknown)
    synapse.trigger("Refresh flights")
    assert isinstance(await step(world, command, FIND_AFTER.total_seconds()), Started)
    assert len(started(journal)) == 1


async def test_a_pipeline_that_does_not_declare_the_mark_is_not_started_twice(world, synapse, journal):
    synapse.faults.append(LOST)
    command = await ordered(world, "Nameless")
    await step(world, command)
    outcome = await step(world, command, FIND_AFTER.total_seconds())
    assert isinstance(outcome, Failed)
    assert "Declare the parameter outerloop_command" in outcome.reason
    assert len(started(journal)) == 1


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
async def test_any_other_end_is_a_failure_with_what_synapse_says(world, synapse, status):
    command = await ordered(world)
    await step(world, command)
    synapse.runs[0].end(status, "Copy flights:\nthe source is gone")
    outcome = await step(world, command, POLL)
    assert isinstance(outcome, Failed)
    assert outcome.reason.endswith(f"ended as {status}: Copy flights: the source is gone")


async def test_a_pipeline_that_there_is_not_is_said_once(world, journal):
    outcome = await step(world, await ordered(world, "Elsewhere"))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "no such pipeline" in outcome.reason
    assert started(journal) == []


async def test_an_identity_that_may_not_says_what_it_needs(front, synapse, ledger):
    class Stranger(StaticCredential):
        def get_token(self, *_scopes, **options):
            return super().get_token("https://management.azure.com/.default", **options)

    world = instance_of(ledger, dispatcher_at(front.url, Stranger))
    outcome = await step(world, await ordered(world))
    assert "may not run this pipeline" in outcome.reason
    assert not outcome.retryable
