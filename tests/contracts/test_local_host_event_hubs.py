"""Event Hubs triggers against the local namespace: batches, metadata, checkpoints, retries and hostile delivery.

Starting and stopping a consumer costs the SDK two seconds, so the cases that differ only in the function and the hub
run at once, each with its own hub; every test then looks at one of them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from local.azure.event_hubs import EventHubsServer
from local.host.checkpoints import Checkpoints, Place
from local.host.event_hubs import Delivery, EventHubListener
from local.host.invocation import Invoker
from local.host.state_file import StateFile
from tests.contracts.host_under_test import eventually, index_of, module_of

TAKES = """
async def on_telemetry(events: typing.List[func.EventHubEvent]) -> None:
    partition = events[0].metadata["PartitionContext"]["PartitionId"]
    seen.extend((partition, event.sequence_number, event.get_body(), len(events)) for event in events)
"""
FAILS_TWICE = """
@app.retry(strategy="fixed_delay", max_retry_count="{count}", delay_interval="00:00:00")
def on_telemetry(events: typing.List[func.EventHubEvent], context: func.Context) -> None:
    seen.append((events[0].sequence_number, context.retry_context.retry_count, context.retry_context.max_retry_count))
    if context.retry_context.retry_count < 2:
        raise RuntimeError("on purpose")
"""
FAILS = """
def on_telemetry(events: typing.List[func.EventHubEvent]) -> None:
    seen.append([event.sequence_number for event in events])
    raise RuntimeError("on purpose")
"""
KEEPS_EVENTS = """
def on_telemetry(events: typing.List[func.EventHubEvent]) -> None:
    seen.extend(events)
"""
SLOW = """
async def on_telemetry(events: typing.List[func.EventHubEvent]) -> None:
    seen.append("begun")
    await asyncio.sleep(0.3)
    seen.append("ended")
"""


@dataclass(frozen=True)
class Case:
    """A function on a hub of its own, the bodies sent with one partition key, and how many notes are enough."""

    source: str
    bodies: tuple[bytes, ...]
    enough: int
    delivery: Delivery = field(default_factory=Delivery)
    data_type: str = "string"
    taken: int | None = None


CASES = {
    "metadata": Case(KEEPS_EVENTS, ("{'a': 'ä'}".encode(),), 1),
    "binary": Case(TAKES, (b"\x00\xff",), 1, data_type="binary"),
    "text": Case(TAKES, (b"\x00\xff",), 1),
    "small-batches": Case(TAKES, (b"x",) * 10, 10, Delivery(batch_size_max=4)),
    "fails": Case(FAILS, (b"x",), 1),
    "retries-forever": Case(FAILS_TWICE.format(count=-1), (b"x",) * 2, 6, Delivery(batch_size_max=1)),
    "retries-once": Case(FAILS_TWICE.format(count=1), (b"x",), 2),
    "hostile": Case(TAKES, (b"x",) * 4, 6, Delivery(batch_size_max=1, twice_every=2)),
    "made-anew": Case(TAKES, (b"x",), 1, taken=1000),
}


def place(hub: str) -> Place:
    """The partition that the key ``one`` belongs to; keys choose by a stable hash."""
    return Place(hub, "$Default", "1")


class Stage:
    """A namespace, and listeners that read its hubs with checkpoints in one file."""

    def __init__(self, server: EventHubsServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.kept = Checkpoints(StateFile(folder / "checkpoints.json"))

    def checkpoints(self) -> dict[str, int]:
        return StateFile(self.folder / "checkpoints.json").read()

    @asynccontextmanager
    async def reading(self, hub: str, case: Case) -> AsyncIterator[Callable[[], list[Any]]]:
        """Reads until left; gives what the function has noted."""
        trigger = f'arg_name="events", event_hub_name="{hub}", connection="HUBS", data_type="{case.data_type}"'
        source = f'@app.event_hub_message_trigger({trigger}, cardinality="many")' + case.source
        (function,) = index_of(self.folder, source).functions
        with ThreadPoolExecutor(2) as threads:
            invoker = Invoker(threads)
            connection = self.server.connection_string
            listener = EventHubListener(function, connection, self.kept, invoker, case.delivery)
            task = asyncio.get_running_loop().create_task(listener.listen())
            try:
                yield lambda: module_of(function.call.__module__).seen
            finally:
                task.cancel()
                await asyncio.wait({task})
                await invoker.drain(5)

    async def run(self, hub: str, case: Case) -> list[Any]:
        """Sends the case's bodies and reads until enough was noted and the checkpoint is at the last of them."""
        if case.taken is not None:
            self.kept.advance(place(hub), case.taken)
        for body in case.bodies:
            self.server.publish(hub, body, partition_key="one", properties={"kind": "row"})
        async with self.reading(hub, case) as seen:
            await eventually(lambda: len(seen()) >= case.enough)
            await eventually(lambda: self.kept.taken(place(hub)) == len(case.bodies) - 1)
            return list(seen())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What the functions of all cases noted."""

    async def run_all() -> list[list[Any]]:
        server = EventHubsServer(hubs=dict.fromkeys(CASES, 2), key="k")
        await server.start()
        stage = Stage(server, tmp_path_factory.mktemp("hubs"))
        try:
            return await asyncio.gather(*(stage.run(hub, case) for hub, case in CASES.items()))
        finally:
            await server.stop()

    return dict(zip(CASES, asyncio.run(run_all()), strict=True))


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    server = EventHubsServer(hubs={"telemetry": 2}, key="k")
    await server.start()
    try:
        yield Stage(server, tmp_path)
    finally:
        await server.stop()


def test_events_carry_what_azures_converter_gives_them(outcomes: dict[str, list[Any]]) -> None:
    (event,) = outcomes["metadata"]
    assert event.get_body().decode() == "{'a': 'ä'}"
    assert (event.sequence_number, event.partition_key) == (0, "one")
    assert event.enqueued_time.tzinfo is not None
    metadata = event.metadata
    assert metadata["PartitionContext"] == {
        "EventHubName": "metadata",
        "ConsumerGroup": "$Default",
        "PartitionId": place("metadata").partition,
    }
    assert metadata["PropertiesArray"] == [{"kind": "row"}]
    assert metadata["SequenceNumberArray"] == [0]
    assert metadata["PartitionKeyArray"] == ["one"]
    assert json.dumps(metadata)  # as in Azure, it is plain data


def test_bytes_that_are_no_text_survive_only_a_binary_trigger(outcomes: dict[str, list[Any]]) -> None:
    assert [body for _, _, body, _ in outcomes["binary"]] == [b"\x00\xff"]
    assert [body for _, _, body, _ in outcomes["text"]] == [b"\x00\xef\xbf\xbd"]


def test_a_batch_is_no_larger_than_host_json_says(outcomes: dict[str, list[Any]]) -> None:
    assert [number for _, number, _, _ in outcomes["small-batches"]] == list(range(10))
    assert max(size for *_, size in outcomes["small-batches"]) <= 4


def test_the_checkpoint_passes_a_failure_unless_there_is_a_retry_policy(outcomes: dict[str, list[Any]]) -> None:
    assert outcomes["fails"] == [[0]]


def test_a_retry_policy_pauses_the_partition_until_the_batch_is_taken(outcomes: dict[str, list[Any]]) -> None:
    tries = [(0, 0, -1), (0, 1, -1), (0, 2, -1), (1, 0, -1), (1, 1, -1), (1, 2, -1)]
    assert outcomes["retries-forever"] == tries


def test_retries_end_with_the_count_and_the_checkpoint_passes(outcomes: dict[str, list[Any]]) -> None:
    assert outcomes["retries-once"] == [(0, 0, 1), (0, 1, 1)]


def test_hostile_delivery_repeats_every_second_batch(outcomes: dict[str, list[Any]]) -> None:
    assert [number for _, number, _, _ in outcomes["hostile"]] == [0, 1, 1, 2, 3, 3]


def test_a_hub_that_was_made_anew_is_read_from_its_beginning(outcomes: dict[str, list[Any]]) -> None:
    assert [number for _, number, _, _ in outcomes["made-anew"]] == [0]


async def test_every_partition_is_read_from_its_beginning_and_then_from_its_checkpoint(stage: Stage) -> None:
    for number in range(6):
        stage.server.publish("telemetry", b"%d" % number)
    case = Case(TAKES, (), 6)
    async with stage.reading("telemetry", case) as seen:
        await eventually(lambda: len(seen()) == 6)
        found = sorted((partition, number, body) for partition, number, body, _ in seen())
        assert found == [(str(n % 2), n // 2, b"%d" % n) for n in (0, 2, 4, 1, 3, 5)]
    assert stage.checkpoints() == {"telemetry/$Default/0": 2, "telemetry/$Default/1": 2}
    stage.server.publish("telemetry", b"later")
    async with stage.reading("telemetry", case) as seen:
        await eventually(seen)
        assert seen() == [("0", 3, b"later", 1)]


async def test_a_call_under_way_at_the_stop_ends_and_its_checkpoint_is_kept(stage: Stage) -> None:
    stage.server.publish("telemetry", b"x")
    async with stage.reading("telemetry", Case(SLOW, (), 1)) as seen:
        await eventually(seen)
        assert stage.checkpoints() == {}
    assert seen() == ["begun", "ended"]
    assert stage.checkpoints() == {"telemetry/$Default/0": 0}


async def test_a_partition_is_read_again_after_the_namespace_was_gone(stage: Stage) -> None:
    port = int(stage.server.connection_string.split(":")[2].split(";")[0])
    async with stage.reading("telemetry", Case(TAKES, (), 2)) as seen:
        stage.server.publish("telemetry", b"before")
        await eventually(seen)
        await stage.server.stop()
        await stage.server.start(port)
        stage.server.publish("telemetry", b"after")
        await eventually(lambda: len(seen()) == 2, seconds_max=25)
        assert [body for _, _, body, _ in seen()] == [b"before", b"after"]
