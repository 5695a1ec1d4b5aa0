"""Requests that a scoring script tells of itself, where no traffic log does; read as the loop reads that log."""

import json
from datetime import UTC, datetime

import pytest
from messages import DEPLOYMENT, collected
from outerloop_emitter import Collector, Limits
from outerloop_emitter.packing import LINES_MAX, Source
from outerloop_emitter.served import Served, told

from shared.adapters.system_clock import SystemClock
from shared.parsing.event_hubs import read_message
from shared.parsing.traffic_records import read_traffic

SOURCE = Source(DEPLOYMENT, "7")
PATIENCE_SECONDS = 20
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def collector(sent, monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELLS_REQUESTS", "1")
    collector = Collector(DEPLOYMENT, sent.append, Limits(linger_seconds=60))
    yield collector
    collector.close(1)


def heard(messages):
    """What the loop hears of: requests, in their order."""
    return [request for message in messages for request in read_message(message).requests]


def test_a_request_is_told_with_its_status_its_time_and_its_deployment(collector, sent):
    before = SystemClock().now()
    with collector.request():
        pass
    collector.close(PATIENCE_SECONDS)
    (request,) = heard(sent)
    assert (request.deployment.endpoint, request.deployment.deployment) == ("flights", "blue")
    assert (request.status_code, request.model_status_code, request.failed) == (200, 200, False)
    assert 0 <= request.duration_ms < 5_000
    assert (request.at - before).total_seconds() > -0.01
    assert (collector.sent, collector.dropped, collector.waiting) == (1, 0, 0)


def test_an_exception_is_a_failure_and_reaches_the_caller_as_it_was(collector, sent):
    broken = ValueError("no such feature")
    with pytest.raises(ValueError, match="no such feature") as caught, collector.request():
        raise broken
    assert caught.value is broken
    collector.close(PATIENCE_SECONDS)
    assert [(request.status_code, request.failed) for request in heard(sent)] == [(500, True)]


@pytest.mark.parametrize(("status", "failed"), [(400, False), (429, True), (503, True), ("400", False)])
def test_a_script_says_what_else_it_answered(collector, sent, status, failed):
    with collector.request() as request:
        request.status = status
    collector.close(PATIENCE_SECONDS)
    assert [(one.status_code, one.failed) for one in heard(sent)] == [(int(status), failed)]


@pytest.mark.parametrize("status", [None, "no number", object(), 0, 99, 600, -1, 10**400, float("inf")])
def test_a_status_that_is_none_costs_the_request_nothing_and_is_counted(collector, sent, status):
    with collector.request() as request:
        request.status = status
    collector.close(PATIENCE_SECONDS)
    assert (sent, collector.drops) == ([], {"unreadable": 1})


@pytest.mark.parametrize("told_of", ["", "0", "true"])
def test_nothing_is_told_of_requests_that_azure_monitor_logs(sent, monkeypatch, told_of):
    monkeypatch.setenv("OUTERLOOP_TELLS_REQUESTS", told_of)
    collector = Collector(DEPLOYMENT, sent.append)
    with collector.request():
        collector.collect([{"distance": 1.0}], [0.5])
    collector.close(PATIENCE_SECONDS)
    assert heard(sent) == []
    assert len(collected(sent, "model_outputs")) == 1


def test_a_collector_without_a_hub_times_nothing(monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELLS_REQUESTS", "1")
    for name in ("OUTERLOOP_TELEMETRY_CONNECTION", "OUTERLOOP_TELEMETRY_HUB"):
        monkeypatch.delenv(name, raising=False)
    collector = Collector(DEPLOYMENT)
    with collector.request():
        pass
    assert (collector.sent, collector.dropped, collector.waiting) == (0, 0, 0)


def test_rows_and_requests_share_a_collector_and_never_a_message(collector, sent):
    for number in range(20):
        with collector.request():
            collector.collect([{"distance": float(number)}], [0.5], correlation_id=f"c{number}")
    collector.close(PATIENCE_SECONDS)
    requests = [message for message in sent if message.startswith(b'{"records"')]
    rows = [message for message in sent if message not in requests]
    assert (len(requests), len(heard(requests))) == (1, 20), "together, since they waited together"
    assert len(collected(rows, "model_inputs")) == 20
    assert collector.sent == 40


def test_what_the_buffer_cannot_hold_is_dropped_and_counted(sent, monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELLS_REQUESTS", "1")
    collector = Collector(DEPLOYMENT, sent.append, Limits(rows_max=3, linger_seconds=60))
    for _ in range(5):
        with collector.request():
            pass
    collector.close(PATIENCE_SECONDS)
    assert (len(heard(sent)), collector.drops) == (3, {"buffer_full": 2})


def requests(count):
    return [Served(NOON.timestamp() + number, 200, number / 3) for number in range(count)]


def test_the_loop_reads_each_message_in_one_step():
    """In the usual spelling of every column: the fast way, not record by record."""
    (message,) = told(requests(3), SOURCE, 900_000)
    found = read_traffic(message.body)
    assert [request.duration_ms for request in found] == [0.0, 0.333, 0.667]
    assert [request.at.second for request in found] == [0, 1, 2]


@pytest.mark.parametrize("bytes_max", [1, 400, 1_000, 10_000])
def test_no_message_is_larger_than_a_hub_takes_unless_one_request_is(bytes_max):
    messages = told(requests(30), SOURCE, bytes_max)
    sizes = [len(json.loads(message.body)["records"]) for message in messages]
    assert sum(sizes) == sum(message.rows for message in messages) == 30
    assert all(len(message.body) <= bytes_max or size == 1 for message, size in zip(messages, sizes, strict=True))


def test_a_message_has_no_more_records_than_the_loop_reads():
    messages = told(requests(LINES_MAX + 1), SOURCE, 10**9)
    assert [message.rows for message in messages] == [LINES_MAX, 1]


def test_a_collector_that_was_given_no_id_at_all_loses_what_it_cannot_tell_and_goes_on(sent, monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELLS_REQUESTS", "1")
    collector = Collector(None, sent.append, Limits(linger_seconds=60))
    with collector.request():
        collector.collect([{"distance": 1.0}], [0.5])
    collector.close(PATIENCE_SECONDS)
    assert (collector.drops, collector.sent, collector.waiting) == ({"unreadable": 1}, 1, 0)


def test_no_requests_are_no_message():
    assert told([], SOURCE, 900_000) == []
