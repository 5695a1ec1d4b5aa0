import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.columns import transpose
from shared.telemetry.counting import RowCounter
from shared.telemetry.profiles import EXTRAS, CategoricalReference, NumericReference, ReferenceProfile
from tests.unit.telemetry.telemetry_builders import steady

DISTANCE = NumericReference(edges=(1.0, 2.0, 3.0), counts=(1, 1, 1, 1), min=0.0, max=5.0)
CARRIER = CategoricalReference(counts={"AA": 1, "UA": 1, "3": 1, "2.0": 1, "true": 1, "False": 1})

hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**308, 10**320)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.sampled_from(["1", " 2.5 ", "nan", "1e400", "-inf", "", "1_0", "x" * 100_000, "9" * 100_000, "AA", "UA", "3"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=4,
)


def count_column(column, feature):
    """The bins of a column, then its nulls, type errors and values outside, as rows of one feature are counted."""
    counter = RowCounter(ReferenceProfile(rows=1, features={"it": feature}))
    return counter.count([{"it": value} for value in column], ()).counts


def numeric(*values, feature=DISTANCE):
    """Bins, nulls, type errors and values outside of a numeric column."""
    counts = count_column(values, feature).tolist()
    return counts[:-EXTRAS], *counts[-EXTRAS:]


def categorical(*values):
    """Which listed values were counted, then nulls, type errors and values outside."""
    counts = count_column(values, CARRIER).tolist()
    listed = {text: counts[position] for text, position in CARRIER.index.items() if counts[position]}
    return listed, *counts[-EXTRAS:]


def test_an_upper_edge_belongs_to_its_bin_as_in_the_reference():
    assert numeric(0.5, 1.0, 1.5, 2.0, 3.0, 3.1) == ([2, 2, 1, 1], 0, 0, 0)


def test_bins_are_those_that_pandas_and_numpy_count_at_training_time():
    values = np.random.default_rng(2).normal(2, 1, size=500).round(1)
    expected = np.bincount(np.searchsorted(DISTANCE.edges, values, side="left"), minlength=4)
    assert numeric(*values.tolist())[0] == expected.tolist()


@pytest.mark.parametrize("value", [None, math.nan, "", "  ", "nan", "NaN"])
def test_what_is_missing_is_null(value):
    assert numeric(value, 1.5) == ([0, 1, 0, 0], 1, 0, 0)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1],
        {},
        {"a": 1},
        "far",
        "1,5",
        "0x10",
        "9" * 65,
        pytest.param("1" * 100_000, id="long"),
        " " * 100 + "1",
        b"1x",
    ],
)
def test_what_is_no_number_is_a_type_error(value):
    assert numeric(value, 1.5) == ([0, 1, 0, 0], 0, 1, 0)


@pytest.mark.parametrize("value", [1.5, "1.5", " 1.5\n", "15e-1"])
def test_text_that_reads_as_a_number_is_one(value):
    assert numeric(value) == ([0, 1, 0, 0], 0, 0, 0)


def test_booleans_are_zero_and_one():
    assert numeric(True, False) == ([2, 0, 0, 0], 0, 0, 0)


@pytest.mark.parametrize("value", [math.inf, 1e308, pytest.param(10**400, id="huge"), "1e400", "inf"])
def test_what_is_too_large_counts_in_the_last_bin_and_outside(value):
    assert numeric(value) == ([0, 0, 0, 1], 0, 0, 1)


@pytest.mark.parametrize("value", [-math.inf, pytest.param(-(10**400), id="huge"), "-1e400", -0.001])
def test_what_is_too_small_counts_in_the_first_bin_and_outside(value):
    assert numeric(value) == ([1, 0, 0, 0], 0, 0, 1)


def test_the_range_of_the_reference_itself_is_inside():
    assert numeric(0.0, 5.0) == ([1, 0, 0, 1], 0, 0, 0)


def test_without_a_known_range_nothing_is_outside():
    assert numeric(-1e9, 1e9, feature=NumericReference(edges=(0.0,), counts=(1, 1))) == ([1, 1], 0, 0, 0)


def test_a_feature_without_edges_has_one_bin():
    assert numeric(7, None, "x", feature=NumericReference(edges=(), counts=(9,))) == ([1], 1, 1, 0)


def test_categories_are_counted_by_their_text():
    assert categorical("AA", "UA", "AA") == ({"AA": 2, "UA": 1}, 0, 0, 0)


@pytest.mark.parametrize(
    "value",
    [
        "B6",
        "aa",
        "",
        "AA ",
        pytest.param(10**5000, id="huge"),
        4,
        math.inf,
        0.5,
        pytest.param("x" * 100_000, id="long"),
    ],
)
def test_a_value_that_the_reference_does_not_list_counts_as_outside(value):
    counts = count_column(["AA", value], CARRIER).tolist()
    assert counts[CARRIER.bins - 1] == 1
    assert categorical("AA", value) == ({"AA": 1}, 0, 0, 1)


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_missing_category_is_null(value):
    assert categorical(value, "UA") == ({"UA": 1}, 1, 0, 0)


@pytest.mark.parametrize("value", [[], ["AA"], {}, {"AA": 1}, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_category_of_another_shape_is_a_type_error(value):
    assert categorical(value, "UA") == ({"UA": 1}, 0, 1, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (3.0, "3"), (2, "2.0"), (2.0, "2.0"), (True, "true"), (False, "False")],
)
def test_a_number_meets_its_category_however_training_spelt_it(value, text):
    assert categorical(value) == ({text: 1}, 0, 0, 0)


def test_one_and_true_are_different_categories_although_they_are_equal():
    feature = CategoricalReference(counts={"1": 1, "True": 1})
    for column in ([1, True, 1.0], [True, 1, 1.0]):
        assert count_column(column, feature).tolist()[:2] == [2, 1]


@steady
@given(st.lists(hostile, max_size=12), st.integers(0, 12), st.sampled_from([DISTANCE, CARRIER]))
def test_each_value_is_judged_alone(column, cut, feature):
    whole = count_column(column, feature)
    assert np.array_equal(whole, count_column(column[:cut], feature) + count_column(column[cut:], feature))
    assert np.array_equal(whole, count_column(column[::-1], feature))


@steady
@given(st.lists(hostile, max_size=12), st.sampled_from([DISTANCE, CARRIER]))
def test_every_value_counts_once(column, feature):
    counts = count_column(column, feature)
    assert counts.min() >= 0
    assert counts[:-1].sum() == len(column)  # bins, nulls and type errors; what is outside is in a bin as well


def test_columns_are_picked_and_gaps_are_none():
    pick_two, pick_one = (lambda row: (row["a"], row["b"])), (lambda row: row["a"])
    assert transpose([{"a": 1, "b": 2, "c": 0}, {"b": 4, "a": 3}], ["a", "b"], pick_two) == [(1, 3), (2, 4)]
    assert transpose([{"a": 1}, {"b": 4}], ["a", "b"], pick_two) == [[1, None], [None, 4]]
    assert transpose([{"a": 1}, {"a": 2}], ["a"], pick_one) == [[1, 2]]
    assert transpose([{"a": 1}, {}], ["a"], pick_one) == [[1, None]]
