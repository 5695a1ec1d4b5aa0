"""One place wires the application; importing it does nothing; a process has one, however many ask at once."""

import asyncio
import json
import subprocess
import sys

import pytest

from shared import runtime
from shared.adapters.policy_folder import PolicyFolder
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.ports import StoreUnavailableError
from shared.settings import SettingsError, read_settings
from shared.signing import Question
from tests.unit.services.fakes import EXAMPLE

ROOT = EXAMPLE.parents[1]


@pytest.fixture
def values(tmp_path):
    return {
        "OUTERLOOP_POLICY": str(EXAMPLE / "policy.yaml"),
        "OUTERLOOP_STORE": str(tmp_path / "outerloop.db"),
        "OUTERLOOP_SIGNING_KEY": "a long random text",
    }


@pytest.fixture
def process(monkeypatch, values):
    """A process that has no application yet, with the settings of an installation."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runtime, "_process", runtime._Process())
    return monkeypatch


def python(script):
    """The last line that a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()[-1]


async def test_settings_become_an_application(values):
    app = await runtime.build(read_settings(values))
    assert isinstance(app.store, SqliteStore)
    assert isinstance(app.queue, SqliteQueue)
    assert isinstance(app.policies, PolicyFolder)
    assert (await app.policies.current()).policy.workload("flight-delay").owner == "ml_engineers"
    assert await app.store.subjects() == []
    assert await app.sweeper.run() is not None
    await app.store.close()


async def test_two_applications_are_two_instances_on_one_store(values):
    first, second = [await runtime.build(read_settings(values)) for _ in range(2)]
    assert first.instance != second.instance
    await first.store.save_document("a", b"1", "")
    assert (await second.store.document("a")).value == b"1"
    token = first.links.token(Question("w", "a"))
    assert second.links.question(token) == Question("w", "a")
    for app in (first, second):
        await app.store.close()


async def test_the_queue_lies_in_the_file_of_the_store(values):
    app = await runtime.build(read_settings(values))
    await app.queue.send("subject", "command")
    await app.store.close()
    again = await runtime.build(read_settings(values))
    assert len(await again.queue.receive(10, 30.0)) == 1
    await again.store.close()


async def test_without_a_signing_key_nothing_starts(values, tmp_path):
    del values["OUTERLOOP_SIGNING_KEY"]
    with pytest.raises(SettingsError, match="OUTERLOOP_SIGNING_KEY"):
        await runtime.build(read_settings(values))
    assert list(tmp_path.iterdir()) == []


async def test_a_store_that_cannot_be_opened_says_so(values, tmp_path):
    values["OUTERLOOP_STORE"] = str(tmp_path / "no-such-folder" / "outerloop.db")
    with pytest.raises(StoreUnavailableError, match="no-such-folder"):
        await runtime.build(read_settings(values))


async def test_handlers_that_ask_at_the_same_time_get_the_same_application(process):
    apps = await asyncio.gather(*(runtime.application() for _ in range(8)))
    assert len({id(app) for app in apps}) == 1
    assert await runtime.application() is apps[0]
    await apps[0].store.close()


async def test_a_build_that_failed_is_tried_again_by_the_next(process, values):
    process.delenv("OUTERLOOP_POLICY")
    results = await asyncio.gather(*(runtime.application() for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [SettingsError] * 3
    process.setenv("OUTERLOOP_POLICY", values["OUTERLOOP_POLICY"])
    app = await runtime.application()
    assert app.settings.policy == EXAMPLE / "policy.yaml"
    await app.store.close()


async def test_who_gives_up_waiting_does_not_stop_the_build_for_the_others(process):
    impatient = asyncio.create_task(runtime.application())
    patient = asyncio.create_task(runtime.application())
    await asyncio.sleep(0)
    impatient.cancel()
    app = await patient
    assert impatient.cancelled()
    assert await runtime.application() is app
    await app.store.close()


async def test_a_build_that_was_cancelled_is_tried_again(process):
    first = asyncio.create_task(runtime.application())
    await asyncio.sleep(0)
    runtime._process.building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    app = await runtime.application()
    assert await app.store.subjects() == []
    await app.store.close()


def test_importing_the_app_needs_no_settings_and_opens_nothing():
    script = """
import os, sys
for name in [name for name in os.environ if name.startswith("OUTERLOOP_")]:
    del os.environ[name]
import function_app
from shared import runtime
assert runtime._process.building is None
assert "azure.identity" not in sys.modules
print("nothing happened")
"""
    assert python(script) == "nothing happened"


def test_the_app_has_these_functions():
    script = """
import json, function_app
found = {f.get_function_name(): f.get_trigger().get_binding_name() for f in function_app.app.get_functions()}
print(json.dumps(found))
"""
    assert json.loads(python(script)) == {
        "on_event_grid": "eventGridTrigger",
        "receive_alerts": "httpTrigger",
        "receive_events": "httpTrigger",
        "receive_registry_webhook": "httpTrigger",
        "on_telemetry": "eventHubTrigger",
        "execute_command": "queueTrigger",
        "sweep": "timerTrigger",
        "show_approval": "httpTrigger",
        "answer_approval": "httpTrigger",
        "dashboard": "httpTrigger",
        "status": "httpTrigger",
        "workload": "httpTrigger",
        "drift_plot": "httpTrigger",
    }


def test_the_hub_of_platform_events_is_one_more_function_where_it_is_set(monkeypatch):
    monkeypatch.setenv("OUTERLOOP_PLATFORM_HUB", "platform")
    monkeypatch.setenv("OUTERLOOP_PLATFORM_CONNECTION", "Endpoint=sb://x/")
    script = "import function_app; print('on_platform_events' in [f.get_function_name() for f in function_app.app.get_functions()])"
    assert python(script) == "True"
