"""A batch of telemetry is written with its cursor before the handler returns."""

from types import SimpleNamespace

import pytest
from azure.functions.meta import Datum

from handlers.event_hubs import on_telemetry
from local.host.conversion import decode, document
from shared.ports import StoreUnavailableError
from tests.unit.services.telemetry_messages import request, traffic


def batch(*numbers, partition="0", bodies=None):
    """A batch as Microsoft's worker hands it over."""
    texts = bodies or [traffic(request()).decode() for _ in numbers]
    metadata = {
        "PartitionContext": document(
            {"EventHubName": "telemetry", "ConsumerGroup": "$Default", "PartitionId": partition}
        ),
        "SystemPropertiesArray": document([{"SequenceNumber": number} for number in numbers]),
        "SequenceNumberArray": document(list(numbers)),
    }
    return decode("eventHubTrigger", Datum(SimpleNamespace(string=texts), "collection_string"), metadata)


async def taken(app):
    """How far each partition was taken."""
    names = [f"telemetry/{partition}" for partition in range(2)]
    return [(await app.store.cursor(name)).value for name in names]


async def test_a_batch_moves_the_cursor_of_its_partition(app):
    await on_telemetry(batch(0, 1, 2))
    await on_telemetry(batch(7, partition="1"))
    assert await taken(app) == [2, 7]
    assert len(await app.store.deltas(10)) == 2


async def test_a_batch_that_comes_again_counts_once(app):
    for _ in range(2):
        await on_telemetry(batch(0, 1, 2))
    assert len(await app.store.deltas(10)) == 1


async def test_a_message_that_cannot_be_read_is_kept_and_its_neighbours_count(app):
    await on_telemetry(batch(0, 1, bodies=["{broken", traffic().decode()]))
    assert await taken(app) == [1, -1]
    (row,) = await app.store.rejected(10)
    assert row.body == b"{broken"


async def test_with_the_store_down_it_raises_so_that_the_checkpoint_stays(app):
    await app.store.close()
    with pytest.raises(StoreUnavailableError):
        await on_telemetry(batch(0))
    await app.store.open()
    await on_telemetry(batch(0))
    assert await taken(app) == [0, -1]


async def test_events_without_a_partition_context_are_taken_all_the_same(app):
    texts = SimpleNamespace(string=[traffic().decode()])
    metadata = {"SystemPropertiesArray": document([{"SequenceNumber": 3}]), "SequenceNumberArray": document([3])}
    await on_telemetry(decode("eventHubTrigger", Datum(texts, "collection_string"), metadata))
    assert await taken(app) == [3, -1]
