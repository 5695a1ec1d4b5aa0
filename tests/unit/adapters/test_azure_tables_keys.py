"""Keys hold no character that Azure forbids, sort as what they stand for, and never mix two names."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.azure_tables_keys import (
    BUCKETS,
    KEY_LENGTH_MAX,
    after,
    at,
    beginning,
    bucket,
    buckets,
    falling,
    hashed,
    key,
    name_in,
    open_key,
    rising,
)

FORBIDDEN = set("/\\#?\t\n\r'~%")
names = st.text(max_size=60).filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text))
numbers = st.integers(0, 10**19)


@given(names, names)
def test_a_key_has_plain_characters_only(kind_of_name, other):
    found = key("kind", kind_of_name, other)
    assert found.isascii()
    assert found.isprintable()
    assert not FORBIDDEN & set(found)
    assert len(found) <= KEY_LENGTH_MAX + len("kind||")


@given(st.tuples(names, names), st.tuples(names, names))
def test_two_pairs_of_names_have_one_key_only_when_they_are_the_same(first, second):
    assert (key("kind", *first) == key("kind", *second)) == (first == second)


@pytest.mark.parametrize("length", [199, 200, 201, 5000])
def test_a_name_of_any_length_makes_a_key_that_azure_takes(length):
    name = "n" * length
    assert len(key("command", name, name)) < KEY_LENGTH_MAX
    assert key("command", name) != key("command", name + "n")


def test_an_escape_and_a_hash_cannot_be_taken_for_each_other():
    long = "n" * 300
    assert key("kind", key("kind", long).partition("|")[2]) != key("kind", long)


@given(names)
def test_a_name_is_read_back_from_its_open_key(name):
    assert name_in(open_key("document", name)) == name


@given(names, names)
def test_what_begins_with_a_prefix_lies_between_its_bounds_and_nothing_else_does(prefix, name):
    low = open_key("document", prefix)
    assert (low <= open_key("document", name) < after(low)) == name.startswith(prefix)


@given(names, names)
def test_the_rows_of_a_name_are_not_those_of_a_longer_one(name, more):
    low = beginning("hold", name)
    assert low <= key("hold", name, more) < after(low)
    if more:
        assert not low <= key("hold", name + more, "h") < after(low)


@given(numbers, numbers)
def test_numbers_sort_as_text(first, second):
    assert (rising(first) < rising(second)) == (first < second)
    assert (falling(first) < falling(second)) == (first > second)


def test_moments_sort_as_text_to_the_microsecond():
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert at(moment) < at(moment + timedelta(microseconds=1))
    assert at(datetime(1969, 1, 1, tzinfo=UTC)) == rising(0)


def test_names_are_spread_over_all_partitions_for_good():
    found = [bucket(f"workload/{n}") for n in range(1000)]
    assert sorted(set(found)) == buckets()
    assert min(found.count(each) for each in buckets()) > 1000 / BUCKETS / 2
    assert (bucket("workload/flights"), bucket("workload/0"), BUCKETS) == ("04", "03", 8)


def test_a_hash_is_of_fixed_length():
    assert len(hashed("")) == len(hashed("x" * 10_000)) == 40
