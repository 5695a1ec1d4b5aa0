"""What a value becomes before it is sent."""

import datetime as dt
import decimal
import enum
import json
import math
import uuid
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outerloop_emitter.plain import DEPTH_MAX, TooManyValuesError, finite, plain_rows, plain_values


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


class Angry:
    """Raises whatever it is asked."""

    def __getattr__(self, name):
        raise OSError(name)


class Stranger:
    pass


def test_plain_rows_are_passed_on_as_they_are():
    rows = [{"a": 1, "b": 2.5, "c": "x", "d": None, "e": True, "f": math.nan}]
    assert plain_rows(rows) is rows


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.float32("inf"), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("UA"), "UA"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, math.nan]), [1.0, None]),
        (np.datetime64("2013-02-01T05:00:00"), "2013-02-01T05:00:00"),
        (np.datetime64("NaT", "s"), None),
        (pd.Timestamp("2013-02-01T05:00:00Z"), "2013-02-01T05:00:00+00:00"),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Series([1, 2]), [1, 2]),
        (dt.datetime(2013, 2, 1, 5, tzinfo=dt.UTC), "2013-02-01T05:00:00+00:00"),
        (dt.date(2013, 2, 1), "2013-02-01"),
        (decimal.Decimal("2.5"), 2.5),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Size.LARGE, 3),
        (b"UA", "UA"),
        (b"\xff", None),
        ((1, 2.0, "x", None), [1, 2.0, "x", None]),
        ([math.nan, [math.inf, 1]], [None, [None, 1]]),
        (OrderedDict(a={"b": (np.int8(1),)}), {"a": {"b": [1]}}),
        ({1: "x", None: "y"}, {"1": "x", "None": "y"}),
        (Stranger(), None),
        (Angry(), None),
        (1j, None),
    ],
    ids=lambda value: type(value).__name__,  # an address in an id would differ from process to process
)
def test_an_odd_value_becomes_what_json_can_hold(value, expected):
    (row,) = plain_rows([{"value": value, "beside": 1}])
    assert row == {"value": expected, "beside": 1}
    assert type(row["value"]) is type(expected)


def test_one_odd_value_changes_no_other():
    rows = [{"a": 1, "b": "x"}, {"a": np.int64(2), "b": "y"}]
    assert plain_rows(rows) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_names_become_text():
    assert plain_rows([{1: np.int64(1), ("a", "b"): 2}]) == [{"1": 1, "('a', 'b')": 2}]


@pytest.mark.parametrize("row", [5, "text", None, [1, 2]])
def test_what_is_no_row_is_refused(row):
    with pytest.raises((TypeError, ValueError)):
        plain_rows([{"a": 1}, row])


def test_a_value_that_holds_itself_ends():
    knot = [1]
    knot.append(knot)
    (row,) = plain_rows([{"knot": knot}])
    assert json.dumps(row).count("1") == DEPTH_MAX


def test_deep_values_are_cut_off():
    value = 1
    for _ in range(100_000):
        value = [value]
    (row,) = plain_rows([{"deep": value}])
    assert json.dumps(row["deep"]) == "[" * DEPTH_MAX + "null" + "]" * DEPTH_MAX


@pytest.mark.parametrize("value", [np.zeros(2_000_000), [0] * 2_000_000], ids=["array", "list"])
def test_more_values_than_a_request_has_time_for_are_refused(value):
    with pytest.raises(TooManyValuesError):
        plain_values([value])


def test_an_array_that_is_too_large_is_not_even_made_a_list():
    class Array:
        size = 10**9

        def tolist(self):
            return "made"

    with pytest.raises(TooManyValuesError):
        plain_values([Array()])


def test_a_value_that_holds_itself_many_times_is_refused():
    knot = []
    knot += [knot] * 50
    with pytest.raises(TooManyValuesError):
        plain_values([knot])


def test_a_number_larger_than_any_float_is_none():
    assert finite({"a": 10**400, "b": [-(10**400)], "c": 2**63}) == {"a": None, "b": [None], "c": 2**63}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), values, max_size=3), max_size=3))
def test_whatever_is_made_plain_is_json_and_stays_as_it_is(rows):
    once = [finite(row) for row in plain_rows(rows)]
    json.dumps(once, allow_nan=False)
    assert [finite(row) for row in plain_rows(once)] == once
    assert [len(row) for row in once] == [len(row) for row in rows]
