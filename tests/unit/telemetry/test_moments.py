import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.grid import Grid
from shared.telemetry.moments import REACH, ROWS_MAX, Moments, Units, no_moments
from shared.telemetry.profiles import NumericReference
from tests.unit.telemetry.telemetry_builders import steady

SPEED = NumericReference(edges=(10.0, 20.0, 30.0, 40.0), counts=(1,) * 5, min=0.0, max=60.0)
DELAY = NumericReference(edges=(-1e-3, 1e-3), counts=(1,) * 3)
GRID = Grid([SPEED, DELAY], [0, 8], 14)
values = st.floats(allow_nan=True, allow_infinity=True)
rows = st.lists(st.tuples(values, values), max_size=20)


def moments(some):
    return GRID.count(np.array(some, dtype=np.float64).reshape(-1, 2).T)[1]


def bits(of: Moments):
    return of.lowest.tobytes(), of.highest.tobytes(), of.sums, of.squares


@steady
@given(rows, st.integers(0, 20), st.randoms(use_true_random=False))
def test_sums_are_the_same_bit_for_bit_however_rows_are_cut_and_shuffled(some, cut, random):
    shuffled = random.sample(some, len(some))
    assert bits(moments(some)) == bits(moments(shuffled[:cut]).plus(moments(shuffled[cut:])))


@steady
@given(rows)
def test_nothing_changes_when_nothing_is_added(some):
    assert bits(moments(some).plus(no_moments(2))) == bits(no_moments(2).plus(moments(some))) == bits(moments(some))


@pytest.mark.parametrize("seed", range(5))
def test_mean_and_deviation_are_those_of_the_values(seed):
    column = np.random.default_rng(seed).normal(25, 12, size=ROWS_MAX)
    spread = GRID.units.spread(moments([(value, 0.0) for value in column]), 0, len(column))
    assert spread.mean == pytest.approx(column.mean(), abs=30 / 2**15)
    assert spread.deviation == pytest.approx(column.std(), rel=1e-3)
    assert (spread.min, spread.max) == (column.min(), column.max())


def test_whole_numbers_are_summed_without_any_error():
    spread = GRID.units.spread(moments([(11.0, 0.0), (14.0, 0.0), (20.0, 0.0)]), 0, 3)
    assert spread.mean == 15.0
    assert spread.deviation == pytest.approx(math.sqrt(14.0))


def test_the_most_rows_at_once_and_the_farthest_values_are_still_exact():
    farthest = moments([(math.inf, -math.inf)] * ROWS_MAX)
    assert farthest.sums == (ROWS_MAX * int(REACH), -ROWS_MAX * int(REACH))
    assert farthest.squares == (ROWS_MAX * int(REACH) ** 2,) * 2


def test_a_number_that_never_came_has_no_spread():
    assert GRID.units.spread(moments([]), 0, 0) is None
    assert GRID.units.spread(moments([(math.nan, 1.0)]), 0, 0) is None


def test_minus_zero_leaves_no_trace():
    assert bits(moments([(-0.0, 0.0), (0.0, -0.0)])) == bits(moments([(0.0, 0.0), (-0.0, 0.0)]))
    assert math.copysign(1.0, moments([(-0.0, 0.0)]).lowest[0]) == 1.0


@steady
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5, unique=True).map(sorted),
    st.lists(values, max_size=9),
)
def test_any_edges_give_units_in_which_any_value_is_finite(edges, column):
    units = Units.of([NumericReference(edges=tuple(edges), counts=(1,) * (len(edges) + 1))])
    present = [value for value in column if not math.isnan(value)]
    rounded = units.rounded(np.array([present], dtype=np.float64))
    assert np.isfinite(rounded).all()
    assert (np.abs(rounded) <= REACH).all()
    assert (np.diff(units.rounded(np.array([sorted(present)], dtype=np.float64))) >= 0).all()
