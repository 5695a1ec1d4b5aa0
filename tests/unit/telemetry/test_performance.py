import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics

from shared.telemetry.performance import (
    CLASSIFICATION,
    REGRESSION,
    Measure,
    Undefined,
    accuracy,
    auc,
    auc_bounds,
    bias,
    brier,
    f1,
    log_loss,
    mae,
    measure,
    pairs_of,
    precision,
    proportion,
    r2,
    recall,
    rmse,
)
from tests.unit.telemetry.telemetry_builders import steady

ALL = [*CLASSIFICATION, *REGRESSION]


@st.composite
def classified(draw):
    """Scores between 0 and 1 with ties, and labels of both classes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.integers(2, 200))
    labels = rng.integers(0, 2, size)
    labels[:2] = (0, 1)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.3), 0.0, 1.0)
    return np.round(scores, draw(st.integers(1, 6))), labels


@st.composite
def estimated(draw):
    """Predictions of a number, and the numbers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = rng.normal(100.0, 40.0, draw(st.integers(2, 200)))
    return labels + rng.normal(5.0, 20.0, len(labels)), labels


@steady
@given(classified())
def test_auc_is_scikit_learns_ties_and_all(case):
    scores, labels = case
    assert auc(pairs_of(scores, labels)).value == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)


@steady
@given(classified(), st.sampled_from([0.1, 0.5, 0.9]))
def test_what_is_counted_at_a_threshold_is_scikit_learns(case, threshold):
    scores, labels = case
    predicted, pairs = scores >= threshold, pairs_of(scores, labels)
    assert accuracy(pairs, threshold).value == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert recall(pairs, threshold).value == pytest.approx(metrics.recall_score(labels, predicted))
    assert f1(pairs, threshold).value == pytest.approx(metrics.f1_score(labels, predicted))
    if predicted.any():
        assert precision(pairs, threshold).value == pytest.approx(metrics.precision_score(labels, predicted))
    else:
        assert precision(pairs, threshold).undefined is Undefined.NONE_PREDICTED


@steady
@given(classified())
def test_what_is_said_of_probabilities_is_scikit_learns(case):
    scores, labels = case
    pairs = pairs_of(scores, labels)
    assert brier(pairs).value == pytest.approx(metrics.brier_score_loss(labels, scores))
    assert log_loss(pairs).value == pytest.approx(metrics.log_loss(labels, scores), rel=1e-9)


@steady
@given(estimated())
def test_errors_of_a_regression_are_scikit_learns(case):
    predictions, labels = case
    pairs = pairs_of(predictions, labels)
    assert mae(pairs).value == pytest.approx(metrics.mean_absolute_error(labels, predictions))
    assert rmse(pairs).value == pytest.approx(metrics.root_mean_squared_error(labels, predictions))
    assert r2(pairs).value == pytest.approx(metrics.r2_score(labels, predictions), abs=1e-9)
    assert bias(pairs).value == pytest.approx(np.mean(predictions) - np.mean(labels), abs=1e-9)


@steady
@given(st.integers(0, 500), st.integers(1, 500))
def test_bounds_of_a_proportion_are_scipys_wilson_interval(hits, of):
    assume(hits <= of)
    expected = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    found = proportion(hits, of)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-12)


@steady
@given(classified())
def test_every_measure_lies_within_its_bounds(case):
    pairs = pairs_of(*case)
    for metric in ALL:
        found = measure(metric, pairs)
        if found.lower is not None:
            assert found.lower <= found.value <= found.upper, metric


@steady
@given(classified())
def test_the_order_of_the_pairs_does_not_matter(case):
    scores, labels = case
    turned = np.random.default_rng(1).permutation(len(labels))
    for metric in ALL:
        one, other = (measure(metric, pairs) for pairs in (pairs_of(*case), pairs_of(scores[turned], labels[turned])))
        assert one.undefined is other.undefined
        assert one.value == pytest.approx(other.value, abs=1e-9)


def auc_bounds_of_delong(scores, labels):
    """DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), pair by pair."""
    above, below = scores[labels == 1], scores[labels == 0]
    won = (above[:, np.newaxis] > below) + 0.5 * (above[:, np.newaxis] == below)
    variance = np.var(won.mean(axis=1), ddof=1) / len(above) + np.var(won.mean(axis=0), ddof=1) / len(below)
    return won.mean() - 1.96 * math.sqrt(variance), won.mean() + 1.96 * math.sqrt(variance)


@pytest.mark.parametrize("apart", [0.0, 0.5, 1.5])
def test_bounds_of_the_auc_are_close_to_those_of_delong_on_many_pairs(apart):
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 2, 2_000)
    scores = rng.normal(apart * labels)
    found = auc(pairs_of(scores, labels))
    assert (found.lower, found.upper) == pytest.approx(auc_bounds_of_delong(scores, labels), abs=0.004)


@pytest.mark.parametrize(("apart", "true"), [(0.0, 0.5), (0.74, 0.70), (1.81, 0.90), (2.77, 0.975)])
@pytest.mark.parametrize("sizes", [(20, 30), (15, 300)])
def test_bounds_of_the_auc_hold_in_nineteen_of_twenty_samples_also_of_few_pairs(apart, true, sizes):
    rng = np.random.default_rng(9)
    labels = np.repeat([1, 0], sizes)
    samples = (auc(pairs_of(rng.normal(apart * labels), labels)) for _ in range(400))
    held = sum(found.lower <= true <= found.upper for found in samples)
    assert held / 400 >= 0.93


def test_a_perfect_area_of_few_pairs_is_not_certain():
    found = auc(pairs_of([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [0, 0, 0, 1, 1, 1]))
    assert (found.value, found.upper) == (1.0, 1.0)
    assert 0.4 < found.lower < 0.8
    assert auc_bounds(1.0, 3_000, 3_000)[0] > 0.998


def test_bounds_of_the_auc_are_where_it_is_so_many_standard_errors_away():
    positives, negatives, area = 40, 60, 0.8
    for end in auc_bounds(area, positives, negatives):
        q1, q2, others = end / (2 - end), 2 * end**2 / (1 + end), (positives + negatives) / 2 - 1
        variance = (end * (1 - end) + others * (q1 - end**2) + others * (q2 - end**2)) / (positives * negatives)
        assert abs(area - end) == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-6)


def test_bounds_of_a_mean_error_hold_in_nineteen_of_twenty_samples():
    rng = np.random.default_rng(10)
    held = 0
    for _ in range(400):
        errors = rng.normal(3.0, 2.0, 100)
        found = bias(pairs_of(errors, np.zeros(100)))
        held += found.lower <= 3.0 <= found.upper
    assert held / 400 == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("metric", ALL)
def test_without_pairs_there_is_no_measure(metric):
    assert measure(metric, pairs_of([], [])) == Measure(None, undefined=Undefined.NO_PAIRS)


@pytest.mark.parametrize(
    ("metric", "predictions", "labels", "reason"),
    [
        ("auc", [0.1, 0.9], [1, 1], Undefined.ONE_CLASS),
        ("auc", [0.1, 0.9], [0, 0], Undefined.ONE_CLASS),
        ("auc", [0.1, 0.9], [0, 2], Undefined.NOT_BINARY),
        ("accuracy", [0.1, 0.9], [0.0, 0.5], Undefined.NOT_BINARY),
        ("precision", [0.1, 0.2], [0, 1], Undefined.NONE_PREDICTED),
        ("recall", [0.1, 0.9], [0, 0], Undefined.NONE_POSITIVE),
        ("f1", [0.1, 0.2], [0, 0], Undefined.NONE_POSITIVE),
        ("brier", [0.1, 1.2], [0, 1], Undefined.NOT_PROBABILITIES),
        ("log_loss", [-0.1, 0.2], [0, 1], Undefined.NOT_PROBABILITIES),
        ("r2", [1.0, 2.0], [3.0, 3.0], Undefined.LABELS_ALL_EQUAL),
        ("mae", [1e308, 1e308], [-1e308, -1e308], Undefined.TOO_LARGE),
        ("rmse", [1e200, 0.0], [0.0, 1.0], Undefined.TOO_LARGE),
        ("bias", [1e308, 1e308], [-1e308, -1e308], Undefined.TOO_LARGE),
        ("r2", [1e200, 0.0], [0.0, 1.0], Undefined.TOO_LARGE),
    ],
)
def test_what_does_not_exist_says_why(metric, predictions, labels, reason):
    assert measure(metric, pairs_of(predictions, labels)) == Measure(None, undefined=reason)


def test_pairs_that_are_not_finite_are_left_out_and_counted():
    pairs = pairs_of([0.2, np.nan, 0.4, np.inf, 0.6], [0, 1, np.nan, 1, 1])
    assert (pairs.predictions.tolist(), pairs.labels.tolist(), pairs.left_out) == ([0.2, 0.6], [0.0, 1.0], 3)


def test_a_prediction_at_the_threshold_is_positive():
    assert accuracy(pairs_of([0.5], [1])).value == 1.0
    assert accuracy(pairs_of([0.5], [1]), threshold=0.51).value == 0.0


def test_one_error_alone_has_no_bounds():
    assert mae(pairs_of([3.0], [1.0])) == Measure(2.0)


def test_a_certain_and_wrong_probability_costs_much_but_not_everything():
    assert log_loss(pairs_of([0.0, 1.0], [1, 0])).value == pytest.approx(36.04, abs=0.01)


def test_no_measure_warns_of_any_number():
    huge = [1e308, -1e308, 1e-308, 0.0, 1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in ALL:
            for labels in ([0, 1, 0, 1, 1], huge[::-1]):
                measure(metric, pairs_of(huge, labels))


def test_other_lengths_are_no_pairs():
    with pytest.raises(ValueError, match="are not pairs"):
        pairs_of([1.0, 2.0], [1.0])


def test_a_metric_that_nobody_knows_is_an_error():
    with pytest.raises(KeyError):
        measure("luck", pairs_of([1.0], [1.0]))
