"""The queue on Azure storage takes the contract of command queues against Azurite."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.adapters.azure_queue import DELAY_SECONDS_MAX, AzureQueue
from shared.adapters.azure_storage_account import CLIENT_OPTIONS, POISON, Addresses, AzureStorageAccount, Wire
from shared.adapters.azure_storage_failures import PAUSES_SECONDS
from shared.ports import CommandQueue, StoreUnavailableError
from tests.contracts.faulty_transport import ANSWER_LOST, NOT_SENT, FaultyTransport
from tests.contracts.queue_contract import QueueContract, command_ids
from tests.contracts.store_samples import SUBJECT

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wire() -> FaultyTransport:
    return FaultyTransport()


@pytest_asyncio.fixture
async def account(addresses: Addresses, wire: FaultyTransport) -> AsyncIterator[AzureStorageAccount]:
    pauses = (0.001,) * len(PAUSES_SECONDS)
    account = AzureStorageAccount(addresses, Wire({**CLIENT_OPTIONS, "transport": wire}, pauses))
    await account.open()
    yield account
    await account.close()


@pytest.fixture
def queue(account: AzureStorageAccount) -> AzureQueue:
    return AzureQueue(account)


class TestAzureQueue(QueueContract):
    @pytest.fixture
    def wait(self):
        return asyncio.sleep


async def test_it_is_a_command_queue_whose_messages_are_plain_text_as_host_json_says(queue, account):
    sender: CommandQueue = queue
    await sender.send(SUBJECT, "c")
    (message,) = await account.queue().peek_messages()
    assert message.content.startswith("{")
    assert json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]["messageEncoding"] == "none"


async def test_a_request_that_did_not_arrive_is_made_again(queue, wire):
    wire.faults += [NOT_SENT, 503]
    await queue.send(SUBJECT, "c")
    assert command_ids(await queue.receive(10, 1)) == ["c"]


async def test_a_lost_answer_may_queue_a_command_twice_and_never_loses_it(queue, wire):
    wire.faults += [ANSWER_LOST]
    await queue.send(SUBJECT, "c")
    assert command_ids(await queue.receive(10, 1)) == ["c", "c"]


async def test_a_queue_that_stays_away_is_unavailable(queue, wire):
    wire.faults += [NOT_SENT] * (len(PAUSES_SECONDS) + 1)
    with pytest.raises(StoreUnavailableError):
        await queue.send(SUBJECT, "c")


async def test_a_delay_beyond_the_life_of_a_message_is_cut_short(queue):
    await queue.send(SUBJECT, "c", delay_seconds=10 * DELAY_SECONDS_MAX)
    assert await queue.receive(1, 1) == []


async def test_more_messages_than_one_request_gives_are_asked_for_at_most(queue):
    for n in range(33):
        await queue.send(SUBJECT, f"c-{n}")
    assert len(await queue.receive(100, 30)) == 32


async def test_a_queue_on_a_closed_account_is_unavailable(queue, account):
    await account.close()
    with pytest.raises(StoreUnavailableError):
        await queue.send(SUBJECT, "c")


async def test_text_that_is_no_json_is_set_aside_as_it_is(queue, account):
    await account.queue().send_message("<no json>")
    (message,) = await queue.receive(1, 1)
    await queue.move_to_poison(message.id, message.pop_receipt)
    assert [message.body for message in await queue.poisoned(10)] == ["<no json>"]


async def test_what_is_looked_at_is_hidden_from_other_looks(queue, account):
    await account.queue(POISON).send_message("x")
    assert len(await queue.poisoned(100)) == 1
    assert await AzureQueue(account).poisoned(10) == []
