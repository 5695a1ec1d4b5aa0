"""An even sample of a long table: bounded, the same for the same seed, and fair to every row."""

import numpy as np
import pytest

from shared.telemetry.column_sample import CELLS_MAX, ColumnSample
from shared.telemetry.profiles import FEATURES_MAX, ProfileError

SEED = 42


def sample(rows_max, seed=SEED):
    return ColumnSample(rows_max, np.random.default_rng(seed))


def sampled(rows, rows_max, chunk, seed=SEED):
    found = sample(rows_max, seed)
    for start in range(0, rows, chunk):
        numbers = list(range(start, min(start + chunk, rows)))
        found.add({"n": numbers, "text": [f"row {n}" for n in numbers]}, len(numbers))
    return found


def test_a_short_table_is_kept_whole_and_in_order():
    found = sampled(100, 100, 7)
    assert found.columns()["n"] == list(range(100))
    assert found.is_everything


def test_of_a_longer_one_just_so_many_rows_stay_each_with_its_own_values():
    found = sampled(1000, 100, 64)
    columns = found.columns()
    assert len(set(columns["n"])) == 100
    assert columns["text"] == [f"row {n}" for n in columns["n"]]
    assert found.rows == 1000
    assert not found.is_everything


@pytest.mark.parametrize("chunk", [1, 13, 250, 1000])
def test_the_sample_does_not_depend_on_how_many_rows_come_at_a_time(chunk):
    assert sampled(1000, 100, chunk).columns() == sampled(1000, 100, 500).columns()


def test_the_seed_chooses():
    assert sampled(1000, 100, 100, seed=1).columns() == sampled(1000, 100, 100, seed=1).columns()
    assert sampled(1000, 100, 100, seed=1).columns() != sampled(1000, 100, 100, seed=2).columns()


def test_every_row_has_the_same_chance():
    times = np.zeros(200)
    for seed in range(400):
        times[sampled(200, 50, 30, seed).columns()["n"]] += 1
    expected, variance = 400 * 50 / 200, 400 * 0.25 * 0.75
    assert np.all(np.abs(times - expected) < 5 * variance**0.5)


def test_what_is_held_meanwhile_is_bounded_too():
    found = sample(10)
    for start in range(0, 10_000, 10):
        found.add({"n": list(range(start, start + 10))}, 10)
        assert len(found._draws) <= 30


def test_a_column_that_comes_later_or_is_missing_is_none_there():
    found = sample(10)
    found.add({"a": [1]}, 1)
    found.add({"b": [2]}, 1)
    assert found.columns() == {"a": [1, None], "b": [None, 2]}
    assert found.names == ("a", "b")


def test_of_a_wide_table_fewer_rows_are_held():
    found = sample(1_000_000)
    found.add({str(n): [0] for n in range(FEATURES_MAX)}, 1)
    assert found._limit == CELLS_MAX // FEATURES_MAX


def test_more_columns_than_features_are_allowed_are_refused():
    with pytest.raises(ProfileError, match="more than 500 columns"):
        sample(10).add({str(n): [0] for n in range(FEATURES_MAX + 1)}, 1)


def test_a_table_without_columns_has_rows_all_the_same():
    found = sample(10)
    found.add({}, 5)
    assert (found.rows, found.columns()) == (5, {})
