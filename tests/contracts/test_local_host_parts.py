"""The small parts that all triggers of the local host stand on: calls, retries, supervision, durations, files."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.host.app_host import Options
from local.host.bindings import Function
from local.host.durations import seconds_of
from local.host.host_json import HostJson, HostJsonError, read_host_json
from local.host.invocation import Invoker, ReturnError
from local.host.retries import RetryPolicy, retry_policy
from local.host.state_file import StateFile
from local.host.supervision import supervise
from tests.contracts.host_under_test import eventually, hosting, index_of, module_of, write_app

QUEUE = '@app.queue_trigger(arg_name="message", queue_name="commands", connection="STORE")'
RETRIED = """
@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
@app.retry(strategy="fixed_delay", max_retry_count="-1", delay_interval="01:00:00")
async def tick(timer: func.TimerRequest, context: func.Context) -> None:
    seen.append(context)
    raise RuntimeError("on purpose")
"""


def the_function(folder: Path, source: str) -> Function:
    (function,) = index_of(folder, source).functions
    return function


def test_time_spans_are_read_in_full() -> None:
    assert seconds_of("2.01:00:01.5000000") == 2 * 86400 + 3600 + 1.5


def test_host_json_is_obeyed_and_its_defaults_are_azures(tmp_path: Path) -> None:
    assert read_host_json(tmp_path) == HostJson()
    extensions = {
        "http": {"routePrefix": "v1/"},
        "eventHubs": {"maxEventBatchSize": 7},
        "queues": {"batchSize": 32, "visibilityTimeout": "00:00:05", "maxDequeueCount": 2},
    }
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", "extensions": extensions}))
    assert read_host_json(tmp_path) == HostJson("v1", 7, 8, 5.0, 2)


@pytest.mark.parametrize(
    "queues", ['{"batchSize": 0}', '{"batchSize": "8"}', '{"visibilityTimeout": "soon"}', '{"visibilityTimeout": 5}']
)
def test_a_host_json_that_cannot_be_obeyed_is_refused(tmp_path: Path, queues: str) -> None:
    (tmp_path / "host.json").write_text('{"extensions": {"queues": ' + queues + "}}")
    with pytest.raises(HostJsonError, match=r"host\.json"):
        read_host_json(tmp_path)


@pytest.mark.parametrize(
    "policy",
    [
        {"strategy": "sometimes", "max_retry_count": "1"},
        {"strategy": "fixed_delay", "max_retry_count": "1", "delay_interval": None},
    ],
)
def test_a_retry_policy_that_is_none_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        retry_policy(policy)


async def test_a_function_without_a_return_binding_must_return_nothing(tmp_path: Path) -> None:
    source = QUEUE + "\ndef execute(message: func.QueueMessage): return 7"
    (function,) = index_of(tmp_path, source).functions
    with ThreadPoolExecutor(1) as threads:
        invoker = Invoker(threads)
        with pytest.raises(ReturnError, match="execute"):
            await invoker.invoke(function, None)
        assert not await invoker.succeeds(function, None)


async def test_work_that_does_not_end_in_time_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with ThreadPoolExecutor(1) as threads:
        invoker = Invoker(threads)
        task = invoker.begin(asyncio.Event().wait())
        await invoker.drain(0.01)
    assert task.cancelled()
    assert "gave up" in caplog.text


async def test_a_listener_that_crashes_is_logged_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    starts: list[int] = []

    async def listen() -> None:
        starts.append(len(starts))
        if len(starts) < 2:
            raise OSError("on purpose")
        await asyncio.Event().wait()

    task = asyncio.get_running_loop().create_task(supervise("the listener", listen))
    await eventually(lambda: len(starts) == 2)
    task.cancel()
    await asyncio.wait({task})
    assert "the listener crashed" in caplog.text


def test_a_state_file_is_replaced_whole_and_is_private(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "deep" / "state.json")
    assert file.read() == {}
    file.write({"a": 1})
    file.write({"b": 2})
    assert file.read() == {"b": 2}
    assert file.path.stat().st_mode & 0o077 == 0
    assert [path.name for path in file.path.parent.iterdir()] == ["state.json"]
    file.path.write_text("[]")
    with pytest.raises(ValueError, match="JSON object"):
        file.read()


def test_delays_double_up_to_their_limit_and_never_overflow() -> None:
    policy = RetryPolicy(-1, 1.0, 60.0)
    assert [policy.delay_seconds(retries) for retries in (0, 1, 5, 6, 1_000_000)] == [1, 2, 32, 60, 60]
    assert RetryPolicy(2, 5.0, 5.0).delay_seconds(1) == 5
    assert RetryPolicy(2, 5.0, 5.0).delay_seconds(2) is None


@pytest.mark.parametrize("time_span", ["", "10", "00:10", "soon", "-00:00:01", "00:00:1"])
def test_a_text_that_is_no_time_span_is_refused(time_span: str) -> None:
    with pytest.raises(ValueError, match="TimeSpan"):
        seconds_of(time_span)


async def test_waiting_for_a_retry_is_given_up_unsettled_when_the_host_stops(tmp_path: Path) -> None:
    function = the_function(tmp_path, RETRIED)
    settled: list[bool] = []
    with ThreadPoolExecutor(1) as threads:
        invoker = Invoker(threads)
        delivery = asyncio.get_running_loop().create_task(invoker.deliver(function, None, settled.append))
        await eventually(lambda: module_of(function.call.__module__).seen)
        delivery.cancel()
        await asyncio.wait({delivery})
        await invoker.drain(5)
    assert settled == []


async def test_each_try_has_a_context_of_its_own(tmp_path: Path) -> None:
    function = the_function(tmp_path, RETRIED)
    with ThreadPoolExecutor(1) as threads:
        invoker = Invoker(threads)
        for retries in range(2):
            assert not await invoker.succeeds(function, None, retries)
    first, second = module_of(function.call.__module__).seen
    assert first.function_name == "tick"
    assert first.invocation_id != second.invocation_id
    assert [each.retry_context.retry_count for each in (first, second)] == [0, 1]
    assert second.retry_context.max_retry_count == -1
    assert first.trace_context.Traceparent == ""
    assert isinstance(first.thread_local_storage, threading.local)


async def test_a_sync_function_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    source = """
    import threading
    released = threading.Event()

    @app.queue_trigger(arg_name="message", queue_name="commands", connection="STORE")
    def execute(message: func.QueueMessage) -> None:
        assert released.wait(5)
        seen.append(threading.current_thread().name)
    """
    function = the_function(tmp_path, source)
    module = module_of(function.call.__module__)
    with ThreadPoolExecutor(1, thread_name_prefix="function") as threads:
        invoker = Invoker(threads)
        call = invoker.begin(invoker.invoke(function, None))
        await asyncio.sleep(0)
        module.released.set()
        await call
    assert module.seen[0].startswith("function")


async def test_a_request_under_way_at_the_stop_gets_its_answer(tmp_path: Path) -> None:
    source = """
    @app.route("slow", auth_level=func.AuthLevel.ANONYMOUS)
    async def slow(req: func.HttpRequest) -> str:
        seen.append("begun")
        await asyncio.sleep(0.3)
        return "ended"
    """
    app = write_app(tmp_path, source)
    async with hosting(Options(app, tmp_path / "state", {})) as (host, client):
        request = asyncio.get_running_loop().create_task(client.get("/api/slow"))
        await eventually(lambda: module_of(app).seen)
        await host.stop()
        assert (await request).text == "ended"


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.write({"a": 1})
    with pytest.raises(TypeError):
        file.write({"a": object()})
    assert file.read() == {"a": 1}
