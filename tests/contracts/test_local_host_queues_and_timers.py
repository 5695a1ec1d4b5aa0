"""Queue and timer triggers of the local host: settlement, limits, poison; schedules, missed runs, no overlap."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local.host.bindings import Function, IndexingError
from local.host.host_json import HostJson
from local.host.invocation import Invoker
from local.host.queues import Message, QueueListener
from local.host.schedules import schedule_of
from local.host.state_file import StateFile
from local.host.timers import TimerListener
from shared.adapters.sqlite_database import SqliteDatabase
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.system_clock import SystemClock
from shared.ports import StoreUnavailableError
from tests.contracts.host_under_test import eventually, index_of, module_of

QUEUE = '@app.queue_trigger(arg_name="message", queue_name="commands", connection="STORE")'
COMMAND = (
    QUEUE
    + """
async def execute(message: func.QueueMessage) -> None:
    command = message.get_json()["command_id"]
    seen.append((command, message.dequeue_count))
    if command.startswith("bad"):
        raise RuntimeError("on purpose")
"""
)
AT_ONCE = (
    "running = 0\n"
    + QUEUE
    + """
async def execute(message: func.QueueMessage) -> None:
    global running
    running += 1
    await asyncio.sleep(0.05)
    seen.append(running)
    running -= 1
"""
)
SLOW = (
    QUEUE
    + """
def execute(message: func.QueueMessage) -> None:
    import time
    seen.append("begun")
    time.sleep(0.3)
    seen.append("ended")
"""
)
TICK = """
@app.timer_trigger(arg_name="timer", schedule="{schedule}", run_on_startup={at_start})
async def tick(timer: func.TimerRequest) -> None:
    seen.append(timer)
    await asyncio.sleep({seconds})
"""
NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


def noted(function: Function) -> list[Any]:
    seen: list[Any] = module_of(function.call.__module__).seen
    return seen


@asynccontextmanager
async def listening(make: Callable[[Invoker], QueueListener | TimerListener]) -> AsyncIterator[None]:
    """A listener at work; what it has begun is finished on leaving."""
    with ThreadPoolExecutor(2) as threads:
        invoker = Invoker(threads)
        task = asyncio.get_running_loop().create_task(make(invoker).listen())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            await invoker.drain(5)


@asynccontextmanager
async def queue_at(folder: Path) -> AsyncIterator[SqliteQueue]:
    database = SqliteDatabase(str(folder / "store.db"))
    await database.open()
    try:
        yield SqliteQueue(database, SystemClock())
    finally:
        await database.close()


async def test_a_message_that_is_taken_is_deleted(tmp_path: Path) -> None:
    (function,) = index_of(tmp_path, COMMAND).functions
    async with queue_at(tmp_path) as queue:
        await queue.send("workload/m", "c-1")
        async with listening(lambda invoker: QueueListener(function, queue, invoker, HostJson())):
            await eventually(lambda: noted(function))
            await queue.send("workload/m", "c-2")
            await eventually(lambda: len(noted(function)) == 2)
        assert noted(function) == [("c-1", 1), ("c-2", 1)]
        assert await queue.receive(10, 0) == []


async def test_a_message_that_fails_comes_again_until_it_is_poison(tmp_path: Path) -> None:
    (function,) = index_of(tmp_path, COMMAND).functions
    host_json = HostJson(message_tries_max=3, message_lock_seconds=0.05)
    async with queue_at(tmp_path) as queue:
        await queue.send("workload/m", "bad-1")
        async with listening(lambda invoker: QueueListener(function, queue, invoker, host_json)):
            await eventually(lambda: len(noted(function)) == 3)
        assert noted(function) == [("bad-1", 1), ("bad-1", 2), ("bad-1", 3)]
        assert [json.loads(message.body)["command_id"] for message in await queue.poisoned(10)] == ["bad-1"]


async def test_a_message_that_took_the_host_down_too_often_is_poison_without_a_call(tmp_path: Path) -> None:
    (function,) = index_of(tmp_path, COMMAND).functions
    async with queue_at(tmp_path) as queue:
        await queue.send("workload/m", "c-1")
        await queue.receive(1, 0)
        await queue.send("workload/m", "c-2")
        host_json = HostJson(message_tries_max=1)
        async with listening(lambda invoker: QueueListener(function, queue, invoker, host_json)):
            await eventually(lambda: noted(function))
        assert noted(function) == [("c-2", 1)]
        assert len(await queue.poisoned(10)) == 1


async def test_no_more_messages_at_once_than_host_json_allows(tmp_path: Path) -> None:
    (function,) = index_of(tmp_path, AT_ONCE).functions
    async with queue_at(tmp_path) as queue:
        for number in range(9):
            await queue.send("workload/m", f"c-{number}")
        async with listening(lambda invoker: QueueListener(function, queue, invoker, HostJson(messages_at_once=3))):
            await eventually(lambda: len(noted(function)) == 9)
        assert max(noted(function)) == 3


async def test_a_message_under_way_at_the_stop_is_finished_and_deleted(tmp_path: Path) -> None:
    (function,) = index_of(tmp_path, SLOW).functions
    async with queue_at(tmp_path) as queue:
        await queue.send("workload/m", "c-1")
        async with listening(lambda invoker: QueueListener(function, queue, invoker, HostJson())):
            await eventually(lambda: noted(function))
        assert noted(function) == ["begun", "ended"]
        assert await queue.receive(10, 0) == []


async def test_a_message_that_outlives_its_lock_is_reported_and_comes_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (function,) = index_of(tmp_path, SLOW).functions
    host_json = HostJson(message_lock_seconds=0.1)
    async with queue_at(tmp_path) as queue:
        await queue.send("workload/m", "c-1")
        async with listening(lambda invoker: QueueListener(function, queue, invoker, host_json)):
            await eventually(lambda: noted(function).count("begun") == 2)
    assert "ran longer than the message was hidden" in caplog.text


async def test_an_interval_timer_runs_again_and_again_and_never_over_itself(tmp_path: Path) -> None:
    source = TICK.format(schedule="00:00:00.05", at_start=False, seconds=0.1)
    (function,) = index_of(tmp_path, source).functions
    status = StateFile(tmp_path / "timers.json")
    async with listening(lambda invoker: TimerListener(function, status, invoker)):
        await eventually(lambda: len(noted(function)) == 3)
    lasts = [datetime.fromisoformat(timer.schedule_status["Last"]) for timer in noted(function)]
    assert all(later - earlier >= timedelta(seconds=0.14) for earlier, later in pairwise(lasts))
    assert not any(timer.past_due for timer in noted(function))


async def test_a_timer_runs_on_start_up_when_it_says_so(tmp_path: Path) -> None:
    source = TICK.format(schedule="0 0 0 1 1 *", at_start=True, seconds=0)
    (function,) = index_of(tmp_path, source).functions
    status = StateFile(tmp_path / "timers.json")
    async with listening(lambda invoker: TimerListener(function, status, invoker)):
        await eventually(lambda: noted(function))
    assert [timer.past_due for timer in noted(function)] == [False]


async def test_a_run_that_was_missed_is_made_up_for_and_is_past_due(tmp_path: Path) -> None:
    source = TICK.format(schedule="0 0 0 1 1 *", at_start=False, seconds=0)
    (function,) = index_of(tmp_path, source).functions
    status = StateFile(tmp_path / "timers.json")
    status.write({"tick": {"Next": (NOW - timedelta(hours=1)).isoformat()}})
    async with listening(lambda invoker: TimerListener(function, status, invoker, lambda: NOW)):
        await eventually(lambda: noted(function))
        await eventually(lambda: status.read()["tick"]["Next"] == "2027-01-01T00:00:00+00:00")
    assert [timer.past_due for timer in noted(function)] == [True]


def test_a_timer_with_an_unreadable_schedule_is_refused(tmp_path: Path) -> None:
    (function,) = index_of(tmp_path, TICK.format(schedule="whenever", at_start=False, seconds=0)).functions
    with pytest.raises(IndexingError, match="whenever"):
        TimerListener(function, StateFile(tmp_path / "t.json"), Invoker(None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("0 */5 * * * *", NOW.replace(minute=5, second=0)),
        ("*/10 * * * * *", NOW.replace(second=40)),
        ("0 30 9 ? * MON", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
        ("*/5 * * * *", NOW.replace(minute=5, second=0)),
        ("00:00:10", NOW + timedelta(seconds=10)),
        ("1.00:00:00", NOW + timedelta(days=1)),
    ],
)
def test_a_schedule_is_read_as_ncrontab_or_as_a_time_span(schedule: str, due: datetime) -> None:
    assert schedule_of(schedule)(NOW) == due


@pytest.mark.parametrize(
    "schedule", ["", "* * *", "0 0 0 31 2 *", "0 99 * * * *", "0 0 0 1 * MON", "00:00:00", "1:2:3"]
)
def test_a_schedule_that_is_none_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        schedule_of(schedule)


class BrokenQueue:
    """A queue whose store fails whenever a message is to be settled."""

    def __init__(self, queue: SqliteQueue) -> None:
        self._queue = queue

    async def receive(self, limit: int, visibility_seconds: float) -> Sequence[Message]:
        return await self._queue.receive(limit, visibility_seconds)

    async def delete(self, message_id: str, pop_receipt: str) -> None:
        raise StoreUnavailableError(f"no disk for {message_id} ({pop_receipt})")

    async def move_to_poison(self, message_id: str, pop_receipt: str) -> None:
        raise StoreUnavailableError(f"no disk for {message_id} ({pop_receipt})")


async def test_a_message_that_cannot_be_settled_comes_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (function,) = index_of(tmp_path, COMMAND).functions
    host_json = HostJson(message_lock_seconds=0.05)
    async with queue_at(tmp_path) as queue:
        await queue.send("workload/m", "c-1")
        async with listening(lambda invoker: QueueListener(function, BrokenQueue(queue), invoker, host_json)):
            await eventually(lambda: len(noted(function)) == 2)
    assert noted(function) == [("c-1", 1), ("c-1", 2)]
    assert "will come again" in caplog.text


async def test_a_message_carries_the_metadata_of_azures_extension(tmp_path: Path) -> None:
    source = QUEUE + "\ndef execute(message: func.QueueMessage) -> None: seen.append(message)"
    (function,) = index_of(tmp_path, source).functions
    async with queue_at(tmp_path) as queue:
        await queue.send("workload/m", "c-1")
        async with listening(lambda invoker: QueueListener(function, queue, invoker, HostJson())):
            await eventually(lambda: noted(function))
    (message,) = noted(function)
    assert (message.id, message.pop_receipt, message.dequeue_count) == ("1", "1", 1)
    assert message.insertion_time.tzinfo is not None
    assert timedelta(seconds=30) <= message.time_next_visible - message.insertion_time < timedelta(seconds=60)
    assert message.expiration_time - message.insertion_time == timedelta(days=7)
    assert message.get_json() == {"subject": "workload/m", "command_id": "c-1"}


async def test_timers_share_a_status_file_without_losing_each_others(tmp_path: Path) -> None:
    names = ("first", "second", "unmonitored")
    status = StateFile(tmp_path / "timers.json")
    listeners = []
    for name in names:
        source = TICK.format(schedule="0 0 0 1 1 *", at_start=True, seconds=0).replace("tick", name)
        if name == "unmonitored":
            source = source.replace("run_on_startup", "use_monitor=False, run_on_startup")
        (function,) = index_of(tmp_path, source).functions
        listeners.append(function)
    async with AsyncExitStack() as stack:
        for function in listeners:
            listener = partial(TimerListener, function, status)
            await stack.enter_async_context(listening(listener))
        await eventually(lambda: all(noted(function) for function in listeners))
        await eventually(lambda: len(status.read()) == 2)
    assert sorted(status.read()) == ["first", "second"]
