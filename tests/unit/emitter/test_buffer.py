"""The buffer is bounded in rows and in bytes, and says whose rows it dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outerloop_emitter.buffer import Buffer
from outerloop_emitter.calls import Call


def call(name="c", rows=1, size=10):
    return Call(b"", size, rows, name, 0.0)


def names(calls):
    return [call.correlation_id for call in calls]


@pytest.fixture
def buffer():
    return Buffer(rows_max=10, bytes_max=100, hurry_bytes=50)


def test_what_was_put_is_taken_in_order(buffer):
    for name in "abc":
        assert buffer.put(call(name)) is None
    assert names(buffer.take(100)) == ["a", "b", "c"]
    assert buffer.take(100) == []


def test_at_the_bound_of_rows_the_oldest_make_room(buffer):
    for name, rows in (("a", 4), ("b", 5)):
        buffer.put(call(name, rows))
    assert buffer.put(call("c", 2)) == ("buffer_full", 4)
    assert names(buffer.take(100)) == ["b", "c"]


def test_at_the_bound_of_bytes_the_oldest_make_room(buffer):
    for name in ("a", "b"):
        buffer.put(call(name, size=40))
    assert buffer.put(call("c", size=90)) == ("buffer_full", 2)
    assert names(buffer.take(100)) == ["c"]


@pytest.mark.parametrize("large", [call(rows=11), call(size=101)], ids=["rows", "bytes"])
def test_what_never_fits_costs_nobody_else_a_place(buffer, large):
    buffer.put(call("a"))
    assert buffer.put(large) == ("too_large", large.rows)
    assert names(buffer.take(100)) == ["a"]


def test_exactly_what_fits_is_kept(buffer):
    assert buffer.put(call(rows=10, size=100)) is None


def test_a_part_of_what_waits_can_be_taken_and_at_least_one_call(buffer):
    for name, size in (("a", 30), ("b", 30), ("c", 30)):
        buffer.put(call(name, size=size))
    assert names(buffer.take(60)) == ["a", "b"]
    assert names(buffer.take(1)) == ["c"]


def test_news_stay_until_all_is_taken(buffer):
    buffer.put(call(size=30))
    buffer.put(call(size=30))
    assert (buffer.news.is_set(), buffer.hurry.is_set()) == (True, True)
    buffer.take(30)
    assert buffer.news.is_set()
    buffer.take(30)
    assert (buffer.news.is_set(), buffer.hurry.is_set()) == (False, False)


def test_it_hurries_when_much_waits(buffer):
    buffer.put(call(size=40))
    assert not buffer.hurry.is_set()
    buffer.put(call(size=10))
    assert buffer.hurry.is_set()


def test_it_is_idle_when_all_is_settled(buffer):
    assert buffer.idle.is_set()
    buffer.put(call(rows=3))
    buffer.take(100)
    buffer.settle(2)
    assert (buffer.idle.is_set(), buffer.unsettled_rows) == (False, 1)
    buffer.settle(1)
    assert (buffer.idle.is_set(), buffer.unsettled_rows) == (True, 0)


def test_after_close_nothing_comes_in_and_the_thread_stays_awake(buffer):
    buffer.put(call("a"))
    buffer.close()
    assert buffer.put(call("b", rows=3)) == ("closed", 3)
    assert names(buffer.take(100)) == ["a"]
    assert buffer.news.is_set()
    assert buffer.hurry.is_set()


def test_clearing_says_how_much_was_lost(buffer):
    buffer.put(call(rows=3))
    buffer.put(call(rows=4))
    assert buffer.clear() == 7
    assert buffer.take(100) == []


steps = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 120)) | st.just("take"), max_size=60)


@given(steps)
def test_it_is_a_list_that_forgets_its_head(steps):
    buffer, model = Buffer(rows_max=10, bytes_max=100, hurry_bytes=50), []
    for number, step in enumerate(steps):
        if step == "take":
            taken = buffer.take(60)
            assert taken == model[: len(taken)]
            model = model[len(taken) :]
            buffer.settle(sum(call.rows for call in taken))
            continue
        came = call(str(number), *step)
        if came.rows > 10 or came.size > 100:
            assert buffer.put(came) == ("too_large", came.rows)
            continue
        model.append(came)
        evicted = 0
        while sum(call.rows for call in model) > 10 or sum(call.size for call in model) > 100:
            evicted += model.pop(0).rows
        assert buffer.put(came) == (("buffer_full", evicted) if evicted else None)
    assert buffer.unsettled_rows == sum(call.rows for call in model)
    assert buffer.take(10**6) == model
