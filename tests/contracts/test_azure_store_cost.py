"""What each step of the loop costs in requests to Azure storage, counted on the wire, is what docs/storage.md says."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.adapters.azure_queue import AzureQueue
from shared.adapters.azure_storage_account import CLIENT_OPTIONS, Addresses, Wire
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.domain.outcomes import Succeeded
from shared.ports import Stored, StoredDelta
from tests.contracts.faulty_transport import FaultyTransport
from tests.unit.services.fakes import SUBJECT, World
from tests.unit.services.signals import notify, registered

PAGE = Path(__file__).parents[2] / "docs" / "storage.md"
ROW = re.compile(r"^\| ([^|]+?) \| (\d+) \|$", re.MULTILINE)


def costs_on_the_page() -> dict[str, int]:
    return {step: int(cost) for step, cost in ROW.findall(PAGE.read_text(encoding="utf-8"))}


@pytest.fixture
def wire() -> FaultyTransport:
    return FaultyTransport()


@pytest_asyncio.fixture
async def world(addresses: Addresses, wire: FaultyTransport) -> AsyncIterator[World]:
    store = AzureTablesStore(addresses, Wire({**CLIENT_OPTIONS, "transport": wire}))
    await store.open()
    yield World(store, queue=AzureQueue(store.account))
    await store.close()


class Meter:
    """Counts the requests of one step after another."""

    def __init__(self, wire: FaultyTransport) -> None:
        self.wire, self.costs = wire, {}
        wire.requests.clear()

    def read(self, step: str) -> None:
        self.costs[step] = len(self.wire.requests)
        self.wire.requests.clear()


async def test_each_step_costs_what_the_page_says(world, wire):
    meter, store = Meter(wire), world.store
    await world.ingest.tell(registered())
    meter.read("a signal: accept, route, decide, queue its two commands")
    await world.ingest.tell(registered())
    meter.read("the same signal again")
    await world.order(notify())
    wire.requests.clear()
    world.messenger.script = [Succeeded()]
    await world.run(notify())
    meter.read("a command: claim, act, finish, and decide about its end")
    await world.sweeper.run()
    wire.requests.clear()
    await world.sweeper.run()
    meter.read("a sweep with nothing to do")
    world.clock.pass_seconds(3600)
    await world.sweeper.run()
    meter.read("a sweep that also looks for what is old")
    await store.append_delta(StoredDelta("0", 1, b"counts"), (await store.cursor("0")).etag)
    meter.read("a batch of telemetry")
    await store.save_fold({"w/1": Stored(b"state")}, await store.deltas(100))
    meter.read("a fold into windows that are known")
    await store.save_document("large", b"x" * 100_000, "")
    meter.read("a document over 64 KiB")
    assert meter.costs == {step: cost for step, cost in costs_on_the_page().items() if step in meter.costs}


async def test_the_decision_of_a_subject_is_written_by_one_request(world, wire):
    wire.requests.clear()
    await world.order(notify())
    assert wire.requests == [wire.requests[0], "POST $batch"]
    assert await world.store.commands((await world.store.decisions(SUBJECT, 1))[0].id, SUBJECT) != []
