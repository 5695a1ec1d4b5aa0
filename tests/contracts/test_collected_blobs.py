"""Files of a collector are read from real blob storage (Azurite), in pieces, and on from where they ended."""

import dataclasses
import json
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import pytest
import pytest_asyncio
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from shared.adapters.azure_blob_collected import AzureCollectedFiles
from shared.adapters.azure_storage_account import Addresses
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.domain.commands import ReadCollected, ReadReferenced
from shared.domain.outcomes import Failed, Outcome, Started, Succeeded
from shared.ports_collected import FilePlace, FileVersion
from shared.services.aggregate import Aggregator
from shared.services.collected import BOUNDS, Bounds, CollectedReader
from shared.services.referenced import PIECE_BYTES, ReferencedReader
from tests.contracts.fault_readings import REFUSALS, Reading, play
from tests.contracts.faulty_wire import Fault, FaultyWire, Request, wired
from tests.unit.services.fakes import FakeClock, World
from tests.unit.services.signals import ORDER, PRODUCTION
from tests.unit.services.telemetry_messages import TAGS, rows

PATH = "modelDataCollector/flight-delay/version-2/model_inputs/2026/03/01/11/a b+c%20ü#?.jsonl"
STORAGE = "/subscriptions/1/resourceGroups/mlops/providers/Microsoft.Storage/storageAccounts/mlops"
SHORT = b"0123456789"
BLOB, BLOB_PIECE = Request("GET|HEAD", r"/.+\.jsonl"), Request("GET", r"/.+\.jsonl")


def no_credential():
    raise AssertionError("a connection string needs no identity")


@pytest_asyncio.fixture
async def container(addresses: Addresses) -> AsyncIterator[ContainerClient]:
    async with BlobServiceClient.from_connection_string(addresses.store) as service:
        yield await service.create_container(f"azureml-{secrets.token_hex(4)}")


@pytest.fixture
def files(addresses: Addresses) -> AzureCollectedFiles:
    return AzureCollectedFiles(addresses.store, no_credential, 5.0)


def place(container: ContainerClient, path: str = PATH) -> FilePlace:
    return FilePlace(STORAGE, container.container_name, path)


async def write(container: ContainerClient, body: bytes, path: str = PATH) -> None:
    await container.upload_blob(path, body, overwrite=True)


class TestFiles:
    async def test_a_file_is_as_long_as_it_is_and_begins_as_it_does(self, container, files):
        await write(container, SHORT)
        found = await files.version(place(container), 4)
        assert isinstance(found, FileVersion)
        assert (found.size, found.beginning) == (10, b"0123")

    async def test_an_empty_file_has_no_beginning(self, container, files):
        await write(container, b"")
        found = await files.version(place(container), 4096)
        assert (found.size, found.beginning) == (0, b"")

    async def test_a_piece_is_read_from_where_it_is_wanted(self, container, files):
        await write(container, SHORT)
        etag = (await files.version(place(container), 1)).etag
        assert await files.read(place(container), etag, 3, 4) == b"3456"
        assert await files.read(place(container), etag, 8, 100) == b"89"

    async def test_a_file_that_was_written_since_is_not_read(self, container, files):
        await write(container, SHORT)
        etag = (await files.version(place(container), 1)).etag
        await write(container, SHORT + SHORT)
        assert await files.read(place(container), etag, 0, 4) == Failed(
            retryable=True, reason=f"mlops/{container.container_name}/{PATH} changed while it was read"
        )

    async def test_a_file_that_is_gone_is_no_reason_to_try_again(self, container, files):
        found = await files.version(place(container), 1)
        assert isinstance(found, Failed)
        assert not found.retryable
        assert "is not there any more" in found.reason

    async def test_who_may_not_read_is_told_which_role_is_missing(self, container, addresses):
        key = addresses.store.partition("AccountKey=")[2].partition(";")[0]
        wrong = addresses.store.replace(key, "d3Jvbmc=")
        found = await AzureCollectedFiles(wrong, no_credential, 5.0).version(place(container), 1)
        assert isinstance(found, Failed)
        assert found.retryable
        assert "Storage Blob Data Reader" in found.reason
        assert "wrong" not in found.reason

    async def test_an_account_that_is_not_reached_is_tried_again(self, container):
        nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a;"
        found = await AzureCollectedFiles(nowhere, no_credential, 1.0).version(place(container), 1)
        assert isinstance(found, Failed)
        assert found.retryable
        assert "was not reached" in found.reason

    async def test_an_address_that_is_none_is_for_a_person_to_mend(self, container):
        found = await AzureCollectedFiles("AccountName=;nonsense", no_credential, 1.0).version(place(container), 1)
        assert isinstance(found, Failed)
        assert not found.retryable


@pytest.fixture(scope="module")
def line(azurite) -> Iterator[FaultyWire]:
    """The wire before Azurite, which does not speak TLS."""
    with wired(_address(azurite.connection_string), None) as line:
        yield line


def _address(connection: str) -> str:
    blobs = next(part for part in connection.split(";") if part.startswith("BlobEndpoint="))
    return blobs.removeprefix("BlobEndpoint=").rpartition("/")[0]


@pytest.fixture
def behind(line: FaultyWire, addresses: Addresses) -> Iterator[AzureCollectedFiles]:
    """The reader, behind a wire on which nothing is left to go wrong."""
    line.play()
    yield AzureCollectedFiles(addresses.store.replace(_address(addresses.store), line.url), no_credential, 5.0)
    line.play()


BODY = b"".join(rows(1, number) + b"\n" for number in range(30))


class TestFaults:
    @pytest.mark.parametrize("how", [how for how in REFUSALS if how != "null"])  # a blob is no document
    async def test_whatever_befalls_a_request_is_a_failure_and_never_a_part_of_the_file(
        self, how, container, behind, line
    ):
        await write(container, BODY, "rows.jsonl")
        where = place(container, "rows.jsonl")
        etag = (await behind.version(where, 1)).etag
        asked = [
            Reading(wire=line, ask=lambda: behind.version(where, len(BODY)), on=BLOB, mended_later=True, repeats=True),
            Reading(wire=line, ask=lambda: behind.read(where, etag, 7, 1000), on=BLOB, mended_later=True, repeats=True),
        ]
        for reading in asked:
            await play(reading, how)
        assert await behind.read(where, etag, 7, 1000) == BODY[7:1007]
        assert (await behind.version(where, len(BODY))).beginning == BODY

    @pytest.mark.parametrize("how", ["is_lost", "is_cut"])
    async def test_a_piece_of_which_no_answer_comes_whole_is_tried_again_later(self, how, container, behind, line):
        await write(container, BODY, "rows.jsonl")
        where = place(container, "rows.jsonl")
        etag = (await behind.version(where, 1)).etag
        line.play(*[Fault(BLOB, **{how: True}) for _ in range(20)])
        failed = await behind.read(where, etag, 0, 1000)
        assert isinstance(failed, Failed)
        assert failed.retryable
        assert "was not rea" in failed.reason  # not reached, or not read to its end

    async def test_a_piece_that_is_shorter_than_it_says_is_none(self, container, behind, line):
        await write(container, BODY, "rows.jsonl")
        where = place(container, "rows.jsonl")
        etag = (await behind.version(where, 1)).etag
        line.play(*[Fault(BLOB_PIECE, bytes_kept=400) for _ in range(2)])
        failed = await behind.read(where, etag, 0, 1000)
        assert isinstance(failed, Failed)
        assert failed.retryable
        assert "of 1000 bytes came" in failed.reason
        for kept in (0, 1, 400, 999):
            line.play(Fault(BLOB_PIECE, bytes_kept=kept))
            piece = await behind.read(where, etag, 7, 1000)
            assert isinstance(piece, Failed) or piece == BODY[7:1007]

    async def test_an_answer_that_does_not_say_which_part_it_is_is_tried_again(self, container, behind, line):
        await write(container, BODY, "rows.jsonl")
        line.play(Fault(BLOB_PIECE, without="content-range"))
        failed = await behind.version(place(container, "rows.jsonl"), 1000)
        assert isinstance(failed, Failed)
        assert failed.retryable
        assert "answered otherwise" in failed.reason

    @pytest.mark.parametrize(
        ("status", "retryable", "says"),
        [
            (404, False, "is not there any more"),
            (412, True, "changed while it was read"),
            (416, True, "changed while it was read"),
        ],
    )
    async def test_a_file_that_goes_or_changes_between_two_requests_says_so(
        self, status, retryable, says, container, behind, line
    ):
        await write(container, BODY, "rows.jsonl")
        line.play(Fault(BLOB_PIECE, status=status))
        failed = await behind.version(place(container, "rows.jsonl"), 1000)
        assert isinstance(failed, Failed)
        assert failed.retryable is retryable
        assert says in failed.reason


@pytest_asyncio.fixture
async def world(addresses: Addresses, container: ContainerClient, files) -> AsyncIterator[World]:
    store = AzureTablesStore(addresses)
    await store.open()
    world = World(store, FakeClock(), files=files)
    collector = f"{{storage: {STORAGE}, container: {container.container_name}}}"
    world.policies.change("endpoint: flight-delay\n", f"endpoint: flight-delay\n        collector: {collector}\n")
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    yield world
    await store.close()


def order(container: ContainerClient) -> ReadCollected:
    where = {"storage": STORAGE, "container": container.container_name, "path": PATH}
    return ReadCollected(**ORDER, id="read", **where, bytes_max=1 << 30)


async def read(world: World, container: ContainerClient, bounds: Bounds = BOUNDS) -> Outcome:
    reader = CollectedReader(world.store, world.clock, world.policies, world.aggregator, world.files, bounds)
    return await reader.read(order(container), world.clock.now() + timedelta(minutes=1))


class Counted:
    """An aggregator that keeps which lines it was given."""

    def __init__(self, aggregator: Aggregator) -> None:
        self._aggregator, self.lines = aggregator, []

    async def take_lines(self, file: str, lines: Sequence[tuple[int, bytes]]) -> int:
        self.lines += [line for _, line in lines]
        return await self._aggregator.take_lines(file, lines)


class TestCountingUnderFaults:
    @pytest.mark.parametrize(
        "fault",
        [{"status": 412}, {"status": 416}, {"status": 404}, {"status": 503}, {"bytes_kept": 900}, {"is_lost": True}],
        ids=str,
    )
    async def test_wherever_reading_breaks_off_each_line_counts_once(self, fault, world, container, behind, line):
        """A fault at each request in turn, until a reading met none: what was counted before it is not counted again."""
        await write(container, BODY)
        counted, bounds = Counted(world.aggregator), dataclasses.replace(BOUNDS, piece_bytes=1500, pieces_max=2)
        reader = CollectedReader(world.store, world.clock, world.policies, counted, behind, bounds)
        outcome, broke, skipped = None, 0, 0
        while not isinstance(outcome, Succeeded):
            line.play(Fault(BLOB, **fault, skipped=skipped % 4))
            outcome, skipped = (
                await reader.read(order(container), world.clock.now() + timedelta(minutes=1)),
                skipped + 1,
            )
            broke += isinstance(outcome, Failed)
            assert not isinstance(outcome, Failed) or outcome.reason
        assert b"".join(each + b"\n" for each in counted.lines) == BODY
        assert broke or not fault.get("status")  # its client asks for the rest again by itself
        assert [each.through for each in (await world.store.bookmarks("collected/")).values()] == [len(BODY) - 1]


class TestCounting:
    async def test_what_a_blob_holds_is_counted_once_and_on_from_there(self, world, container):
        lines = [rows(1, number, value=1.0 + number) + b"\n" for number in range(40)]
        await write(container, b"".join(lines[:30]) + lines[30][:17])
        bounds = dataclasses.replace(BOUNDS, piece_bytes=4000, pieces_max=2)
        assert isinstance(await read(world, container, bounds), Started)
        while isinstance(await read(world, container, bounds), Started):
            pass
        await write(container, b"".join(lines))
        assert (await read(world, container)).data["lines"] == 10.0
        assert (await read(world, container)).data["lines"] == 0.0
        while await world.aggregator.fold():
            pass
        assert [each.through for each in (await world.store.bookmarks("collected/")).values()] == [
            len(b"".join(lines)) - 1
        ]

    async def test_appended_blocks_are_read_as_any_growth(self, world, container):
        blob = container.get_blob_client(PATH)
        await blob.create_append_blob()
        for number in range(3):
            await blob.append_block(rows(1, number) + b"\n")
            assert (await read(world, container)).data["lines"] == 1.0


class TestRowsInBlobs:
    async def read(self, world: World, container: ContainerClient, event: str, bytes_max: int = 1 << 24) -> Outcome:
        command = ReadReferenced(
            **ORDER,
            id="read",
            event=event,
            storage=STORAGE,
            container=container.container_name,
            path=PATH,
            bytes_max=bytes_max,
            workspace=PRODUCTION,
            endpoint="flight-delay",
            deployment="version-2",
            collection="model_inputs",
            correlation_id="c",
            content_range="",
            at=world.clock.now(),
        )
        reader = ReferencedReader(world.clock, world.policies, world.aggregator, world.files)
        return await reader.read(command, world.clock.now() + timedelta(minutes=1))

    async def test_the_rows_of_a_blob_are_counted_once_for_each_event(self, world, container):
        await write(container, b" " * (2 * PIECE_BYTES) + b'[{"distance": 1.5}, {"distance": 2.5}]')
        assert (await self.read(world, container, "one")).data["rows"] == 2.0
        assert (await self.read(world, container, "one")).data["rows"] == 0.0
        assert (await self.read(world, container, "another")).data["rows"] == 2.0

    async def test_a_blob_that_is_not_there_yet_or_too_large_counts_nothing(self, world, container):
        missing = await self.read(world, container, "one")
        assert isinstance(missing, Failed)
        assert missing.retryable
        await write(container, SHORT)
        large = await self.read(world, container, "one", bytes_max=9)
        assert isinstance(large, Failed)
        assert not large.retryable
        assert await world.store.deltas(10) == []

    async def test_events_wait_in_the_store_until_they_are_told(self, world, container):
        path = "modelDataCollector/flight-delay/rows/1.json"
        where = f"https://mlops.blob.core.windows.net/{container.container_name}/{path}"
        event = json.loads(rows(1)) | {"data": None, "dataref": where}
        await write(container, b'[{"distance": 1.5}]', path)
        await world.aggregator.take("hub/0", [(0, json.dumps(event).encode())])
        swept = await world.sweeper.run()
        (sent,) = world.queue.sent
        outcome = await world.executor.run(sent.subject, sent.command_id, "worker")
        assert (swept.ordered, outcome.data["rows"]) == (1, 1.0)
        assert await world.aggregator.elsewhere.untold(2) == []
