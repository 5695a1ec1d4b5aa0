from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.limits import COUNT_MAX, Limit, parse_limit
from tests.unit.domain.builders import NOW, steady

TWO_A_DAY = Limit(2, timedelta(days=1))
ages_h = st.lists(st.integers(0, 72), max_size=12)


def hours_ago(*hours):
    return [NOW - timedelta(hours=hour) for hour in hours]


def test_a_limit_reads_as_people_write_it():
    assert parse_limit("2/1d") == TWO_A_DAY


def test_a_limit_is_written_as_it_is_read():
    assert str(parse_limit("5/7d")) == "5/1w"


@pytest.mark.parametrize("text", ["2", "2/", "/1d", "0/1d", "-1/1d", "two/1d", "2/day", "1.5/1d", ""])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="such as"):
        parse_limit(text)


def test_a_limit_beyond_what_is_remembered_is_refused_since_it_would_never_hold():
    parse_limit(f"{COUNT_MAX}/1d")
    with pytest.raises(ValueError, match="at most 50"):
        parse_limit(f"{COUNT_MAX + 1}/1d")


def test_below_the_count_it_is_free_now():
    assert TWO_A_DAY.free_at(hours_ago(1), NOW) is None


def test_at_the_count_it_is_free_when_the_oldest_that_counts_is_a_window_old():
    assert TWO_A_DAY.free_at(hours_ago(1, 20), NOW) == NOW + timedelta(hours=4)


def test_exactly_a_window_ago_counts_no_more():
    assert TWO_A_DAY.free_at(hours_ago(1, 24), NOW) is None


def test_beyond_the_count_as_many_have_to_pass_as_are_too_many():
    assert TWO_A_DAY.free_at(hours_ago(1, 2, 20), NOW) == NOW + timedelta(hours=22)


@given(ages_h, st.integers(1, 5))
@steady
def test_the_moment_that_is_named_is_free_and_no_earlier_one_is(ages, count):
    limit, past = Limit(count, timedelta(days=1)), hours_ago(*ages)
    free = limit.free_at(past, NOW)
    if free is None:
        assert sum(age < 24 for age in ages) < count
    else:
        assert free > NOW
        assert limit.free_at(past, free) is None
        assert limit.free_at(past, free - timedelta(seconds=1)) is not None
