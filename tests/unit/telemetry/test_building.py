"""Reference profiles from columns of values: the edges are quantiles, and every value is counted as production counts it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.accumulate import accumulate
from shared.telemetry.building import BINS, Choices, Tally, outline, quantile_edges
from shared.telemetry.counting import RowCounter
from shared.telemetry.drift import jensen_shannon, ks, psi
from shared.telemetry.profiles import (
    CATEGORIES_MAX,
    EDGES_MAX,
    EXTRAS,
    CategoricalReference,
    NumericReference,
    ProfileError,
    ReferenceProfile,
)
from tests.unit.telemetry.telemetry_builders import BLUE, inputs, outputs, steady

SEED = 20130101


def built(columns, predictions=(), **choices):
    """The profile of whole columns, outlined and counted."""
    tally = Tally(outline(columns, predictions, Choices(**choices)).profile)
    tally.add(columns, len(next(iter(columns.values()), ())))
    tally.add_predictions(predictions)
    return tally.profile()


def feature(values, **choices):
    return built({"x": values}, **choices).features["x"]


def count_column(column, feature):
    """The bins of a column, then its nulls, type errors and values outside, as production counts rows."""
    counter = RowCounter(ReferenceProfile(rows=1, features={"it": feature}))
    return counter.count([{"it": value} for value in column], ()).counts


def notes_on(values, **choices):
    return outline({"x": values, "other": [1]}, (), Choices(**choices)).notes.get("x", "")


def normal(rows=10_000):
    return np.random.default_rng(SEED).normal(size=rows)


# The edges of numeric features


@pytest.mark.parametrize("bins", [2, 5, 10, 20, 65])
def test_the_edges_of_spread_values_are_the_quantiles_of_numpy(bins):
    values = normal()
    assert quantile_edges(values, bins) == tuple(np.quantile(values, np.arange(1, bins) / bins))


@pytest.mark.parametrize("bins", [2, 10, 20])
def test_each_bin_of_spread_values_holds_its_share(bins):
    counts = feature(normal().tolist(), bins=bins).bin_counts
    assert len(counts) == bins
    assert max(abs(counts - 10_000 / bins)) <= 1


def test_equal_quantiles_are_one_edge_so_a_frequent_value_makes_one_full_bin():
    rain = [0.0] * 900 + [amount / 10 for amount in range(1, 101)]
    found = feature(rain, bins=10)
    assert found.edges[0] == 0.0
    assert found.counts[0] == 900
    assert len(set(found.edges)) == len(found.edges)


def test_an_edge_at_the_maximum_goes_since_nothing_lies_beyond_it():
    sight = [amount / 10 for amount in range(100)] + [10.0] * 900
    found = feature(sight, bins=20)
    assert max(found.edges) < 10.0
    assert found.counts[-1] >= 900


def test_a_value_that_nearly_all_rows_share_at_the_maximum_still_has_its_bin():
    found = feature([amount / 100 for amount in range(30)] + [1.0] * 10_000)
    assert (found.edges, found.counts) == ((0.29,), (30, 10_000))


def test_few_values_have_a_bin_each():
    found = feature([1, 2, 2, 5, 5, 5], bins=3)
    assert (found.edges, found.counts) == ((1.0, 2.0), (1, 2, 3))


def test_as_many_values_as_bins_are_few_and_one_more_is_not():
    assert quantile_edges(np.arange(20.0), 20) == tuple(range(19))
    assert quantile_edges(np.arange(21.0), 20) == tuple(np.quantile(np.arange(21.0), np.arange(1, 20) / 20))


@pytest.mark.parametrize("value", [0.0, -0.0, 5.0, -3.25, 1e-320, 1e300, -1e300, 2.0**53])
def test_a_constant_feature_shows_any_change_of_its_value(value):
    found = feature([value] * 100)
    assert found.counts == (0, 100, 0)
    for changed in (math.nextafter(value, math.inf) or 1.0, -(abs(value) * 2 + 1), abs(value) * 2 + 1):
        window = count_column([changed] * 100, found)[: found.bins]
        assert psi(found.bin_counts, window) > 1
    assert psi(found.bin_counts, count_column([value] * 7, found)[: found.bins]) == 0


def test_the_edges_around_zero_are_no_numbers_that_some_processes_take_for_zero():
    assert feature([0.0] * 5).edges == (-np.finfo(np.float64).tiny, 0.0)


def test_a_feature_of_ones_and_zeros_has_two_bins():
    assert feature([True, False, 1, 0, "1"]).counts == (2, 3)


def test_minus_zero_is_zero_so_that_equal_edges_have_one_digest():
    one, other = built({"x": [-0.0, 1.0, 2.0]}), built({"x": [0.0, 1.0, 2.0]})
    assert one == other
    assert one.digest == other.digest


def test_infinities_lie_in_the_outer_bins_and_not_in_the_range():
    found = feature([*normal(1000).tolist(), math.inf, -math.inf], bins=10)
    assert all(map(math.isfinite, found.edges))
    assert -10 < found.min < found.max < 10
    assert sum(found.counts) == 1002


def test_numbers_too_large_to_interpolate_between_make_edges_all_the_same():
    found = feature([-1.7e308, 1.7e308] * 50 + [float(n) for n in range(100)], bins=4)
    assert list(found.edges) == sorted(set(found.edges))
    assert sum(found.counts) == 200


def test_the_most_edges_that_may_be_asked_for_are_kept():
    assert len(feature(normal().tolist(), bins=EDGES_MAX + 1).edges) == EDGES_MAX


# What a value is


def test_text_that_reads_as_numbers_is_numeric():
    assert feature(["1", " 2.5 ", "", None, "3e1"], bins=10).max == 30


def test_a_few_texts_among_many_numbers_are_type_errors_and_in_no_bin():
    column = [str(n) for n in range(500)] + ["?", "n/a", None]
    tally = Tally(outline({"x": column}, (), Choices()).profile)
    tally.add({"x": column}, len(column))
    found = tally.profile().features["x"]
    assert tally.type_errors["x"] == 2
    assert found.nulls == 1
    assert sum(found.counts) == 500


def test_texts_are_categorical_and_listed_by_frequency():
    found = feature(["UA", "AA", "UA", None, "DL"])
    assert found == CategoricalReference(counts={"UA": 2, "AA": 1, "DL": 1}, nulls=1)


def test_what_is_listed_is_bounded_and_the_rest_is_other():
    column = [f"c{n}" for n in range(CATEGORIES_MAX + 50)] + [f"c{n}" for n in range(CATEGORIES_MAX)]
    found = feature(column)
    assert found.counts == {f"c{n}": 2 for n in range(CATEGORIES_MAX)}
    assert found.other == 50


def test_of_values_that_are_equally_frequent_the_order_of_rows_does_not_choose():
    column = [f"c{n:03}" for n in range(CATEGORIES_MAX + 10)]
    assert feature(column) == feature(column[::-1])


def test_a_long_text_is_never_listed():
    assert feature(["short", "x" * 1000]) == CategoricalReference(counts={"short": 1}, other=1)


def test_numbers_that_are_declared_categorical_are_found_again_however_they_are_written():
    found = feature([1, 1.0, "1", 2, 2.5, True], categorical=frozenset({"x"}))
    assert found.counts == {"1": 3, "2": 1, "2.5": 1, "True": 1}
    assert found.other == 0


def test_a_column_that_is_declared_numeric_is_so_though_much_of_it_is_no_number():
    found = feature(["1", "2", "?", "?"], numeric=frozenset({"x"}))
    assert (found.edges, found.counts, found.nulls) == ((1.0,), (1, 1), 0)


@pytest.mark.parametrize("column", [[None, None], [math.nan], ["", " "], [[1], {}]])
def test_a_column_without_values_is_left_out_and_the_note_says_so(column):
    assert notes_on(column).startswith("left out: ")
    assert set(built({"x": column, "y": [1] * len(column)}).features) == {"y"}


def test_a_column_that_names_rows_is_noted():
    assert "1000 different values" in notes_on([f"row{n}" for n in range(1000)])
    assert notes_on([f"row{n % 5}" for n in range(1000)]) == ""


# The prediction


def test_the_prediction_is_profiled_as_any_number():
    scores = np.random.default_rng(SEED).random(1000).tolist()
    profile = built({"x": [1.0]}, scores, bins=10)
    assert profile.features["prediction"].counts == (100,) * 10
    assert profile.rows == 1000


@pytest.mark.parametrize("predictions", [["late", "in time"], ["", 1.0, "late"], [[0.1, 0.9]]])
def test_a_prediction_that_is_no_number_is_refused(predictions):
    with pytest.raises(ProfileError, match="must be a number"):
        outline({"x": [1]}, predictions, Choices())


def test_a_prediction_that_is_missing_everywhere_is_no_feature():
    assert set(built({"x": [1, 2]}, [None, None]).features) == {"x"}


def test_no_column_may_take_the_name_of_the_prediction():
    with pytest.raises(ProfileError, match="kept for the model's output"):
        outline({"prediction": [1]}, (), Choices())


def test_nothing_makes_no_profile():
    with pytest.raises(ProfileError, match="nothing to make a profile of"):
        outline({"x": [None]}, (), Choices())


# Counting


def test_a_feature_that_some_rows_lack_is_null_there():
    columns = {"x": [1, 2], "y": ["a", "b"]}
    tally = Tally(outline(columns, (), Choices()).profile)
    tally.add(columns, 2)
    tally.add({"x": [1, 2, 3]}, 3)
    assert tally.profile().features["y"].nulls == 3
    assert tally.profile().rows == 5


def test_the_range_is_that_of_all_rows_though_the_edges_are_of_a_sample():
    tally = Tally(outline({"x": [1.0, 2.0]}, (), Choices()).profile)
    tally.add({"x": [1.0, 2.0, 9.0]}, 3)
    tally.add({"x": ["-4"]}, 1)
    found = tally.profile().features["x"]
    assert (found.min, found.max) == (-4.0, 9.0)


def test_a_feature_without_a_value_in_any_counted_row_is_refused():
    tally = Tally(outline({"x": [1.0]}, (), Choices()).profile)
    tally.add({"x": [None]}, 1)
    with pytest.raises(ProfileError, match="'x' counted no value"):
        tally.profile()


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["1", "2", "AA", " 3 "]),
    st.just([1]),
)
columns_of_anything = st.lists(anything, min_size=1, max_size=60)


@steady
@given(columns_of_anything, st.integers(2, 20), st.sets(st.sampled_from(["x"])), st.sets(st.sampled_from(["x"])))
def test_whatever_a_column_holds_its_counts_sum_to_its_rows_without_the_nulls(column, bins, categorical, numeric):
    choices = Choices(bins, frozenset(categorical), frozenset(numeric))
    columns = {"x": column, "steady": [1] * len(column)}
    tally = Tally(outline(columns, (), choices).profile)
    tally.add(columns, len(column))
    features = tally.profile().features
    if "x" in features:
        found = features["x"]
        assert int(found.bin_counts.sum()) == len(column) - found.nulls - tally.type_errors["x"]
        assert not (found.edges if isinstance(found, NumericReference) else found.counts) or found.faults() == ""


@steady
@given(columns_of_anything)
def test_the_reference_is_counted_as_production_counts_the_same_rows(column):
    columns = {"x": column, "steady": [1] * len(column)}
    tally = Tally(outline(columns, (), Choices()).profile)
    tally.add(columns, len(column))
    for name, found in tally.profile().features.items():
        counts = count_column(columns[name], found)
        assert found.bin_counts.tolist() == counts[:-EXTRAS].tolist()
        assert found.nulls == counts[found.bins]
        assert tally.type_errors[name] == counts[found.bins + 1]


@steady
@given(columns_of_anything, st.integers(1, 10))
def test_how_many_rows_come_at_a_time_does_not_matter(column, size):
    layout = outline({"x": column, "steady": [1]}, column if all(isinstance(v, int) for v in column) else (), Choices())
    whole, pieces = Tally(layout.profile), Tally(layout.profile)
    whole.add({"x": column, "steady": [1] * len(column)}, len(column))
    for start in range(0, len(column), size):
        some = column[start : start + size]
        pieces.add({"x": some, "steady": [1] * len(some)}, len(some))
    for tally in (whole, pieces):
        tally.add_predictions([1])
    assert pieces.profile() == whole.profile()
    assert pieces.type_errors == whole.type_errors


@steady
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200), st.integers(2, 65))
def test_edges_are_finite_and_ascending_whatever_the_numbers(values, bins):
    found = feature(values, bins=bins)
    assert found.faults() == ""
    assert found.bins <= max(bins, 3)
    assert sum(found.counts) == len(values)
    assert found.counts[-1] > 0 or len(set(values)) == 1  # no bin that is empty for ever, but beside a constant


def test_a_reference_is_no_distance_from_itself():
    profile = built({"x": normal().tolist(), "c": ["a", "b"] * 5000}, normal().tolist())
    for each in profile.features.values():
        counts = each.bin_counts
        assert (psi(counts, counts), jensen_shannon(counts, counts), ks(counts, counts)) == (0, 0, 0)


def test_a_month_like_the_reference_lies_near_it_and_a_shifted_one_does_not():
    reference = feature(normal().tolist())
    later = np.random.default_rng(7).normal(size=10_000)
    assert psi(reference.bin_counts, count_column(later.tolist(), reference)[:-EXTRAS]) < 0.02
    assert psi(reference.bin_counts, count_column((later + 0.5).tolist(), reference)[:-EXTRAS]) > 0.2


def test_windows_of_the_same_rows_hold_the_counts_of_the_reference():
    random = np.random.default_rng(SEED)
    rows = [
        {"x": float(random.normal()), "carrier": str(random.choice(["AA", "UA"])), "hour": int(random.integers(24))}
        for _ in range(500)
    ]
    scores = random.random(500).tolist()
    profile = built({name: [row[name] for row in rows] for name in rows[0]}, scores, categorical=frozenset({"hour"}))
    messages = [inputs(*rows), outputs(*({"prediction": score} for score in scores))]
    [partial] = accumulate(messages, {BLUE.key: RowCounter(profile)}, {BLUE.key: ("1d",)}, "1m").partials
    for name, counted in profile.feature_counts(partial.counts).items():
        assert counted.bins.tolist() == profile.features[name].bin_counts.tolist()
        assert (counted.nulls, counted.type_errors, counted.outside) == (0, 0, 0)


def test_the_usual_number_of_bins_fits_what_profiles_allow():
    assert BINS - 1 <= EDGES_MAX
