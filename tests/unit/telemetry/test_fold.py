"""Delivery shape must not matter: the same messages in any partitioning, order and number give the same windows."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.telemetry.accumulate import accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.encoding import decode_delta, encode_delta, encode_partial
from shared.telemetry.fold import decode_window, encode_window, fold, mark_closed
from shared.telemetry.partials import Delta, latest
from tests.unit.telemetry.telemetry_builders import (
    BLUE,
    GREEN,
    NOON,
    PROFILE,
    inputs,
    outputs,
    refused,
    served,
    steady,
    traffic,
)

COUNTERS = dict.fromkeys((BLUE.key, GREEN.key), RowCounter(PROFILE))
LENGTHS = {BLUE.key: ("1mo",), GREEN.key: ("1d",)}

values = st.none() | st.booleans() | st.integers(-2, 7) | st.floats() | st.sampled_from(["AA", "UA", "2", "x", "1e400"])
rows = st.lists(
    st.fixed_dictionaries({}, optional={"distance": values, "carrier": values, "prediction": values}), max_size=4
)
moments = st.integers(0, 45 * 24).map(lambda hours: NOON + timedelta(hours=hours))
refs = st.sampled_from([BLUE, GREEN])
messages = st.one_of(
    st.builds(lambda found, at, ref: inputs(*found, at=at, deployment=ref), rows, moments, refs),
    st.builds(lambda found, at, ref: outputs(*found, at=at, deployment=ref), rows, moments, refs),
    st.builds(
        lambda ms, at, ref: traffic(served(ms, failed=ms > 50, at=at, deployment=ref)), st.floats(0, 100), moments, refs
    ),
    st.just(refused("malformed")),
)


def delta_of(batch):
    """What a batch adds, after a round through its stored form."""
    return decode_delta(encode_delta(accumulate(batch, COUNTERS, LENGTHS, "1h")))


class Hub:
    """A hub's partitions, and a consumer that keeps a cursor for each as the service does."""

    def __init__(self):
        self.cursors = {}
        self.windows = {}

    def deliver(self, partition, first, batch):
        """Messages of one partition, numbered from ``first`` on: some may have been delivered before."""
        fresh = [message for number, message in enumerate(batch, first) if number > self.cursors.get(partition, -1)]
        through = first + len(batch) - 1
        if fresh:
            self.windows = fold(self.windows, partition, through, delta_of(fresh))
            self.cursors[partition] = through

    def partial_bytes(self):
        return {key: encode_partial(state.partial) for key, state in self.windows.items()}


def one_pass(sent):
    return {partial.key: encode_partial(partial) for partial in delta_of(sent).partials}


@settings(steady, max_examples=60)
@given(st.lists(messages, max_size=12), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_partitioning_order_and_duplication_gives_the_windows_of_one_pass(sent, chance, partitions):
    order = list(sent)
    chance.shuffle(order)
    queues = {str(partition): order[partition::partitions] for partition in range(partitions)}
    hub = Hub()
    while any(hub.cursors.get(name, -1) + 1 < len(queue) for name, queue in queues.items()):
        name = chance.choice(list(queues))
        # A batch begins anywhere up to the first message that was not delivered yet: the rest are redelivered.
        begin = chance.randint(0, min(hub.cursors.get(name, -1) + 1, max(len(queues[name]) - 1, 0)))
        hub.deliver(name, begin, queues[name][begin : begin + chance.randint(1, 5)])
    assert hub.partial_bytes() == one_pass(sent)


@settings(steady, max_examples=40)
@given(st.lists(messages, min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_deltas_of_partitions_interleaved_and_repeated_give_byte_identical_windows(sent, chance):
    orders = [(str(index % 3), index // 3, delta_of([message])) for index, message in enumerate(sent)]
    straight, shuffled = {}, {}
    for partition, number, delta in orders:
        straight = fold(straight, partition, number, delta)
    queues = {name: [order for order in orders if order[0] == name] for name in "012"}
    done = []
    while any(queues.values()):
        done.append(queues[chance.choice([name for name, queue in queues.items() if queue])].pop(0))
        for partition, number, delta in [done[-1], chance.choice(done)]:
            shuffled = fold(shuffled, partition, number, delta)
    assert {key: encode_window(state) for key, state in shuffled.items()} == {
        key: encode_window(state) for key, state in straight.items()
    }


@settings(steady, max_examples=40)
@given(st.lists(messages, max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_deltas_add_up_in_any_grouping(sent, one, other):
    first, second = sorted((one, other))
    parts = [delta_of(part) for part in (sent[:first], sent[first:second], sent[second:])]
    whole = encode_delta(delta_of(sent))
    assert encode_delta(parts[0].plus(parts[1]).plus(parts[2])) == whole
    assert encode_delta(parts[2].plus(parts[0].plus(parts[1]))) == whole
    assert encode_delta(Delta().plus(delta_of(sent))) == whole


def test_a_delta_that_was_folded_changes_nothing():
    delta = delta_of([inputs({"distance": 1})])
    once = fold({}, "0", 7, delta)
    for number in (7, 6, 0):
        again = fold(once, "0", number, delta)
        assert again == once
    assert next(iter(fold(once, "1", 7, delta).values())).partial.rows == 2
    assert next(iter(fold(once, "0", 8, delta).values())).partial.rows == 2


def test_folding_leaves_the_windows_that_were_given_as_they_were():
    before = fold({}, "0", 0, delta_of([inputs({})]))
    after = fold(before, "0", 1, delta_of([inputs({}), inputs({}, deployment=GREEN)]))
    assert (len(before), len(after)) == (1, 2)
    assert next(iter(before.values())).partial.rows == 1
    assert next(iter(before.values())).folded_through == {"0": 0}


def test_rows_for_a_closed_window_are_counted_late_and_once():
    windows = fold({}, "0", 0, delta_of([inputs({}, {})]))
    (key,) = windows
    windows[key] = mark_closed(windows[key], NOON)
    for number in (1, 1, 2):
        windows = fold(windows, "0", number, delta_of([inputs({}, {}, {}), outputs({})]))
    assert windows[key].closed
    assert windows[key].partial.rows == 2
    assert windows[key].late_rows == 6
    assert windows[key].folded_through == {"0": 2}


def test_requests_for_a_closed_bucket_are_counted_late():
    windows = fold({}, "0", 0, delta_of([traffic(served())]))
    (key,) = windows
    windows = fold({key: mark_closed(windows[key], NOON)}, "0", 1, delta_of([traffic(served(), served())]))
    assert (windows[key].partial.requests, windows[key].late_rows) == (1, 2)


@pytest.mark.parametrize("close", [False, True])
def test_a_stored_window_comes_back_equal(close):
    windows = fold({}, "b", 4, delta_of([inputs({"distance": 1}), traffic(served())]))
    windows = fold(windows, "a", 9, delta_of([inputs({"distance": 2}), traffic(served(5))]))
    for state in windows.values():
        kept = mark_closed(state, NOON) if close else state
        found = decode_window(encode_window(kept))
        assert encode_window(found) == encode_window(kept)
        assert (found.closed, found.late_rows, found.folded_through) == (close, 0, {"a": 9, "b": 4})


def test_the_order_of_partitions_does_not_show_in_a_stored_window():
    delta = delta_of([inputs({})])
    one = fold(fold({}, "a", 1, delta), "b", 1, delta)
    other = fold(fold({}, "b", 1, delta), "a", 1, delta)
    assert [encode_window(state) for state in one.values()] == [encode_window(state) for state in other.values()]


def test_the_later_watermark_wins():
    later = NOON + timedelta(hours=1)
    assert latest({"a": NOON, "b": later}, {"a": later, "c": NOON}) == {"a": later, "b": later, "c": NOON}
