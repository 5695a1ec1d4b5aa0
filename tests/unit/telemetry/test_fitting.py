"""Rows with a value of the wrong type are found, and they are those that counting calls type errors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.telemetry.columns import count_categories, numbers_of
from shared.telemetry.fitting import misfits
from shared.telemetry.profiles import EXTRAS, NumericReference, ReferenceProfile
from tests.unit.telemetry.telemetry_builders import PROFILE, steady

TYPE_ERRORS = -EXTRAS + 1

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=80),
    st.sampled_from(["1.5", " 2 ", "", "nan", "1e400", " " * 70, "9" * 70]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)


def type_errors(value, feature):
    if isinstance(feature, NumericReference):
        return len(numbers_of([value])[1])
    return count_categories([value], feature)[TYPE_ERRORS]


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ({"distance": 1, "carrier": "AA"}, True),
        ({"distance": "1.5", "carrier": 3}, True),
        ({"distance": None}, True),
        ({}, True),
        ({"distance": "far"}, False),
        ({"distance": 1, "carrier": ["AA"]}, False),
        ({"distance": {}}, False),
        ({"unknown": []}, True),
        ("no object", True),
    ],
)
def test_one_wrong_value_is_enough(row, fits):
    assert misfits([row], PROFILE) == (set() if fits else {0})


def test_a_row_is_named_by_its_place():
    assert misfits([{"distance": 1}, {"distance": "far"}, "none", {"carrier": {}}], PROFILE) == {1, 3}


@settings(steady, max_examples=150)
@given(st.lists(values, min_size=1, max_size=6), st.sampled_from(["distance", "carrier"]))
def test_they_are_the_rows_that_counting_calls_type_errors(column, name):
    feature = PROFILE.features[name]
    alone = ReferenceProfile(rows=1, features={name: feature})
    wrong = {place for place, value in enumerate(column) if type_errors(value, feature)}
    assert misfits([{name: value} for value in column], alone) == wrong
