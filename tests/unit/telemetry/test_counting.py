import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.counting import ROWS_AT_ONCE, RowCounter
from shared.telemetry.profiles import CategoricalReference, NumericReference, ReferenceProfile
from tests.unit.telemetry.telemetry_builders import steady

PROFILE = ReferenceProfile(
    rows=4,
    features={
        "distance": NumericReference(edges=(1.0, 2.0, 3.0), counts=(1, 1, 1, 1), min=0.0, max=5.0),
        "carrier": CategoricalReference(counts={"AA": 2, "UA": 2}),
        "stops": CategoricalReference(counts={"0": 2, "1": 1, "true": 1}),
        "prediction": NumericReference(edges=(0.25, 0.75), counts=(1, 2, 1)),
    },
)
COUNTER = RowCounter(PROFILE)
numbers = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63)
    | st.sampled_from(["2.5", "x", ""])
)
texts = st.none() | st.sampled_from(["AA", "UA", "B6", "", "\0", "(another)", "é"])
loose = numbers | texts
input_rows = st.fixed_dictionaries({}, optional={"distance": numbers, "carrier": texts, "stops": loose, "else": loose})
output_rows = st.fixed_dictionaries({"prediction": numbers})


def same(one, other):
    ours, theirs = one.moments, other.moments
    return (
        one.counts.tolist() == other.counts.tolist()
        and (ours.lowest.tobytes(), ours.highest.tobytes()) == (theirs.lowest.tobytes(), theirs.highest.tobytes())
        and (ours.sums, ours.squares) == (theirs.sums, theirs.squares)
    )


def typed(rows, row_type):
    return msgspec.json.decode(json.dumps(rows), type=list[row_type])


@steady
@given(st.lists(input_rows, max_size=8), st.lists(output_rows, max_size=8))
def test_rows_of_the_models_own_type_count_as_objects_do(inputs, outputs):
    plain = COUNTER.count(inputs, outputs)
    own = COUNTER.count(typed(inputs, COUNTER.types.input_row), typed(outputs, COUNTER.types.output_row))
    assert same(own, plain)
    assert same(COUNTER.count(typed(inputs, COUNTER.types.input_row), outputs), plain)


@steady
@given(st.lists(input_rows, max_size=12), st.lists(output_rows, max_size=12), st.integers(0, 12))
def test_how_rows_are_cut_into_batches_does_not_matter(inputs, outputs, cut):
    whole = COUNTER.count(inputs, outputs)
    parts = COUNTER.count(inputs[:cut], outputs[cut:]).plus(COUNTER.count(inputs[cut:], outputs[:cut]))
    assert same(whole, parts)


def test_more_rows_than_are_counted_at_once_are_all_counted():
    generator = np.random.default_rng(7)
    column = generator.normal(2, 1, size=3 * ROWS_AT_ONCE + 5).tolist()
    counted = COUNTER.count([{"distance": value, "carrier": "AA"} for value in column], [])
    bins = PROFILE.feature_counts(counted.counts)["distance"]
    assert bins.bins.tolist() == np.bincount(np.searchsorted([1.0, 2.0, 3.0], column), minlength=4).tolist()
    assert bins.outside == sum(value < 0.0 or value > 5.0 for value in column)


def test_type_errors_are_told_from_nulls_on_either_way():
    rows = [{"distance": "x"}, {"distance": None}, {}, {"distance": 1}]
    for inputs in (rows, typed(rows, COUNTER.types.input_row)):
        found = PROFILE.feature_counts(COUNTER.count(inputs, []).counts)["distance"]
        assert (found.bins.sum(), found.nulls, found.type_errors) == (1, 2, 1)


def test_a_category_that_is_not_listed_is_outside():
    for rows in ([{"carrier": "B6"}], typed([{"carrier": "B6"}], COUNTER.types.input_row)):
        found = PROFILE.feature_counts(COUNTER.count(rows, []).counts)["carrier"]
        assert (found.bins.tolist(), found.outside) == ([0, 0, 1], 1)


def test_the_spread_names_the_numbers_that_came():
    counted = COUNTER.count([{"distance": 2.0}, {"distance": 4.0}], [{"prediction": 0.5}])
    spread = COUNTER.spread(counted)
    assert (spread["distance"].mean, spread["distance"].deviation, spread["distance"].min) == (3.0, 1.0, 2.0)
    assert spread["prediction"].mean == 0.5
    assert COUNTER.spread(COUNTER.count([{"distance": None}], [])) == {}


def test_a_profile_without_prediction_counts_none():
    counter = RowCounter(ReferenceProfile(rows=1, features={"distance": PROFILE.features["distance"]}))
    assert not counter.count([], [{"prediction": 1.0}]).counts.any()
    assert counter.numbers == ("distance",)


@pytest.mark.parametrize("name", ["prediction", "carrier"])
def test_a_profile_of_one_feature_is_enough(name):
    counter = RowCounter(ReferenceProfile(rows=1, features={name: PROFILE.features[name]}))
    counted = counter.count([{"carrier": "AA", "prediction": math.pi}], [{"prediction": 0.1}])
    assert counted.counts.sum() == 1


@pytest.mark.parametrize("name", ["prediction", "carrier", "stops", "distance"])
def test_typed_rows_of_a_profile_of_one_feature_count_as_objects_do(name):
    counter = RowCounter(ReferenceProfile(rows=1, features={name: PROFILE.features[name]}))
    inputs = [{"carrier": "AA", "stops": 1, "distance": 2.5}, {"carrier": None, "stops": "x"}]
    outputs = [{"prediction": 0.5}, {"prediction": None}]
    own = counter.count(typed(inputs, counter.types.input_row), typed(outputs, counter.types.output_row))
    assert same(own, counter.count(inputs, outputs))
