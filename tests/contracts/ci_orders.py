"""An instance of the app beside a local system that runs pipelines, and what the contracts ask of both."""

from local.faults import Fault
from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_pipelines import AzurePipelines
from shared.adapters.batch_training import BatchTraining
from shared.adapters.ci_dispatcher import CiDispatcher
from shared.adapters.synapse_pipelines import SynapsePipelines
from shared.adapters.system_clock import SystemClock
from tests.unit.adapters.scripted_azure import StaticCredential, cloud_of
from tests.unit.services.fakes import FakeClock, World
from tests.unit.services.signals import dispatch

TIMEOUT, POLL = 1.0, 15.0
LOST = Fault("POST", is_done=True, delay_seconds=TIMEOUT * 2)


def dispatcher_at(url, credential=StaticCredential, github=None):
    """Every system that runs pipelines, at one address."""
    pipelines = AzurePipelines(url, credential, TIMEOUT, POLL)
    batch = BatchTraining(AzureMlClients(credential, cloud_of(url), TIMEOUT), POLL)
    return CiDispatcher(github, pipelines, SynapsePipelines(url, credential, TIMEOUT, POLL), batch)


def instance_of(store, dispatcher):
    """An instance whose clock is that of the pipelines, until a test moves it on."""
    return World(store, FakeClock(SystemClock().now()), dispatcher=dispatcher)


async def ordered(world, start):
    """A training by this pipeline is in the outbox."""
    command = dispatch(start=start)
    await world.order(command)
    return command


async def step(world, command, after_seconds=0.0):
    """One step of the command, so much later."""
    world.clock.pass_seconds(after_seconds)
    return await world.run(command)
