"""The collector's promises to a scoring script."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from outerloop_emitter import Collector

EMITTER = Path(__file__).parents[3] / "emitter"
ROWS = [{"distance": 1400.0}]
VARIABLES = ("OUTERLOOP_DEPLOYMENT_ID", "OUTERLOOP_TELEMETRY_CONNECTION", "OUTERLOOP_TELEMETRY_HUB")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def collector(sent):
    collector = Collector("/deployments/blue", sent.append)
    yield collector
    collector.close(1)


def correlation_ids(messages):
    return [json.loads(message.split(b"\n")[0])["correlationid"] for message in messages]


def test_what_was_collected_is_sent_in_order_by_close(collector, sent):
    for number in range(20):
        collector.collect(ROWS, [0.5], correlation_id=f"c{number}")
    collector.close(1)
    assert correlation_ids(sent) == [f"c{number}" for number in range(20)]
    assert collector.dropped == 0


def test_messages_leave_without_being_asked_for(collector, sent):
    collector.collect(ROWS, [0.5])
    deadline = time.monotonic() + 2
    while not sent and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert len(sent) == 1


def test_publishing_happens_in_another_thread():
    threads = []
    collector = Collector("/d", lambda _: threads.append(threading.current_thread()))
    collector.collect(ROWS, [0.5])
    collector.close(1)
    assert threads != [threading.current_thread()]
    assert len(threads) == 1


def test_rows_may_change_after_they_were_collected(collector, sent):
    rows = [{"distance": 1.0}]
    collector.collect(rows, [0.5])
    rows[0]["distance"] = 2.0
    collector.close(1)
    assert json.loads(sent[0].split(b"\n")[0])["data"] == [{"distance": 1.0}]


def test_a_full_queue_drops_with_a_count_and_never_waits():
    release = threading.Event()
    collector = Collector("/d", lambda _: release.wait(5), queue_size_max=5)
    started = time.monotonic()
    for _ in range(200):
        collector.collect(ROWS, [0.5])
    assert time.monotonic() - started < 0.5
    assert collector.dropped >= 190
    release.set()
    collector.close(2)


@pytest.mark.parametrize(
    "arguments",
    [
        (None, None),
        ([1, 2], [0.5, 0.5]),
        (ROWS, [0.5, 0.5]),
        (ROWS, [0.5], ["yesterday"]),
        ([{"a": object()}], [0.5]),
    ],
)
def test_bad_arguments_are_counted_not_raised(collector, sent, arguments):
    collector.collect(*arguments)
    collector.collect(ROWS, [0.5], correlation_id="good")
    collector.close(1)
    assert collector.dropped == 1
    assert correlation_ids(sent) == ["good"]


def test_a_failing_publish_costs_only_its_own_call(sent):
    def publish(message):
        if correlation_ids([message]) == ["bad"]:
            raise ConnectionError("the hub is away")
        sent.append(message)

    collector = Collector("/d", publish)
    for correlation_id in ("a", "bad", "b"):
        collector.collect(ROWS, [0.5], correlation_id=correlation_id)
    collector.close(1)
    assert correlation_ids(sent) == ["a", "b"]
    assert collector.dropped == 1


def test_close_gives_up_after_its_timeout():
    release = threading.Event()
    collector = Collector("/d", lambda _: release.wait(5))
    collector.collect(ROWS, [0.5])
    started = time.monotonic()
    collector.close(0.3)
    assert time.monotonic() - started < 1
    release.set()


def test_what_comes_after_close_is_dropped(collector, sent):
    collector.close(1)
    collector.collect(ROWS, [0.5])
    collector.close(1)
    assert sent == []
    assert collector.dropped == 1


@pytest.mark.parametrize("missing", VARIABLES)
def test_an_incomplete_environment_makes_a_collector_that_does_nothing(monkeypatch, missing):
    for name in set(VARIABLES) - {missing}:
        monkeypatch.setenv(name, "something")
    before = threading.active_count()
    collector = Collector.from_environment()
    collector.collect(ROWS, [0.5])
    collector.close(1)
    assert threading.active_count() == before
    assert collector.dropped == 0


def test_an_unreachable_hub_is_counted_not_raised(monkeypatch):
    monkeypatch.setenv("OUTERLOOP_DEPLOYMENT_ID", "/d")
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_CONNECTION", "not a connection string")
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_HUB", "telemetry")
    collector = Collector.from_environment()
    for _ in range(3):
        collector.collect(ROWS, [0.5])
    collector.close(10)
    assert collector.dropped == 3


def test_importing_it_loads_no_sdk():
    code = "import sys, outerloop_emitter; print(any(name.startswith('azure') for name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=EMITTER, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_what_is_queued_leaves_when_the_process_ends():
    code = (
        "import outerloop_emitter, sys\n"
        "c = outerloop_emitter.Collector('/d', lambda m: print(len(m) > 0, flush=True))\n"
        "c.collect([{'a': 1}], [0.5])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=EMITTER, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True"


def test_collecting_fifty_rows_costs_the_request_little(collector):
    rows = [{f"feature_{number}": 1.0 for number in range(12)} for _ in range(50)]
    started = time.perf_counter()
    for _ in range(100):
        collector.collect(rows, [0.5] * 50, ["2013-02-01T05:00:00Z"] * 50)
    assert (time.perf_counter() - started) / 100 < 0.002
