import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.grid import Grid
from shared.telemetry.profiles import EXTRAS, NumericReference
from tests.unit.telemetry.telemetry_builders import steady

finite = st.floats(-1e300, 1e300)
edges = st.lists(finite, max_size=20, unique=True).map(sorted)
values = st.floats(allow_nan=True, allow_infinity=True)


def feature(its_edges, least=None, greatest=None):
    return NumericReference(edges=tuple(its_edges), counts=(1,) * (len(its_edges) + 1), min=least, max=greatest)


def grid_of(*features):
    starts = np.concatenate([[0], np.cumsum([each.bins + EXTRAS for each in features])]).astype(int).tolist()
    return Grid(features, starts[:-1], starts[-1]), starts


def one_by_one(its_feature, column):
    """Bins, nulls, type errors and values outside, each value judged by itself."""
    counts = [0] * (its_feature.bins + EXTRAS)
    for value in column:
        if np.isnan(value):
            counts[its_feature.bins] += 1
            continue
        counts[int(its_feature.edges_array.searchsorted(value))] += 1
        below = its_feature.min is not None and value < its_feature.min
        above = its_feature.max is not None and value > its_feature.max
        counts[-1] += below or above
    return counts


@steady
@given(st.lists(edges, min_size=1, max_size=4), st.data())
def test_a_value_falls_where_a_search_among_the_edges_puts_it(several, data):
    features = [
        feature(each, *data.draw(st.sampled_from([(None, None), (each[0], each[-1])]))) if each else feature(each)
        for each in several
    ]
    near = [edge for each in several for edge in (*each, *np.nextafter(each, np.inf), *np.nextafter(each, -np.inf))]
    column = st.lists(values | (st.sampled_from(near) if near else st.nothing()), min_size=1, max_size=12)
    rows = data.draw(column)
    matrix = np.array([data.draw(st.permutations(rows)) for _ in features], dtype=np.float64)
    grid, starts = grid_of(*features)
    counts, _ = grid.count(matrix)
    for its_feature, start, column in zip(features, starts, matrix, strict=False):
        assert counts[start : start + its_feature.bins + EXTRAS].tolist() == one_by_one(its_feature, column)


@pytest.mark.parametrize("sigma", [0.1, 3.0, 12.0])
def test_edges_that_crowd_into_one_cell_are_still_told_apart(sigma):
    generator = np.random.default_rng(4)
    reference = generator.lognormal(sigma=sigma, size=5_000)
    skewed = feature(np.unique(np.quantile(reference, np.linspace(0, 1, 65)[1:-1])).tolist(), 0.0, 1.0)
    column = generator.lognormal(sigma=sigma, size=3_000)
    counts, _ = grid_of(skewed)[0].count(column[None, :])
    assert counts.tolist() == one_by_one(skewed, column)


def test_some_of_the_features_may_be_counted_alone():
    grid, starts = grid_of(feature([1.0]), feature([5.0, 6.0]))
    counts, moments = grid.count(np.array([[5.5, 9.0]]), first=1)
    assert counts[: starts[1]].tolist() == [0] * starts[1]
    assert counts[starts[1] :].tolist() == [0, 1, 1, 0, 0, 0]
    assert (moments.lowest.tolist(), moments.highest.tolist()) == ([5.5], [9.0])


def test_minus_infinity_is_outside_only_of_a_range_that_is_known():
    rows = np.array([[-np.inf, np.inf]])
    assert grid_of(feature([1.0]))[0].count(rows)[0].tolist() == [1, 1, 0, 0, 0]
    assert grid_of(feature([1.0], 0.0, 2.0))[0].count(rows)[0].tolist() == [1, 1, 0, 0, 2]


def test_no_features_and_no_rows_are_fine():
    assert grid_of()[0].count(np.empty((0, 3)))[0].tolist() == []
    grid, starts = grid_of(feature([1.0]))
    counts, moments = grid.count(np.empty((1, 0)))
    assert counts.tolist() == [0] * starts[-1]
    assert (moments.lowest[0], moments.highest[0], moments.sums) == (np.inf, -np.inf, (0,))
