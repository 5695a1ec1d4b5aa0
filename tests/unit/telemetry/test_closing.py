from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.ids import derive
from shared.domain.values import encode
from shared.telemetry.accumulate import accumulate
from shared.telemetry.closing import closable, close
from shared.telemetry.counting import RowCounter
from shared.telemetry.drift import psi
from shared.telemetry.fold import fold, mark_closed
from shared.telemetry.partials import DifferentEdges
from shared.telemetry.profiles import CategoricalReference, ReferenceProfile
from tests.unit.telemetry.telemetry_builders import BLUE, GREEN, NOON, PROFILE, inputs, outputs, served, traffic

START, END = datetime(2026, 3, 14, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


def windows_of(*messages, profile=PROFILE, length="1d"):
    keys = (BLUE.key, GREEN.key)
    return fold(
        {}, "0", 0, accumulate(messages, dict.fromkeys(keys, RowCounter(profile)), dict.fromkeys(keys, (length,)), "1m")
    )


def window_of(*messages, **options):
    (window,) = windows_of(*messages, **options).values()
    return window


@pytest.mark.parametrize(
    ("watermark", "closes"),
    [(END + HOUR, True), (END + 2 * HOUR, True), (END + HOUR - timedelta(microseconds=1), False), (END, False)],
)
def test_a_window_closes_when_the_watermark_has_passed_its_end_and_the_lateness(watermark, closes):
    windows = windows_of(inputs({}))
    assert bool(closable(windows, {BLUE.key: watermark}, HOUR)) is closes


def test_a_month_closes_at_the_end_of_the_month():
    windows = windows_of(inputs({}), length="1mo")
    assert not closable(windows, {BLUE.key: datetime(2026, 3, 31, 23, tzinfo=UTC)}, timedelta())
    assert closable(windows, {BLUE.key: datetime(2026, 4, 1, tzinfo=UTC)}, timedelta())


def test_only_the_deployments_own_watermark_closes_its_windows():
    windows = windows_of(inputs({}), inputs({}, deployment=GREEN))
    assert [key.deployment for key in closable(windows, {GREEN.key: END + HOUR}, HOUR)] == [GREEN.key]
    assert closable(windows, {}, HOUR) == []


def test_windows_close_oldest_first_and_once():
    windows = windows_of(*(inputs({}, at=NOON + timedelta(days=day)) for day in (2, 0, 1)))
    found = closable(windows, {BLUE.key: END + timedelta(days=1)}, timedelta())
    assert [key.start for key in found] == [START, END]
    windows[found[0]] = mark_closed(windows[found[0]], NOON)
    assert closable(windows, {BLUE.key: END + timedelta(days=1)}, timedelta()) == found[1:]


def test_buckets_of_traffic_do_not_close():
    assert closable(windows_of(traffic(served())), {BLUE.key: END + HOUR}, timedelta()) == []
    with pytest.raises(DifferentEdges, match="no reference profile"):
        close(window_of(traffic(served())), PROFILE)


def test_a_closed_window_says_which_it_was_and_how_far_it_lies_from_the_reference():
    rows = [{"distance": value, "carrier": "AA"} for value in (0.5, 1.5, 1.5, 9.0)]
    signal = close(window_of(inputs(*rows), outputs({"prediction": 0.9})), PROFILE, late_rows=3)
    assert (signal.workspace, signal.endpoint, signal.deployment) == (BLUE.workspace, BLUE.endpoint, BLUE.deployment)
    assert (signal.window, signal.start, signal.end) == ("1d", START, END)
    assert (signal.rows, signal.late_rows, signal.metric) == (4, 3, "psi")
    assert (signal.source, signal.subject, signal.occurred_at) == ("outerloop/telemetry", BLUE.key, END)
    assert {score.feature: score.score for score in signal.scores} == {
        "distance": psi([25, 25, 25, 25], [1, 2, 0, 1]),
        "carrier": psi([60, 40, 0], [4, 0, 0]),
        "prediction": psi([40, 30, 20, 10], [0, 0, 0, 1]),
    }


def test_the_dedup_key_depends_on_the_window_and_not_on_what_it_counted():
    one, other = close(window_of(inputs({})), PROFILE), close(window_of(inputs({}, {"distance": 1})), PROFILE)
    assert one.dedup_key == other.dedup_key
    assert one.dedup_key == derive("window", BLUE.key, "1d", START.isoformat(), PROFILE.digest)
    later = close(window_of(inputs({}, at=NOON + timedelta(days=1))), PROFILE)
    green = close(window_of(inputs({}, deployment=GREEN)), PROFILE)
    assert len({one.dedup_key, later.dedup_key, green.dedup_key}) == 3


def test_closing_again_gives_the_same_bytes():
    window = window_of(inputs({"distance": 2.5}))
    assert encode(close(window, PROFILE)) == encode(close(window, PROFILE))


def test_rows_like_the_reference_score_zero():
    rows = [{"distance": value, "carrier": "AA"} for value in (0.5, 1.5, 2.5, 3.5)]
    scores = {score.feature: score.score for score in close(window_of(inputs(*rows)), PROFILE).scores}
    assert scores["distance"] == 0.0


def test_a_feature_without_a_value_has_no_score():
    signal = close(window_of(inputs({"distance": None, "carrier": []}, {"distance": "far"})), PROFILE)
    assert signal.scores == ()
    assert signal.rows == 2


def test_nulls_do_not_drift():
    full = close(window_of(inputs({"distance": 1.5})), PROFILE)
    sparse = close(window_of(inputs({"distance": 1.5}, {}, {})), PROFILE)
    assert full.scores == sparse.scores


def test_outputs_alone_are_rows_too():
    assert close(window_of(outputs({"prediction": 1}, {"prediction": 0})), PROFILE).rows == 2


def test_a_profile_of_other_edges_is_refused():
    other = ReferenceProfile(rows=1, features={"carrier": CategoricalReference(counts={"AA": 1})})
    with pytest.raises(DifferentEdges, match=other.digest):
        close(window_of(inputs({})), other)


def test_a_deployment_that_got_a_new_model_has_two_windows_to_report():
    other = ReferenceProfile(rows=1, features={"carrier": CategoricalReference(counts={"AA": 1})})
    windows = windows_of(inputs({}))
    windows = fold(windows, "0", 1, accumulate([inputs({})], {BLUE.key: RowCounter(other)}, {BLUE.key: ("1d",)}, "1m"))
    assert len(windows) == 2
    keys = {
        close(state, profile).dedup_key
        for state in windows.values()
        for profile in (PROFILE, other)
        if state.partial.digest == profile.digest
    }
    assert len(keys) == 2


def test_late_rows_do_not_change_what_a_window_says():
    window = window_of(inputs({"distance": 1}))
    assert close(replace(window, closed=True, late_rows=5), PROFILE) == close(window, PROFILE)
