"""The local host as a whole: every trigger of one app driven at once, what it announces, and the process around it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from local.azure.event_hubs import EventHubsServer
from local.host.app_host import AppHost, Options
from local.host.bindings import IndexingError
from shared.adapters.sqlite_database import SqliteDatabase
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.system_clock import SystemClock
from shared.ports import StoreUnavailableError
from tests.contracts.host_under_test import PREAMBLE, eventually, hosting, module_of, write_app

ROOT = Path(__file__).parents[2]
EVERY_TRIGGER = """
@app.route("hello/{name}", auth_level=func.AuthLevel.ANONYMOUS)
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"hello {req.route_params['name']}")

@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    seen.append(("event", event.id))

@app.event_hub_message_trigger(arg_name="events", event_hub_name="telemetry", connection="HUBS", cardinality="many")
async def on_telemetry(events: typing.List[func.EventHubEvent]) -> None:
    seen.append(("telemetry", len(events)))

@app.queue_trigger(arg_name="message", queue_name="commands", connection="STORE")
async def execute(message: func.QueueMessage) -> None:
    seen.append(("command", message.get_json()["command_id"]))

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
def sweep(timer: func.TimerRequest) -> None:
    seen.append(("sweep", timer.past_due))
"""
QUEUES = """
@app.queue_trigger(arg_name="message", queue_name="{name}", connection="STORE")
def on_{name}(message: func.QueueMessage) -> None:
    seen.append(("{name}", message.get_json()["command_id"]))
"""
HELLO = """
@app.route("hello", auth_level=func.AuthLevel.ANONYMOUS)
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
EVENT = {"id": "e-1", "eventType": "Some.Event", "subject": "s", "topic": "t", "data": {}, "dataVersion": "1"}


async def send(store: Path, command_id: str) -> None:
    database = SqliteDatabase(str(store))
    await database.open()
    await SqliteQueue(database, SystemClock()).send("workload/m", command_id)
    await database.close()


async def test_every_trigger_of_an_app_is_driven(tmp_path: Path) -> None:
    app = write_app(tmp_path, EVERY_TRIGGER)
    server = EventHubsServer(hubs={"telemetry": 2}, key="k")
    await server.start()
    store = tmp_path / "store.db"
    settings = {"HUBS": server.connection_string, "OUTERLOOP_STORE": str(store)}
    state = tmp_path / "state"
    try:
        async with hosting(Options(app, state, settings)) as (host, client):
            announced = json.loads((state / "app_host.json").read_text())
            assert announced["url"] == host.url
            assert (await client.get("/api/hello/ada")).text == "hello ada"
            webhook = announced["event_grid_url"].format(function="on_event")
            reply = await client.post(webhook, json=[EVENT], headers={"aeg-event-type": "Notification"})
            assert reply.status_code == 202
            server.publish("telemetry", b"x")
            await send(store, "c-1")
            await eventually(lambda: len(module_of(app).seen) == 4)
    finally:
        await server.stop()
    expected = [("command", "c-1"), ("event", "e-1"), ("sweep", False), ("telemetry", 1)]
    assert sorted(module_of(app).seen) == expected


async def test_the_key_stays_the_same_when_the_host_starts_again(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        async with hosting(Options(write_app(tmp_path, HELLO), tmp_path / "state", {})) as (host, _):
            keys.append(host.key)
    assert keys[0] == keys[1]
    assert len(keys[0]) >= 32


async def test_of_several_queue_triggers_the_setting_names_the_one_that_is_driven(tmp_path: Path) -> None:
    app = write_app(tmp_path, QUEUES.format(name="events") + QUEUES.format(name="commands"))
    store = tmp_path / "store.db"
    await send(store, "c-1")
    settings = {"OUTERLOOP_STORE": str(store), "LOCAL_COMMAND_QUEUE": "commands"}
    async with hosting(Options(app, tmp_path / "state", settings)):
        await eventually(lambda: module_of(app).seen)
    assert module_of(app).seen == [("commands", "c-1")]


@pytest.mark.parametrize(
    ("source", "settings", "reason"),
    [
        (QUEUES.format(name="a"), {}, "OUTERLOOP_STORE"),
        (QUEUES.format(name="a") + QUEUES.format(name="b"), {}, "LOCAL_COMMAND_QUEUE"),
        (EVERY_TRIGGER, {}, "HUBS"),
    ],
)
async def test_an_app_whose_settings_are_missing_does_not_start(
    tmp_path: Path, source: str, settings: dict[str, str], reason: str
) -> None:
    with pytest.raises(IndexingError, match=reason):
        async with hosting(Options(write_app(tmp_path, source), tmp_path / "state", settings)):
            pass
    assert not (tmp_path / "state" / "app_host.json").exists()


async def test_a_store_that_cannot_be_opened_and_a_port_that_is_taken_are_refused(tmp_path: Path) -> None:
    settings = {"OUTERLOOP_STORE": str(tmp_path / "missing" / "store.db")}
    with pytest.raises(StoreUnavailableError):
        async with hosting(Options(write_app(tmp_path, QUEUES.format(name="a")), tmp_path / "state", settings)):
            pass
    async with hosting(Options(write_app(tmp_path, HELLO), tmp_path / "state", {})) as (host, _):
        port = int(host.url.rsplit(":", 1)[1])
        other = AppHost(Options(write_app(tmp_path, HELLO), tmp_path / "other", {}, port=port))
        with pytest.raises(OSError, match="in use"):
            await other.start()
        await other.stop()


def process(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "local.host", "--state", str(folder / "state"), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # noqa: TID251 - a process inherits one
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_the_process_says_where_it_listens_and_stops_cleanly_when_terminated(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(PREAMBLE + HELLO)
    host = process(tmp_path)
    try:
        assert host.stdout is not None
        line = host.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        url = line.split()[-1]
        assert json.loads((tmp_path / "state" / "app_host.json").read_text())["url"] == url
        assert httpx.get(f"{url}/api/hello", trust_env=False).text == "hello"
        host.send_signal(signal.SIGTERM)
        _, errors = host.communicate(timeout=10)
    finally:
        host.kill()
    assert host.returncode == 0
    assert "Traceback" not in errors


def test_the_process_ends_with_one_line_when_the_app_cannot_be_hosted(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("broken = 1 / 0")
    host = process(tmp_path, "--app", "other:app")
    _, errors = host.communicate(timeout=20)
    assert host.returncode == 1
    assert errors.strip() == "cannot host other:app: importing other failed: ZeroDivisionError('division by zero')"


def test_nothing_of_a_host_is_left_in_the_event_loop_after_its_stop(tmp_path: Path) -> None:
    async def start_and_stop() -> int:
        async with hosting(Options(write_app(tmp_path, HELLO), tmp_path / "state", {})) as (_, client):
            await client.get("/api/hello")
        return len(asyncio.all_tasks())

    assert asyncio.run(start_and_stop()) == 1
