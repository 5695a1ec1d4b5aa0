"""Predictions meet their labels whenever these come, and what is measured of them is the formulas' business."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from shared.domain.values import encode
from shared.telemetry.labelled import Awaited, is_awaited, measured
from shared.telemetry.samples import SamplePartial, code_of
from shared.telemetry.sampling import priorities, sampled
from tests.unit.telemetry.telemetry_builders import BLUE, NOON, steady

START = NOON.replace(hour=0)
MONTH = timedelta(days=30)
AWAITED = Awaited(labels_within=MONTH)
ROWS = 500
KEYS = priorities(["c"], [ROWS])


def partial(kind, keys, values, start=START, capacity=8192, names=()):
    sample = sampled(keys, np.array(values, dtype=np.float64), capacity)
    return SamplePartial(kind, BLUE, "1d", start, start, sample, {code_of(name): name for name in names})


def world(seed=1, rows=ROWS):
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < 0.4).astype(float)
    return np.clip(labels * 0.4 + random.random(rows) * 0.6, 0, 1), labels


def test_predictions_are_measured_by_their_labels():
    guesses, labels = world()
    signal = measured(partial("predictions", KEYS, guesses), [partial("labels", KEYS, labels)], None, AWAITED)
    assert (signal.predictions, signal.labels, signal.pairs, signal.unlabelled) == (ROWS, ROWS, ROWS, 0)
    assert signal.metrics["auc"] == pytest.approx(roc_auc_score(labels, guesses))
    assert signal.lower["auc"] < signal.metrics["auc"] < signal.upper["auc"]
    assert {"accuracy", "f1", "brier", "mae", "rmse"} <= signal.metrics.keys()
    assert (signal.deployment, signal.window, signal.start) == (BLUE.deployment, "1d", START)
    assert (signal.occurred_at, signal.end) == (START + timedelta(days=1), START + timedelta(days=1))


def test_numbers_that_are_not_all_0_or_1_make_it_a_regression():
    guesses, _ = world()
    signal = measured(partial("predictions", KEYS, guesses), [partial("labels", KEYS, guesses + 2)], None, AWAITED)
    assert signal.metrics["mae"] == pytest.approx(2)
    assert signal.metrics["bias"] == pytest.approx(-2)
    assert "auc" not in signal.metrics


def test_labels_of_any_window_meet_their_prediction():
    guesses, labels = world()
    days = [partial("labels", KEYS[day::5], labels[day::5], START + timedelta(days=day)) for day in range(5)]
    together = [partial("labels", KEYS, labels)]
    predictions = partial("predictions", KEYS, guesses)
    assert encode(measured(predictions, days, None, AWAITED)) == encode(measured(predictions, together, None, AWAITED))


def test_what_has_no_label_is_told():
    guesses, labels = world()
    signal = measured(
        partial("predictions", KEYS, guesses), [partial("labels", KEYS[:100], labels[:100])], None, AWAITED
    )
    assert (signal.pairs, signal.unlabelled, signal.labels) == (100, ROWS - 100, 100)


def test_without_labels_there_is_nothing_to_measure():
    guesses, _ = world()
    signal = measured(partial("predictions", KEYS, guesses), [], None, AWAITED)
    assert (signal.pairs, signal.metrics, signal.fault) == (0, {}, "")


def test_full_samples_of_many_label_windows_still_pair_what_all_of_them_hold():
    guesses, labels = world()
    full = [partial("labels", KEYS[day::2], labels[day::2], START + timedelta(days=day), 100) for day in (0, 1)]
    signal = measured(partial("predictions", KEYS, guesses, capacity=200), full, None, AWAITED)
    limit = min(part.numbers.limit for part in full)
    assert signal.pairs == sum(int(key) < limit for key in KEYS) > 150
    assert (signal.unlabelled, signal.predictions) == (0, ROWS)


def groups_of(names, keys=KEYS):
    codes = [np.nan if name is None else code_of(name) for name in names]
    return partial("groups", keys, codes, names={name for name in names if name})


def test_groups_are_compared_when_a_column_is_sensitive():
    guesses, labels = world()
    names = ["a" if place % 2 else "b" for place in range(ROWS - 10)] + [None] * 10
    awaited = Awaited(MONTH, "sex", group_min=10)
    predictions, true = partial("predictions", KEYS, guesses), [partial("labels", KEYS, labels)]
    signal = measured(predictions, true, groups_of(names), awaited)
    assert signal.sensitive == "sex"
    assert [(group.group, group.rows) for group in signal.groups if group.group] == [("a", 245), ("b", 245)]
    rates = {group.group: group.metrics["selection_rate"] for group in signal.groups}
    assert signal.disparities["demographic_parity_difference"] == pytest.approx(abs(rates["a"] - rates["b"]))
    assert measured(predictions, true, None, awaited).groups == ()


def test_groups_of_a_regression_are_compared_by_their_errors():
    guesses, _ = world()
    names = ["a" if place % 2 else "b" for place in range(ROWS)]
    awaited = Awaited(MONTH, "sex", group_min=10)
    true = [partial("labels", KEYS, guesses * 10)]
    signal = measured(partial("predictions", KEYS, guesses), true, groups_of(names), awaited)
    assert "mae_difference" in signal.disparities
    assert "demographic_parity_difference" not in signal.disparities


@pytest.mark.parametrize(("days", "may"), [(-1, False), (0, True), (1, True), (30, True), (31, False), (400, False)])
def test_labels_come_with_or_after_their_predictions_and_not_too_late(days, may):
    assert is_awaited(START, "1d", START + timedelta(days=days), AWAITED) is may


def test_a_window_ends_for_labels_when_they_had_their_time_and_the_lateness():
    assert AWAITED.ends(START, "1d", timedelta(days=1)) == START + timedelta(days=31)
    assert Awaited(timedelta(hours=1)).ends(START, "1d", timedelta(days=1)) == START + timedelta(days=2)


@settings(steady, max_examples=25)
@given(st.permutations(list(range(6))), st.integers(0, 3))
def test_the_order_of_windows_and_parts_never_shows(order, seed):
    guesses, labels = world(seed)
    parts = [partial("labels", KEYS[part::6], labels[part::6], START + timedelta(days=part)) for part in range(6)]
    predictions = partial("predictions", KEYS, guesses)
    signals = [measured(predictions, some, None, AWAITED) for some in (parts, [parts[place] for place in order])]
    assert encode(signals[0]) == encode(signals[1])
