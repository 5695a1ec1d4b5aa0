from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rendering.chronicle import DISTANCES_MAX, WINDOWS_SHOWN_MAX, history_of, watching
from tests.unit.rendering.histories import (
    AUC,
    DRIFT,
    VERSIONS,
    closed,
    decided,
    measured,
    month,
    retraining,
    traffic,
)
from tests.unit.rendering.histories import (
    ordered as order,
)

WATCHED = SimpleNamespace(monitoring=(DRIFT, AUC))


def read(*lines, settings=WATCHED):
    return history_of("flight-delay", settings, VERSIONS, lines)


def test_a_window_shows_what_was_judged_and_how_far_each_feature_lay():
    (window,) = read(decided(closed(3, (0.3, 0.15, 0.02, 0.01)), DRIFT)).drift.windows
    assert (window.version, window.start, window.end) == ("1", month(3), month(4))
    assert (window.verdict, window.value, window.suspected) == ("detected", 0.25, 0.5)
    assert (window.distances, window.farthest) == ((0.01, 0.02, 0.15, 0.3), "f0")


def test_a_window_whose_signal_is_forgotten_still_shows_what_was_judged():
    kept, forgotten = (read(decided(closed(3), DRIFT, keep=keep)).drift.windows[0] for keep in (True, False))
    assert (forgotten.version, forgotten.start, forgotten.end) == (kept.version, kept.start, kept.end)
    assert (forgotten.verdict, forgotten.value) == (kept.verdict, kept.value)
    assert (forgotten.suspected, forgotten.distances, forgotten.farthest) == (None, (), "")


def test_performance_has_its_bounds_as_long_as_the_signal_is_kept():
    (kept,) = read(decided(measured(2, 0.7), AUC)).performance.windows
    (forgotten,) = read(decided(measured(2, 0.7), AUC, keep=False)).performance.windows
    assert (kept.value, kept.lower, kept.upper) == (0.7, pytest.approx(0.68), pytest.approx(0.72))
    assert (forgotten.value, forgotten.lower, forgotten.upper) == (0.7, None, None)


def test_the_verdict_is_that_of_its_time_whatever_the_policy_says_now():
    strict = DRIFT.model_copy(update={"above": 0.01, "suspected_above": 0.005, "share_of_features": 0.01})
    line = decided(closed(1, (0.1, 0.1)), DRIFT)
    (window,) = read(line, settings=SimpleNamespace(monitoring=(strict,))).drift.windows
    assert (window.verdict, window.value) == ("pass", 0.0)


def test_a_window_that_says_nothing_and_one_that_failed_are_shown_as_such():
    lines = [decided(closed(1, rows=3), DRIFT), decided(closed(2, fault="gone"), DRIFT)]
    assert [window.verdict for window in read(*lines).drift.windows] == ["no_data", "error"]


def test_versions_of_the_same_window_are_shown_beside_each_other():
    lines = [decided(closed(1, deployment=name), DRIFT) for name in ("version-2", "version-1", "version-9")]
    assert [window.version for window in read(*lines).drift.windows] == ["1", "2", "9"]


def test_what_is_said_again_about_a_window_replaces_what_was_said_before():
    lines = [decided(closed(1, (0.0,)), DRIFT), decided(closed(1, (0.9,)), DRIFT)]
    assert [window.value for window in read(*lines).drift.windows] == [1.0]


@pytest.mark.parametrize("keep", [True, False])
def test_windows_of_another_length_belong_to_another_rule(keep):
    daily = DRIFT.model_copy(update={"window": "1d"})
    lines = [decided(closed(1), DRIFT, keep=keep), decided(closed(2, window="1d", end=month(2)), daily, keep=keep)]
    assert [window.start for window in read(*lines).drift.windows] == [month(1)]


def test_of_a_policy_that_asks_for_nothing_nothing_is_shown():
    for settings in (None, SimpleNamespace(monitoring=())):
        history = read(decided(closed(1), DRIFT), settings=settings)
        assert (history.drift, history.performance, history.marks, history.windows) == (None, None, (), ())


def test_auc_is_shown_rather_than_another_measure():
    rules = (AUC.model_copy(update={"metric": "brier"}), AUC)
    assert watching(SimpleNamespace(monitoring=rules)) == (None, AUC)
    assert watching(SimpleNamespace(monitoring=rules[:1])) == (None, rules[0])


def test_only_the_newest_windows_are_shown():
    windows = read(*(decided(closed(number), DRIFT) for number in range(1, 60))).drift.windows
    assert [window.start for window in windows] == [month(number) for number in range(60 - WINDOWS_SHOWN_MAX, 60)]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=400))
def test_of_many_features_a_few_distances_stand_for_all(scores):
    (window,) = read(decided(closed(1, scores), DRIFT)).drift.windows
    assert len(window.distances) == min(len(scores), DISTANCES_MAX)
    assert window.distances[0] == min(1e6, *scores, 1e9)
    assert window.distances[-1] == min(1e6, max(scores))
    assert list(window.distances) == sorted(window.distances)


@given(st.permutations(range(1, 7)))
def test_windows_stand_in_the_order_of_event_time_whatever_the_order_of_their_decisions(numbers):
    windows = read(*(decided(closed(number), DRIFT) for number in numbers)).drift.windows
    assert [window.start for window in windows] == [month(number) for number in range(1, 7)]


def test_marks_lie_where_the_newest_window_ended_that_was_known_then():
    in_2026 = month(160)
    lines = [
        decided(closed(1), DRIFT, at=in_2026),
        decided(closed(2), DRIFT, at=in_2026, commands=(retraining(),)),
        order(in_2026, traffic(version_2=100)),
        decided(closed(3, deployment="version-2"), DRIFT, at=in_2026),
    ]
    found = [(mark.at, mark.kind, mark.version) for mark in read(*lines).marks]
    assert found == [(month(3), "retraining", ""), (month(3), "serves", "2")]


def test_the_same_ledger_gives_the_same_history():
    lines = [decided(closed(number), DRIFT) for number in range(1, 5)]
    assert read(*lines) == read(*lines)
    assert hash(read(*lines)) == hash(read(*lines))
