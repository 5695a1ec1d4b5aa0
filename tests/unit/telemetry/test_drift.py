import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, ks_2samp

from shared.telemetry.drift import SHARE_MIN, jensen_shannon, ks, psi
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


@pytest.mark.parametrize("measure", [psi, jensen_shannon, ks])
@pytest.mark.parametrize(("reference", "window"), [([], []), ([0, 0], [1, 2]), ([1, 2], [0, 0])])
def test_what_counted_nothing_has_no_distribution(measure, reference, window):
    with pytest.raises(ValueError, match="at least one count"):
        measure(reference, window)


@pytest.mark.parametrize("measure", [psi, jensen_shannon, ks])
def test_other_bins_are_refused(measure):
    with pytest.raises(ValueError, match="not of the same bins"):
        measure([1, 2], [1, 2, 3])
