import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.drift import chi_squared, jensen_shannon, ks, psi
from shared.telemetry.profiles import EXTRAS, CategoricalReference, NumericReference, ReferenceProfile
from shared.telemetry.scoring import CHUNK_VALUES, prepare, score, score_each
from tests.unit.telemetry.telemetry_builders import PROFILE, steady


def reference(rng, kind, bins):
    counts = [int(count) for count in rng.integers(0, 1_000, bins) * rng.integers(0, 2, bins)]
    counts[int(rng.integers(bins))] += 1
    if kind == "numeric":
        return NumericReference(edges=tuple(float(edge) for edge in range(bins - 1)), counts=tuple(counts))
    return CategoricalReference(counts={f"v{place}": count for place, count in enumerate(counts[1:])}, other=counts[0])


@st.composite
def compared(draw):
    """A profile of some features and some windows counted under it; in some of them a feature has no value."""
    shape = draw(
        st.lists(st.tuples(st.sampled_from(["numeric", "categorical"]), st.integers(2, 30)), min_size=1, max_size=8)
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    features = {f"f{place}": reference(rng, kind, bins) for place, (kind, bins) in enumerate(shape)}
    profile = ReferenceProfile(rows=1_000, features=features)
    scale = draw(st.sampled_from([1, 3, 1_000, 10**9]))
    windows = rng.integers(0, scale + 1, (draw(st.integers(1, 5)), profile.size))
    for where in profile.slices.values():
        windows[rng.random(len(windows)) < 0.2, where] = 0
    return profile, windows


def one_by_one(profile, window):
    """What the functions of drift say, feature by feature."""
    rows = []
    for name, counted in profile.feature_counts(window).items():
        counts, bins, numeric = (
            profile.features[name].bin_counts,
            counted.bins,
            isinstance(profile.features[name], NumericReference),
        )
        if not bins.any():
            rows.append([np.nan] * 5)
            continue
        table = chi_squared(counts, bins)
        rows.append(
            [
                psi(counts, bins),
                jensen_shannon(counts, bins),
                ks(counts, bins) if numeric else np.nan,
                np.nan if numeric else table.cramers_v,
                np.nan if numeric else table.balanced_v,
            ]
        )
    return np.array(rows).T


def assert_same(found, expected):
    np.testing.assert_allclose(np.array(found), expected, rtol=0, atol=1e-12)


@steady
@given(compared())
def test_all_scores_at_once_are_those_of_the_functions_one_by_one(case):
    profile, windows = case
    found = score(prepare(profile), windows)
    for place, window in enumerate(windows):
        assert_same([scores[place] for scores in found], one_by_one(profile, window))


@steady
@given(compared())
def test_a_window_scores_the_same_alone_and_among_others(case):
    profile, windows = case
    prepared = prepare(profile)
    together = score(prepared, windows)
    for place, window in enumerate(windows):
        assert_same(score(prepared, window), [scores[place] for scores in together])


@steady
@given(compared())
def test_a_window_like_its_reference_scores_nothing(case):
    profile, _ = case
    window = np.zeros(profile.size, dtype=np.int64)
    for name, where in profile.slices.items():
        window[where][:-EXTRAS] = profile.features[name].bin_counts * 7
    for scores in score(prepare(profile), window):
        assert np.all(np.isnan(scores) | (np.abs(scores) < 1e-12))


def wide(seed, features=40, bins=20):
    rng = np.random.default_rng(seed)
    kinds = ["categorical" if place % 5 == 0 else "numeric" for place in range(features)]
    return ReferenceProfile(
        rows=100, features={f"f{place:02}": reference(rng, kind, bins) for place, kind in enumerate(kinds)}
    )


def test_more_windows_than_fit_a_chunk_are_scored_each_in_its_row():
    profile = wide(1)
    windows = np.random.default_rng(2).integers(0, 50, (3 * CHUNK_VALUES // profile.size + 2, profile.size))
    found = score(prepare(profile), windows)
    for place in (0, len(windows) // 2, len(windows) - 1):
        assert_same([scores[place] for scores in found], one_by_one(profile, windows[place]))


def test_models_with_the_same_features_are_each_compared_with_their_own_reference():
    profiles = [wide(seed) for seed in range(30)]
    windows = np.random.default_rng(3).integers(0, 50, (30, profiles[0].size))
    found = score_each([prepare(profile) for profile in profiles], windows)
    for place, (profile, window) in enumerate(zip(profiles, windows, strict=True)):
        assert_same([scores[place] for scores in found], one_by_one(profile, window))


def test_the_widest_profile_still_scores_to_the_twelfth_digit():
    profile = wide(4, features=500, bins=65)
    window = np.random.default_rng(5).integers(0, 10_000, profile.size)
    assert_same(score(prepare(profile), window), one_by_one(profile, window))


def test_nulls_and_type_errors_are_no_drift():
    window = np.arange(1, PROFILE.size + 1)
    dirty = window.copy()
    for where in PROFILE.slices.values():
        dirty[where][-EXTRAS:] += 1_000
    assert_same(score(prepare(PROFILE), dirty), np.array(score(prepare(PROFILE), window)))


def test_a_feature_without_a_value_has_no_score_and_leaves_its_neighbours_alone():
    window = np.arange(1, PROFILE.size + 1)
    window[PROFILE.slices["distance"]] = 0
    names = list(PROFILE.slices)
    found = score(prepare(PROFILE), window)
    assert [name for name, value in zip(names, found.psi, strict=True) if np.isnan(value)] == ["distance"]
    assert_same(found, one_by_one(PROFILE, window))


def test_categories_have_no_order_and_numbers_no_table():
    found = score(prepare(PROFILE), np.ones(PROFILE.size, dtype=np.int64))
    numeric = [isinstance(PROFILE.features[name], NumericReference) for name in PROFILE.slices]
    assert np.isnan(found.ks).tolist() == [not is_number for is_number in numeric]
    assert np.isnan(found.cramers_v).tolist() == np.isnan(found.balanced_v).tolist() == numeric


def test_preparing_the_same_features_again_shares_what_does_not_depend_on_the_counts():
    assert prepare(wide(1)).layout is prepare(wide(2)).layout


def test_counts_of_another_size_are_refused():
    with pytest.raises(ValueError, match="not those of windows of"):
        score(prepare(PROFILE), np.ones(PROFILE.size + 1, dtype=np.int64))


def test_references_of_other_features_are_not_compared_together():
    windows = np.ones((2, PROFILE.size), dtype=np.int64)
    with pytest.raises(ValueError, match="of one layout"):
        score_each([prepare(PROFILE), prepare(wide(1))], windows)
    with pytest.raises(ValueError, match="of one layout"):
        score_each([], windows)


def test_every_window_needs_its_reference():
    with pytest.raises(ValueError, match="1 references cannot be those of 2 windows"):
        score_each([prepare(PROFILE)], np.ones((2, PROFILE.size), dtype=np.int64))


def test_a_reference_that_counted_nothing_cannot_be_prepared():
    empty = ReferenceProfile(rows=0, features={"x": NumericReference(edges=(1.0,), counts=(0, 0))})
    with pytest.raises(ValueError, match="at least one count"):
        prepare(empty)
