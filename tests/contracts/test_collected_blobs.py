"""Files of a collector are read from real blob storage (Azurite), in pieces, and on from where they ended."""

import dataclasses
import json
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from shared.adapters.azure_blob_collected import AzureCollectedFiles
from shared.adapters.azure_storage_account import Addresses
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.domain.commands import ReadCollected, ReadReferenced
from shared.domain.outcomes import Failed, Outcome, Started
from shared.ports_collected import FilePlace, FileVersion
from shared.services.collected import BOUNDS, Bounds, CollectedReader
from shared.services.referenced import PIECE_BYTES, ReferencedReader
from tests.unit.services.fakes import FakeClock, World
from tests.unit.services.signals import ORDER, PRODUCTION
from tests.unit.services.telemetry_messages import TAGS, rows

PATH = "modelDataCollector/flight-delay/version-2/model_inputs/2026/03/01/11/a b+c%20ü#?.jsonl"
STORAGE = "/subscriptions/1/resourceGroups/mlops/providers/Microsoft.Storage/storageAccounts/mlops"
SHORT = b"0123456789"


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


async def read(world: World, container: ContainerClient, bounds: Bounds = BOUNDS) -> Outcome:
    command = ReadCollected(
        **ORDER, id="read", storage=STORAGE, container=container.container_name, path=PATH, bytes_max=1 << 30
    )
    reader = CollectedReader(world.store, world.clock, world.policies, world.aggregator, world.files, bounds)
    return await reader.read(command, world.clock.now() + timedelta(minutes=1))


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
