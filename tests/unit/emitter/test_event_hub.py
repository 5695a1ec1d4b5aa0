"""The collector with the real azure-eventhub SDK, against the local Event Hubs namespace, which goes away and comes back."""

import asyncio
import json

import pytest
from messages import DEPLOYMENT, collected, correlation_ids
from outerloop_emitter import Collector, Limits
from outerloop_emitter.event_hub import EventHubSender
from outerloop_emitter.senders import TooLargeError

from local.azure.event_hubs import EventHubsServer

PATIENCE_SECONDS = 30
QUICK = Limits(linger_seconds=0.01, backoff_seconds=0.02, backoff_seconds_max=0.1)
ROWS = [{"distance": 1400.0}]


@pytest.fixture
async def server():
    server = EventHubsServer({"telemetry": 2}, "KEY")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def collector(server, monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_CONNECTION", server.connection_string)
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_HUB", "telemetry")
    monkeypatch.setenv("OUTERLOOP_DEPLOYMENT_ID", DEPLOYMENT)
    collector = Collector(DEPLOYMENT, limits=QUICK)
    yield collector
    collector.close(0)


def bodies(server):
    return [entry.body for partition in (0, 1) for entry in server.events("telemetry", partition)]


async def flushed(collector):
    """Whether all was settled; the server lives in this loop, so the wait must not."""
    return await asyncio.to_thread(collector.flush, PATIENCE_SECONDS)


async def test_rows_and_labels_arrive_in_one_partition_of_the_deployment(server, collector):
    for number in range(5):
        collector.collect(ROWS, [number], None, f"c{number}")
        collector.collect_labels(f"c{number}", [number])
    assert await flushed(collector)
    assert correlation_ids(bodies(server)) == [f"c{number}" for number in range(5)]
    assert collected(bodies(server), "ground_truth") == {(f"c{n}", 0): {"label": n} for n in range(5)}
    assert {entry.partition_key for p in (0, 1) for entry in server.events("telemetry", p)} == {DEPLOYMENT}
    assert (collector.sent, collector.dropped) == (10, 0)


async def test_nothing_is_lost_or_doubled_while_the_hub_goes_away_and_comes_back(server, collector):
    collector.collect(ROWS, [0], None, "before")
    assert await flushed(collector)
    port = int(server.connection_string.split(";")[0].rsplit(":", 1)[1])
    await server.stop()
    for number in range(50):
        collector.collect(ROWS, [number], None, f"away{number}")
    assert not await asyncio.to_thread(collector.flush, 0.3)
    assert (collector.dropped, collector.waiting) == (0, 50)
    await server.start(port)
    assert await flushed(collector)
    assert correlation_ids(bodies(server)) == ["before", *(f"away{number}" for number in range(50))]
    assert (collector.sent, collector.dropped) == (51, 0)


async def test_more_than_a_batch_arrives_whole(server, collector):
    for number in range(6):
        collector.collect([{"text": "x" * 400_000}], [number], None, str(number))
    assert await flushed(collector)
    assert sorted(correlation_ids(bodies(server))) == [str(number) for number in range(6)]
    assert [len(event["text"]) for event in collected(bodies(server), "model_inputs").values()] == [400_000] * 6


async def test_many_messages_of_one_batch_arrive_once(server, monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_CONNECTION", server.connection_string)
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_HUB", "telemetry")
    collector = Collector(DEPLOYMENT, limits=Limits(linger_seconds=0.5, message_bytes_max=5_000))
    for number in range(40):
        collector.collect(ROWS, [number], None, str(number))
    assert await flushed(collector)
    collector.close(0)
    assert correlation_ids(bodies(server)) == [str(number) for number in range(40)]
    assert len(bodies(server)) > 5
    assert (collector.sent, collector.dropped) == (40, 0)


async def test_a_hub_that_never_was_costs_the_rows_and_nothing_else(collector, server):
    await server.stop()
    collector.collect(ROWS, [0.5])
    await asyncio.to_thread(collector.close, PATIENCE_SECONDS)
    assert (collector.drops, collector.waiting) == ({"unsent": 1}, 0)


def test_a_connection_string_that_is_none_costs_the_rows_and_nothing_else(monkeypatch):
    monkeypatch.setenv("OUTERLOOP_DEPLOYMENT_ID", "/d")
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_CONNECTION", "not a connection string")
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_HUB", "telemetry")
    collector = Collector.from_environment()
    for _ in range(3):
        collector.collect(ROWS, [0.5])
    collector.close(PATIENCE_SECONDS)
    assert collector.drops == {"unsent": 3}


async def test_a_message_that_the_hub_will_never_take_is_told_apart(server):
    sender = EventHubSender(server.connection_string, "telemetry", DEPLOYMENT)
    with pytest.raises(TooLargeError):
        await asyncio.to_thread(sender.send, [b"x" * 2_000_000])
    assert await asyncio.to_thread(sender.send, [b"small", b"x" * 2_000_000]) == 1
    await asyncio.to_thread(sender.close)
    assert bodies(server) == [b"small"]


async def test_a_message_larger_than_the_hub_takes_is_dropped_and_the_next_is_sent(server, monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_CONNECTION", server.connection_string)
    monkeypatch.setenv("OUTERLOOP_TELEMETRY_HUB", "telemetry")
    collector = Collector(DEPLOYMENT, limits=Limits(linger_seconds=0.0, message_bytes_max=5_000_000))
    collector.collect([{"text": "x" * 2_000_000}], [0.5], None, "large")
    assert await flushed(collector)
    collector.collect(ROWS, [0.5], None, "small")
    assert await flushed(collector)
    collector.close(0)
    assert (collector.sent, collector.drops) == (1, {"too_large": 1})
    assert correlation_ids(bodies(server)) == ["small"]


async def test_a_forked_child_leaves_the_parent_s_connection_alone(server, collector):
    collector.collect(ROWS, [0.5], None, "parent")
    assert await flushed(collector)
    inherited = collector._channel._sender._producer
    collector._channel.after_fork_in_child()  # what `os.fork` calls there; a fork of this loop's process would hang it
    assert collector._channel._sender._producer is None
    collector.collect(ROWS, [0.5], None, "child")
    assert await flushed(collector)
    assert correlation_ids(bodies(server)) == ["parent", "child"]
    assert json.loads(bodies(server)[1].split(b"\n")[0])["correlationid"] == "child"
    inherited.close()
