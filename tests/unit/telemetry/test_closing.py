from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.ids import derive
from shared.domain.values import encode
from shared.telemetry.accumulate import accumulate
from shared.telemetry.closing import Reach, closable, close, close_unscored, due, late, seal, unreportable
from shared.telemetry.counting import RowCounter
from shared.telemetry.drift import chi_squared, jensen_shannon, ks, psi
from shared.telemetry.fold import fold, mark_closed, mark_late_told, mark_told
from shared.telemetry.partials import Delta, DifferentEdges
from shared.telemetry.profiles import CategoricalReference, ReferenceProfile
from shared.telemetry.served import widened
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
    window = mark_closed(window_of(inputs(*rows), outputs({"prediction": 0.9})), NOON, late_before=3)
    signal = close(window, PROFILE)
    assert (signal.workspace, signal.endpoint, signal.deployment) == (BLUE.workspace, BLUE.endpoint, BLUE.deployment)
    assert (signal.window, signal.start, signal.end) == ("1d", START, END)
    assert (signal.rows, signal.late_rows, signal.metric) == (4, 3, "psi")
    assert (signal.source, signal.subject, signal.occurred_at) == ("outerloop/telemetry", BLUE.key, END)
    assert {score.feature: score.score for score in signal.scores} == pytest.approx(
        {
            "distance": psi([25, 25, 25, 25], [1, 2, 0, 1]),
            "carrier": psi([60, 40, 0], [4, 0, 0]),
            "prediction": psi([40, 30, 20, 10], [0, 0, 0, 1]),
        }
    )


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
    assert [score.score for score in full.scores] == [score.score for score in sparse.scores]
    assert [score.nulls for score in (full.scores[0], sparse.scores[0])] == [0.0, 2 / 3]


def test_a_feature_without_a_value_says_why():
    signal = close(window_of(inputs({"distance": None}, {"distance": "far"})), PROFILE)
    carrier, distance = signal.unscored
    assert (carrier.feature, carrier.nulls, carrier.type_errors) == ("carrier", 1.0, 0.0)
    assert (distance.feature, distance.nulls, distance.type_errors) == ("distance", 0.5, 0.5)


def test_each_kind_of_feature_has_its_own_distances():
    rows = [{"distance": 9.0, "carrier": "AA"}, {"distance": 1.5, "carrier": "ZZ"}]
    carrier, distance = close(window_of(inputs(*rows)), PROFILE).scores
    assert (carrier.ks, carrier.outside) == (None, 0.5)
    assert distance.ks == pytest.approx(ks([25, 25, 25, 25], [0, 1, 0, 1]))
    assert distance.jensen_shannon == pytest.approx(jensen_shannon([25, 25, 25, 25], [0, 1, 0, 1]))
    assert distance.cramers_v is None
    assert carrier.cramers_v == pytest.approx(chi_squared([60, 40, 0], [1, 0, 1]).balanced_v)
    assert distance.outside == 0.5


def test_numbers_tell_their_mean_deviation_and_range():
    rows = [{"distance": value, "carrier": "AA"} for value in (1.0, 2.0, 3.0, None, "far")]
    carrier, distance, prediction = close(window_of(inputs(*rows), outputs({"prediction": 0.5})), PROFILE).scores
    assert (distance.min, distance.max) == (1.0, 3.0)
    assert distance.mean == pytest.approx(2.0, abs=1e-3)
    assert distance.deviation == pytest.approx((2 / 3) ** 0.5, abs=1e-3)
    assert (prediction.min, prediction.max) == (0.5, 0.5)
    assert (carrier.mean, carrier.deviation, carrier.min, carrier.max) == (None, None, None, None)


def test_a_window_to_which_an_earlier_release_added_has_no_mean():
    window = window_of(inputs({"distance": 1.0}))
    (score,) = close(replace(window, partial=replace(window.partial, moments=None)), PROFILE).scores
    assert score.mean is None


def test_a_window_that_cannot_be_scored_says_why_and_keeps_its_id():
    window = window_of(inputs({}, {}))
    signal = close_unscored(window, "the reference profile is gone")
    assert (signal.fault, signal.rows, signal.scores) == ("the reference profile is gone", 2, ())
    assert signal.dedup_key == close(window, PROFILE).dedup_key


def test_only_a_silence_that_lasted_moves_the_mark_on():
    reach = Reach(watermark=START, heard_at=NOON)
    assert reach.mark(NOON + HOUR - timedelta(seconds=1), HOUR) == START
    assert reach.mark(NOON + HOUR, HOUR) == NOON + HOUR
    assert Reach(watermark=END, heard_at=START).mark(NOON, HOUR) == END  # a clock that is ahead takes nothing back


def closed_with_late(late_rows, *messages):
    windows = dict(windows_of(*messages))
    key = min(windows)
    windows[key] = replace(mark_told(mark_closed(windows[key], NOON)), late_rows=late_rows)
    return windows, key


def test_the_first_of_the_windows_that_end_takes_over_what_came_late():
    windows, first = closed_with_late(7, *(inputs({}, at=NOON + timedelta(days=day)) for day in (0, 1, 2)))
    ended = closable(windows, {BLUE.key: END + timedelta(days=9)}, timedelta())
    sealed = seal(windows, ended, late(windows, BLUE.key, "1d"), NOON)
    assert [sealed[key].late_before for key in ended] == [7, 0]
    assert all(sealed[key].closed and sealed[key].untold for key in ended)
    assert (sealed[first].late_rows, sealed[first].late_untold) == (7, 0)
    assert late(sealed, BLUE.key, "1d") == []


def test_the_requests_of_a_window_are_closed_with_it():
    windows = windows_of(inputs({}), length="1d")
    requests = widened(accumulate([traffic(served())], {}, {}, "1m").partials, {BLUE.key: ["1d"]})
    windows |= fold({}, "0", 0, Delta(partials=tuple(requests)))
    ended = closable(windows, {BLUE.key: END + HOUR}, HOUR)
    sealed = seal(windows, ended, [], NOON)
    assert sealed.keys() == windows.keys()
    assert all(state.closed for state in sealed.values())


def test_late_rows_wait_for_an_open_window_of_their_length():
    windows, first = closed_with_late(7, inputs({}), inputs({}, at=NOON + timedelta(days=1)))
    assert unreportable(windows) == []
    alone = {first: windows[first]}
    assert unreportable(alone) == [first]
    reach, never = Reach(watermark=NOON, heard_at=NOON), datetime.max.replace(tzinfo=UTC)
    assert due(alone, reach, HOUR, HOUR, never) == NOON + HOUR
    assert due({first: mark_late_told(windows[first])}, reach, HOUR, HOUR, never) == never
    assert due(windows, reach, HOUR, HOUR, never) == END + timedelta(days=1) + HOUR


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
