"""Azurite is started, stopped and started again on what it kept; the store and the whole app work on it."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local import azurite as emulator
from shared import runtime
from shared.adapters.azure_queue import AzureQueue
from shared.adapters.azure_storage_account import CLIENT_OPTIONS, Addresses, Wire
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.domain.facts import Facts
from shared.ports import ConflictError, StoreUnavailableError
from shared.settings import read_settings
from tests.contracts.host_under_test import eventually, hosting, module_of, write_app
from tests.contracts.store_samples import SUBJECT, at, evaluation, finished_row, order, signal_row
from tests.unit.services.fakes import EXAMPLE

REPOSITORY = Path(__file__).parents[2]
WRITES_EACH = 15
COMMANDS = """
@app.queue_trigger(arg_name="message", queue_name="outerloop-commands", connection="AzureWebJobsStorage")
async def execute(message: func.QueueMessage) -> None:
    order = message.get_json()
    seen.append((order["subject"], order["command_id"], message.dequeue_count))
    if order["command_id"].startswith("bad"):
        raise RuntimeError("poison")
"""
WRITER = """
import asyncio, sys
from shared.adapters.azure_storage_account import Addresses
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.domain.values import replace
from shared.ports import ConflictError
from tests.contracts.store_samples import SUBJECT, evaluation, notify, signal_row

async def write(address, name, writer, writes):
    store = AzureTablesStore(Addresses(address, name=name))
    await store.open()
    written = 0
    while written < int(writes):
        await store.insert_signal(signal_row(f"shared-{written}"))
        known = await store.facts(SUBJECT)
        facts = replace(known.value, fruitless=known.value.fruitless + 1)
        try:
            await store.commit(evaluation(f"{writer}-{written}", notify(f"{writer}-{written}"), facts=facts), known.etag)
        except ConflictError:
            continue
        written += 1
    await store.close()

asyncio.run(write(*sys.argv[1:]))
"""


async def opened(addresses: Addresses) -> AzureTablesStore:
    store = AzureTablesStore(addresses)
    await store.open()
    return store


async def writer(addresses: Addresses, name: str, writes: int) -> asyncio.subprocess.Process:
    """A process that writes decisions about one subject as fast as it can."""
    arguments = (addresses.store, addresses.name, name, str(writes))
    return await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, *arguments, cwd=REPOSITORY)


class TestProcesses:
    async def test_two_processes_write_at_the_same_time_and_lose_nothing(self, addresses):
        store = await opened(addresses)
        writers = [await writer(addresses, name, WRITES_EACH) for name in ("one", "two")]
        async with asyncio.timeout(60):
            assert [await process.wait() for process in writers] == [0, 0]
        assert (await store.facts(SUBJECT)).value == Facts(fruitless=2 * WRITES_EACH)
        assert len(await store.decisions(SUBJECT, 1000)) == len(await store.decisions(None, 1000)) == 2 * WRITES_EACH
        assert len(await store.sendable(at(0), 1000)) == 2 * WRITES_EACH
        assert len(await store.undecided(at(1), 1000)) == WRITES_EACH
        await store.close()

    async def test_a_process_killed_while_writing_leaves_whole_transactions(self, addresses):
        store = await opened(addresses)
        process = await writer(addresses, "killed", 1_000_000)
        try:
            async with asyncio.timeout(60):
                while len(await store.decisions(SUBJECT, 5)) < 3:  # noqa: ASYNC110 - another process sets no event of ours
                    await asyncio.sleep(0.01)
        finally:
            process.kill()
            await process.wait()
        decisions = len(await store.decisions(SUBJECT, 1000))
        assert (await store.facts(SUBJECT)).value == Facts(fruitless=decisions)
        assert len(await store.decisions(None, 1000)) == len(await store.sendable(at(0), 1000)) == decisions
        assert len(await store.undecided(at(1), 1000)) in (decisions, decisions + 1)
        await store.close()


class TestRestart:
    @pytest.fixture
    def kept(self, azurite, tmp_path):
        """An Azurite of this test's own, which keeps its data on disk."""
        running = emulator.Azurite(azurite.script, tmp_path / "azurite.log", tmp_path / "data")
        running.start()
        yield running
        running.stop()

    async def test_while_it_is_away_the_store_is_unavailable_and_then_has_everything(self, kept):
        store = AzureTablesStore(Addresses(kept.connection_string), Wire(CLIENT_OPTIONS, (0.001,)))
        await store.open()
        await order(store, "c")
        await store.save_document("large", b"x" * 100_000, "")
        await store.insert_signal(signal_row("a"))
        tags = [(await store.facts(SUBJECT)).etag, (await store.document("large")).etag]
        await asyncio.to_thread(kept.stop)
        with pytest.raises(StoreUnavailableError):
            await store.signal("a")
        with pytest.raises(StoreUnavailableError):
            await AzureQueue(store.account).send(SUBJECT, "c")
        await asyncio.to_thread(kept.start)
        assert await store.signal("a") == signal_row("a")
        assert (await store.document("large")).value == b"x" * 100_000
        assert [(await store.facts(SUBJECT)).etag, (await store.document("large")).etag] == tags
        await store.commit(evaluation("d-2"), tags[0])
        await store.close()

    async def test_a_claim_outlives_the_restart_and_its_rival_stays_out(self, kept):
        store = AzureTablesStore(Addresses(kept.connection_string))
        await store.open()
        await order(store, "c")
        await store.claim(SUBJECT, "c", "me", at(0), at(5))
        await asyncio.to_thread(kept.stop)
        await asyncio.to_thread(kept.start)
        assert await store.claim(SUBJECT, "c", "rival", at(4), at(9)) is None
        with pytest.raises(ConflictError):
            await store.finish(SUBJECT, "c", "rival", None, finished_row("c"))
        await store.close()


class TestEmulator:
    def test_each_process_has_a_key_of_its_own(self, azurite, tmp_path):
        other = emulator.Azurite(azurite.script, tmp_path / "log")
        assert other.connection_string != azurite.connection_string

    def test_a_script_that_ends_at_once_is_an_error_that_names_the_log(self, tmp_path):
        script = tmp_path / "broken.js"
        script.write_text("process.exit(3)")
        with pytest.raises(emulator.AzuriteError, match=r"azurite\.log"):
            emulator.Azurite(script, tmp_path / "azurite.log").start()

    def test_where_it_is_not_installed_it_is_not_found(self, tmp_path, monkeypatch):
        monkeypatch.delenv(emulator.PATH_SETTING, raising=False)
        assert emulator.find(tmp_path) is None

    def test_it_runs_from_the_command_line_until_it_is_asked_to_end(self, azurite, tmp_path, monkeypatch):
        monkeypatch.setenv(emulator.PATH_SETTING, str(azurite.script.parents[4]))
        command = [sys.executable, "-m", "local.azurite", "run", str(tmp_path / "data")]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
            printed = process.stdout.readline().decode()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        assert "TableEndpoint=http://127.0.0.1:" in printed
        assert (tmp_path / "data").is_dir()


class TestApp:
    async def test_the_settings_of_an_account_become_an_application(self, azurite):
        values = {
            "OUTERLOOP_POLICY": str(EXAMPLE / "policy.yaml"),
            "OUTERLOOP_STORE": azurite.connection_string,
            "OUTERLOOP_SIGNING_KEY": "a long random text",
            "WEBSITE_INSTANCE_ID": "in-azure",
        }
        app = await runtime.build(read_settings(values))
        assert isinstance(app.store, AzureTablesStore)
        assert isinstance(app.queue, AzureQueue)
        assert await app.store.subjects() == []
        assert await app.sweeper.run() is not None
        await app.store.close()

    async def test_the_host_delivers_what_the_app_sends_and_sets_poison_aside(self, azurite, tmp_path):
        app = write_app(tmp_path, COMMANDS)
        extensions = {"queues": {"maxDequeueCount": 2, "visibilityTimeout": "00:00:01", "messageEncoding": "none"}}
        (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", "extensions": extensions}))
        store = await opened(Addresses(azurite.connection_string))
        queue = AzureQueue(store.account)
        await queue.send(SUBJECT, "good")
        await queue.send(SUBJECT, "bad")
        options = host_options(app, tmp_path, azurite.connection_string)
        async with hosting(options):
            await eventually(lambda: len(module_of(app).seen) == 3)
            aside = await eventually_set_aside(queue)
        assert sorted(module_of(app).seen) == [(SUBJECT, "bad", 1), (SUBJECT, "bad", 2), (SUBJECT, "good", 1)]
        assert [json.loads(message.body)["command_id"] for message in aside] == ["bad"]
        await store.close()

    async def test_a_host_whose_account_does_not_answer_does_not_start(self, tmp_path):
        nowhere = "AccountName=a;AccountKey=a2V5;QueueEndpoint=http://127.0.0.1:9/a;TableEndpoint=http://127.0.0.1:9/a;"
        nowhere += "BlobEndpoint=http://127.0.0.1:9/a"
        with pytest.raises(StoreUnavailableError):
            async with hosting(host_options(write_app(tmp_path, COMMANDS), tmp_path, nowhere)):
                pass

    def test_starting_with_a_file_loads_no_sdk_of_azure_storage(self, tmp_path, monkeypatch):
        script = """
import asyncio, sys
from shared import runtime
from shared.settings import read_settings
asyncio.run(runtime.build(read_settings()))
print([name for name in sys.modules if name.startswith(("azure.data", "azure.storage", "aiohttp"))])
"""
        values = {
            "OUTERLOOP_POLICY": str(EXAMPLE / "policy.yaml"),
            "OUTERLOOP_STORE": str(tmp_path / "store.db"),
            "OUTERLOOP_SIGNING_KEY": "a long random text",
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=60, check=True)
        assert done.stdout.decode().strip() == "[]"


def host_options(app, folder, address):
    from local.host.app_host import Options  # noqa: PLC0415  # beside its only use

    return Options(app, folder / "state", {"OUTERLOOP_STORE": address})


async def eventually_set_aside(queue):
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while not (found := await queue.poisoned(10)):  # noqa: ASYNC110 - Azurite sets no event of ours
                await asyncio.sleep(0.05)
            return found
    return []
