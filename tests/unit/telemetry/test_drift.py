import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, entropy, ks_2samp
from scipy.stats.contingency import association

from shared.telemetry.drift import SHARE_MIN, chi_squared, jensen_shannon, ks, psi
from tests.unit.telemetry.telemetry_builders import steady

pairs = st.integers(1, 40).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 10**9), min_size=bins, max_size=bins)] * 2)
)
filled = st.integers(1, 40).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(1, 10_000), min_size=bins, max_size=bins)] * 2)
)


def counted(pair):
    assume(sum(pair[0]) and sum(pair[1]))
    return pair


@steady
@given(pairs)
def test_psi_is_the_formula_computed_directly(pair):
    reference, window = (np.array(counts, dtype=float) for counts in counted(pair))
    total = 0.0
    for expected, actual in zip(reference / reference.sum(), window / window.sum(), strict=True):
        p, q = max(expected, SHARE_MIN), max(actual, SHARE_MIN)
        total += (q - p) * np.log(q / p)
    assert psi(*pair) == pytest.approx(total, abs=1e-9)


@steady
@given(filled)
def test_psi_of_filled_bins_is_both_relative_entropies_of_scipy(pair):
    reference, window = (np.array(counts) / sum(counts) for counts in pair)
    assume(min(reference.min(), window.min()) >= SHARE_MIN)
    assert psi(*pair) == pytest.approx(entropy(reference, window) + entropy(window, reference), abs=1e-9)


@steady
@given(pairs)
def test_jensen_shannon_is_scipys(pair):
    reference, window = counted(pair)
    expected = np.nan_to_num(jensenshannon(reference, window, base=2))
    assert jensen_shannon(reference, window) == pytest.approx(expected, abs=1e-7)


@steady
@given(filled)
def test_ks_of_bins_is_scipys_on_values_that_lie_at_the_edges(pair):
    reference, window = pair
    samples = (np.repeat(np.arange(len(counts)), np.array(counts) % 50 + 1) for counts in pair)
    expected = ks_2samp(*samples, method="asymp").statistic
    assert ks(np.array(reference) % 50 + 1, np.array(window) % 50 + 1) == pytest.approx(expected, abs=1e-12)


def test_ks_of_twenty_bins_misses_at_most_the_mass_of_one_bin():
    rng = np.random.default_rng(5)
    reference, window = rng.normal(size=50_000), rng.normal(0.3, 1.2, size=20_000)
    edges = np.quantile(reference, np.linspace(0, 1, 21)[1:-1])
    found = ks(
        *(np.bincount(np.searchsorted(edges, sample, side="left"), minlength=20) for sample in (reference, window))
    )
    exact = ks_2samp(reference, window).statistic
    assert exact - 0.05 <= found <= exact
    assert found == pytest.approx(exact, abs=0.01)


@steady
@given(pairs)
def test_no_measure_is_negative_or_knows_which_side_is_which(pair):
    reference, window = counted(pair)
    for measure in (psi, jensen_shannon, ks):
        assert measure(reference, window) >= 0.0
        assert measure(reference, window) == pytest.approx(measure(window, reference), abs=1e-9)
    assert jensen_shannon(reference, window) <= 1.0 + 1e-12
    assert ks(reference, window) <= 1.0 + 1e-12


@steady
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.integers(1, 1000))
def test_the_same_shape_is_no_drift_however_many_rows(counts, times):
    assume(sum(counts))
    for measure in (psi, jensen_shannon, ks):
        assert measure(counts, [count * times for count in counts]) == pytest.approx(0.0, abs=1e-7)


def test_a_complete_change_is_the_greatest_drift():
    assert jensen_shannon([10, 0], [0, 10]) == 1.0
    assert ks([10, 0], [0, 10]) == 1.0
    assert psi([10, 0], [0, 10]) == pytest.approx(2 * (1 - SHARE_MIN) * np.log(1 / SHARE_MIN))


@pytest.mark.parametrize("measure", [psi, jensen_shannon, ks, chi_squared])
@pytest.mark.parametrize(("reference", "window"), [([], []), ([0, 0], [1, 2]), ([1, 2], [0, 0])])
def test_what_counted_nothing_has_no_distribution(measure, reference, window):
    with pytest.raises(ValueError, match="at least one count"):
        measure(reference, window)


@pytest.mark.parametrize("measure", [psi, jensen_shannon, ks, chi_squared])
def test_other_bins_are_refused(measure):
    with pytest.raises(ValueError, match="not of the same bins"):
        measure([1, 2], [1, 2, 3])


@steady
@given(pairs)
def test_chi_squared_is_scipys_over_the_bins_that_hold_anything(pair):
    table = np.array(counted(pair))
    table = table[:, table.sum(axis=0) > 0]
    found = chi_squared(*pair)
    expected = chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-6)
    assert found.degrees_of_freedom == expected.dof


@steady
@given(filled.filter(lambda pair: len(pair[0]) > 1))
def test_cramers_v_is_scipys_of_the_table_as_it_was_counted(pair):
    assert chi_squared(*pair).cramers_v == pytest.approx(association(np.array(pair), method="cramer"), abs=1e-9)


@steady
@given(filled.filter(lambda pair: len(pair[0]) > 1))
def test_the_balanced_v_is_scipys_when_both_sides_are_repeated_until_they_have_as_many_rows(pair):
    reference, window = (np.array(counts) for counts in pair)
    balanced = np.array([reference * window.sum(), window * reference.sum()])
    assert chi_squared(*pair).balanced_v == pytest.approx(association(balanced, method="cramer"), abs=1e-9)


@steady
@given(pairs, st.integers(2, 1000))
def test_only_the_balanced_v_is_the_same_however_many_rows_have_these_shares(pair, times):
    reference, window = counted(pair)
    more = [count * times for count in window]
    assert chi_squared(reference, more).balanced_v == pytest.approx(chi_squared(reference, window).balanced_v, abs=1e-9)


def test_cramers_v_of_one_difference_shrinks_when_the_reference_is_much_larger():
    window = [70, 30]
    even, lopsided = chi_squared([50, 50], window), chi_squared([50_000, 50_000], window)
    assert even.cramers_v == pytest.approx(even.balanced_v)
    assert lopsided.cramers_v < even.cramers_v / 5
    assert lopsided.balanced_v == pytest.approx(even.balanced_v)


@steady
@given(pairs)
def test_every_v_lies_between_nothing_and_one_and_does_not_know_the_sides(pair):
    reference, window = counted(pair)
    found, turned = chi_squared(reference, window), chi_squared(window, reference)
    for one, other in ((found.cramers_v, turned.cramers_v), (found.balanced_v, turned.balanced_v)):
        assert 0.0 <= one <= 1.0 + 1e-12
        assert one == pytest.approx(other, abs=1e-9)


def test_categories_that_were_all_replaced_have_the_greatest_v():
    found = chi_squared([10, 30, 0, 0], [0, 0, 5, 15])
    assert (found.cramers_v, found.balanced_v) == pytest.approx((1.0, 1.0))
    assert found.statistic == pytest.approx(60.0)


def test_a_single_category_cannot_drift():
    assert chi_squared([10, 0], [7, 0]) == (0.0, 0, 0.0, 0.0)


def test_the_v_of_no_difference_is_what_the_docstring_says_of_its_bias():
    rng = np.random.default_rng(11)
    shares, rows = np.full(10, 0.1), (5_000, 100_000)
    found = [chi_squared(*(rng.multinomial(size, shares) for size in rows)).balanced_v for _ in range(400)]
    expected = np.sqrt(9 * (1 / rows[0] + 1 / rows[1])) / 2
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(expected, rel=0.1)
    assert expected == pytest.approx(0.02, abs=0.003)


def test_the_distance_of_nearly_equal_shares_keeps_its_digits():
    # So close to each other, only the first term of the series is left: (q - p)^2 / (p + q) / (4 ln 2), summed.
    rng = np.random.default_rng(12)
    reference = rng.integers(10**11, 10**12, 20)
    apart = rng.integers(-1_000, 1_000, 10)
    window = reference + np.concatenate([apart, -apart])
    p, gap = reference / reference.sum(), (window - reference) / reference.sum()
    expected = np.sqrt(np.sum(gap**2 / (2 * p)) / (4 * np.log(2)))
    assert jensen_shannon(reference, window) == pytest.approx(expected, rel=1e-3)
