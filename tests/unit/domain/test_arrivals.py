"""Files are counted once each, in whatever order their events come, and only the latest are remembered."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.arrivals import FILES_KEPT_MAX, Arrivals
from shared.domain.platform_signals import DataDeleted
from shared.domain.values import encode
from tests.unit.domain.builders import NOW, arrived, steady


def after(*signals):
    arrivals = Arrivals()
    for signal in signals:
        arrivals = arrivals.after(signal)
    return arrivals


def figures(arrivals):
    return arrivals.count, arrivals.size_bytes


def gone(name="01.csv", sequencer="2", **fields):
    return arrived(name, DataDeleted, sequencer=sequencer, **fields)


def test_each_file_counts_with_its_bytes_and_the_newest_is_known():
    later = NOW + timedelta(hours=1)
    arrivals = after(arrived("02.csv", occurred_at=later, size_bytes=500), arrived("01.csv"))
    assert figures(arrivals) == (2, 1500)
    assert arrivals.newest == later


def test_the_same_event_again_is_no_news():
    once = after(arrived())
    assert once.after(arrived()) is once


def test_a_file_that_is_written_anew_counts_once_with_its_new_size():
    assert figures(after(arrived(sequencer="1"), arrived(sequencer="2", size_bytes=10))) == (1, 10)


def test_older_news_of_a_file_change_nothing():
    newest = after(arrived(sequencer="2", size_bytes=10))
    assert newest.after(arrived(sequencer="1")) is newest


def test_a_deleted_file_counts_no_longer():
    assert figures(after(arrived(), gone())) == (0, 0)


def test_the_deletion_of_a_file_from_before_takes_nothing_away():
    assert figures(after(arrived("01.csv"), gone("of-last-year.csv"))) == (1, 1000)


def test_a_file_that_was_deleted_and_written_again_counts():
    assert figures(after(arrived(sequencer="1"), gone(sequencer="2"), arrived(sequencer="3", size_bytes=7))) == (1, 7)


@pytest.mark.parametrize(("older", "newer"), [("9", "10"), ("00ff", "0100"), ("0A", "0b")])
def test_sequencers_are_compared_as_if_they_were_equally_long(older, newer):
    known = after(arrived(sequencer=newer))
    assert known.after(arrived(sequencer=older, size_bytes=1)) is known
    assert after(arrived(sequencer=older)).after(arrived(sequencer=newer, size_bytes=1)).size_bytes == 1


def test_without_a_sequencer_the_moment_orders():
    later = arrived(sequencer="", occurred_at=NOW + timedelta(seconds=1), size_bytes=5)
    assert figures(after(arrived(sequencer=""), later)) == figures(after(later, arrived(sequencer=""))) == (1, 5)


def test_the_same_path_in_another_container_or_account_is_another_file():
    assert after(arrived(), arrived(container="raw"), arrived(source="/other")).count == 3


def test_the_end_is_the_same_in_any_order():
    events = [arrived(sequencer="1"), gone(sequencer="2"), arrived(sequencer="3", size_bytes=7), arrived("02.csv")]
    assert {figures(after(*order)) for order in permutations(events)} == {(2, 1007)}


def test_thousands_of_files_are_counted_and_few_are_remembered():
    arrivals = after(*(arrived(f"{number}.csv") for number in range(3000)))
    assert arrivals.count == 3000
    assert len(arrivals.files) == FILES_KEPT_MAX
    assert len(encode(arrivals)) < 16 * 1024


@steady
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.booleans()), max_size=20))
def test_the_count_is_that_of_the_files_whose_latest_event_is_an_arrival(events):
    signals = [
        arrived(name, sequencer=str(number)) if there else gone(name, sequencer=str(number))
        for name, number, there in events
    ]
    latest = {}
    for name, number, there in events:
        if number > latest.get(name, (0, False))[0]:
            latest[name] = (number, there)
    assert after(*signals).count == sum(there for _, there in latest.values())
