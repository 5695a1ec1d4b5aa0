"""The sending thread keeps trying, gives up within bounds, and says so in the log without flooding it."""

import logging
import threading
import time

import pytest
from messages import collected, correlation_ids
from outerloop_emitter import Collector, Limits
from outerloop_emitter.drop_log import DropLog
from outerloop_emitter.tally import Tally

ROWS = [{"distance": 1400.0}]
QUICK = Limits(linger_seconds=0.0, backoff_seconds=0.001, backoff_seconds_max=0.01)
PATIENCE_SECONDS = 20


class Hub:
    """A destination that can be away; it remembers what it took, and how often it was asked in vain."""

    def __init__(self, failures=0):
        self.failures = failures
        self.attempts = 0
        self.messages = []
        self.asked_in_vain = threading.Event()

    def __call__(self, message):
        self.attempts += 1
        if self.failures:
            self.failures -= 1
            self.asked_in_vain.set()
            raise ConnectionError("the hub is away")
        self.messages.append(message)


@pytest.mark.parametrize("failures", [1, 2, 7])
def test_what_fails_is_sent_again_once_and_in_order(failures):
    hub = Hub(failures)
    collector = Collector("/d", hub, QUICK)
    for number in range(10):
        collector.collect(ROWS, [0.5], correlation_id=f"c{number}")
    assert collector.flush(PATIENCE_SECONDS)
    assert correlation_ids(hub.messages) == [f"c{number}" for number in range(10)]
    assert (collector.sent, collector.dropped) == (10, 0)
    collector.close(1)


def test_what_the_hub_never_takes_is_given_up_and_what_follows_is_sent():
    sent = []

    def publish(message):
        if correlation_ids([message]) == ["bad"]:
            raise ConnectionError("the hub is away")
        sent.append(message)

    limits = Limits(linger_seconds=0.0, backoff_seconds=0.001, backoff_seconds_max=0.001, retry_seconds_max=0.02)
    collector = Collector("/d", publish, limits)
    for correlation_id in ("a", "bad", "b"):
        collector.collect(ROWS * 2, [0.5] * 2, correlation_id=correlation_id)
        assert collector.flush(PATIENCE_SECONDS)
    assert correlation_ids(sent) == ["a", "b"]
    assert collector.drops == {"unsent": 2}
    collector.close(1)


def test_while_the_hub_is_away_the_newest_rows_are_kept_within_the_bounds():
    hub = Hub(failures=10**9)
    collector = Collector(
        "/d", hub, Limits(rows_max=50, linger_seconds=0.0, backoff_seconds=0.001, backoff_seconds_max=0.001)
    )
    collector.collect(ROWS, [0.5], correlation_id="in flight")
    assert hub.asked_in_vain.wait(PATIENCE_SECONDS)
    for number in range(500):
        collector.collect(ROWS, [0.5], correlation_id=str(number))
    assert collector.drops == {"buffer_full": 450}
    assert collector.waiting == 51
    hub.failures = 0
    assert collector.flush(PATIENCE_SECONDS)
    assert correlation_ids(hub.messages) == ["in flight", *map(str, range(450, 500))]
    assert (collector.sent, collector.dropped) == (51, 450)
    collector.close(1)


def test_the_pause_between_attempts_doubles_up_to_its_bound():
    hub = Hub(failures=10**9)
    started = time.monotonic()
    collector = Collector("/d", hub, Limits(linger_seconds=0.0, backoff_seconds=0.01, backoff_seconds_max=0.04))
    collector.collect(ROWS, [0.5])
    while hub.attempts < 5:
        threading.Event().wait(0.005)
    assert time.monotonic() - started >= 0.01 + 0.02 + 0.04 + 0.04
    collector.close(PATIENCE_SECONDS)


def test_closing_ends_a_pause_tries_once_more_and_gives_up():
    hub = Hub(failures=10**9)
    collector = Collector("/d", hub, Limits(linger_seconds=0.0, backoff_seconds=3600, backoff_seconds_max=3600))
    collector.collect(ROWS, [0.5])
    assert hub.asked_in_vain.wait(PATIENCE_SECONDS)
    started = time.monotonic()
    collector.close(PATIENCE_SECONDS)
    assert time.monotonic() - started < 10
    assert hub.attempts == 2
    assert (collector.drops, collector.waiting) == ({"unsent": 1}, 0)


def test_a_hub_that_comes_back_before_the_end_gets_what_waited():
    hub = Hub(failures=1)
    collector = Collector("/d", hub, Limits(linger_seconds=0.0, backoff_seconds=3600, backoff_seconds_max=3600))
    collector.collect(ROWS, [0.5], correlation_id="c")
    assert hub.asked_in_vain.wait(PATIENCE_SECONDS)
    collector.close(PATIENCE_SECONDS)
    assert list(collected(hub.messages, "model_inputs")) == [("c", 0)]


def test_losses_are_logged_once_a_minute_not_row_by_row(caplog):
    hub = Hub(failures=10**9)
    with caplog.at_level(logging.INFO, "outerloop_emitter"):
        collector = Collector(
            "/d", hub, Limits(rows_max=5, linger_seconds=0.0, backoff_seconds=0.001, backoff_seconds_max=0.001)
        )
        for _ in range(300):
            collector.collect(ROWS, [0.5])
            collector.collect(ROWS, [])
        while hub.attempts < 50:
            threading.Event().wait(0.005)
        collector.close(PATIENCE_SECONDS)
    messages = [record.message for record in caplog.records if record.name.startswith("outerloop_emitter")]
    assert 1 <= len(messages) <= 3
    assert "unreadable 300" in messages[-1]
    assert "unsent" in messages[-1]
    assert "the hub is away" in messages[-1]


def test_the_log_tells_when_the_hub_is_back(caplog):
    tally = Tally()
    log = DropLog(tally)
    with caplog.at_level(logging.INFO, "outerloop_emitter"):
        log.failed(ConnectionError("away"))
        log.write_when_due(at_once=False)
        tally.drop("buffer_full", 7)
        tally.send(3)
        log.recovered()
        log.recovered()
    away, back = (record.message for record in caplog.records)
    assert away == "telemetry: rows sent 0, rows dropped: none; the hub is away: ConnectionError: away"
    assert back == "telemetry is sent again; rows sent 3, rows dropped: buffer_full 7"
    assert not log.is_behind


def test_a_log_that_is_not_due_stays_behind_until_the_end(caplog):
    tally = Tally()
    log = DropLog(tally)
    with caplog.at_level(logging.INFO, "outerloop_emitter"):
        for rows in (1, 2, 4):
            tally.drop("unreadable", rows, "TypeError")
            log.write_when_due(at_once=False)
        assert log.is_behind
        log.write_when_due(at_once=True)
    first, last = (record.message for record in caplog.records)
    assert first == "telemetry: rows sent 0, rows dropped: unreadable 1 (last problem: TypeError)"
    assert last == "telemetry: rows sent 0, rows dropped: unreadable 7 (last problem: TypeError)"
    assert not log.is_behind


def test_the_log_never_quotes_a_value(caplog):
    with caplog.at_level(logging.DEBUG):
        collector = Collector("/d", lambda _: None, QUICK)
        collector.collect([{"name": "secret"}], [0.5], ["secret"])
        collector.collect("secret", ["secret"])
        collector.close(PATIENCE_SECONDS)
    assert collector.drops["unreadable"] >= 2
    assert "secret" not in caplog.text
