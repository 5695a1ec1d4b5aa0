import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.observations import Telemetry
from shared.telemetry.accumulate import WINDOWS_MAX, accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.encoding import encode_delta
from shared.telemetry.partials import DataPartial, TrafficPartial
from shared.telemetry.profiles import NumericReference, ReferenceProfile
from tests.unit.telemetry.telemetry_builders import (
    BLUE,
    GREEN,
    NOON,
    PROFILE,
    collected,
    inputs,
    outputs,
    refused,
    served,
    steady,
    traffic,
)

MONTH = (datetime(2026, 3, 1, tzinfo=UTC), "1mo")
COUNTER = RowCounter(PROFILE)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1e400", "AA", "2.5"])
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=5
)
hostile_rows = st.dictionaries(
    st.sampled_from(["distance", "carrier", "prediction"]) | st.text(max_size=5), json_values
)


def add_up(*messages, window="1mo", bucket="1m", **options):
    """The delta of messages when both deployments have the same profile."""
    counters = {BLUE.key: COUNTER, GREEN.key: COUNTER}
    return accumulate(messages, counters, dict.fromkeys(counters, (window,)), bucket, **options)


def only_data(delta):
    """The one partial of rows that a delta has, and its counts by feature."""
    (partial,) = (partial for partial in delta.partials if isinstance(partial, DataPartial))
    return partial, PROFILE.feature_counts(partial.counts)


def test_rows_of_inputs_become_counts_by_feature():
    partial, counted = only_data(add_up(inputs({"distance": 0.5, "carrier": "AA"}, {"distance": 9, "carrier": "B6"})))
    assert (partial.rows, partial.predictions) == (2, 0)
    assert (partial.start, partial.length) == MONTH
    assert (partial.deployment, partial.digest) == (BLUE, PROFILE.digest)
    assert counted["distance"].bins.tolist() == [1, 0, 0, 1]
    assert counted["distance"].outside == 1
    assert counted["carrier"].bins.tolist() == [1, 0, 1]
    assert counted["carrier"].outside == 1
    assert not counted["prediction"].bins.any()


def test_missing_columns_are_null():
    _, counted = only_data(add_up(inputs({"distance": 0.5}, {}, {"carrier": "AA"})))
    assert counted["distance"].nulls == 2
    assert counted["carrier"].nulls == 2


@pytest.mark.parametrize(
    ("row", "bins", "nulls", "type_errors"),
    [
        ({"prediction": 0.3}, [0, 1, 0, 0], 0, 0),
        ({"score": 0.9, "prediction": 0.3}, [0, 1, 0, 0], 0, 0),
        ({"prediction": "0.3"}, [0, 1, 0, 0], 0, 0),
        ({"label": "late", "score": 0.9}, [0, 0, 0, 1], 0, 0),
        ({"score": 0.6, "other": 0.1}, [0, 0, 1, 0], 0, 0),
        ({"prediction": None, "score": 0.9}, [0, 0, 0, 0], 1, 0),
        ({"label": "late"}, [0, 0, 0, 0], 1, 0),
        ({}, [0, 0, 0, 0], 1, 0),
        ({"prediction": [0.3]}, [0, 0, 0, 0], 0, 1),
    ],
)
def test_rows_of_outputs_become_the_prediction(row, bins, nulls, type_errors):
    partial, counted = only_data(add_up(outputs(row)))
    assert (partial.rows, partial.predictions) == (0, 1)
    assert counted["prediction"].bins.tolist() == bins
    assert (counted["prediction"].nulls, counted["prediction"].type_errors) == (nulls, type_errors)
    assert counted["distance"].nulls == 0


def test_inputs_and_outputs_of_one_window_share_a_partial():
    partial, _ = only_data(add_up(inputs({"distance": 1}), outputs({"prediction": 0.1}, {"prediction": 0.2})))
    assert (partial.rows, partial.predictions) == (1, 2)


def test_outputs_without_a_profiled_prediction_are_rows_and_no_more():
    profile = ReferenceProfile(rows=1, features={"distance": PROFILE.features["distance"]})
    delta = accumulate([outputs({"prediction": 1})], {BLUE.key: RowCounter(profile)}, {BLUE.key: ("1d",)}, "1m")
    assert delta.partials[0].predictions == 1
    assert not delta.partials[0].counts.any()


def test_inputs_without_profiled_features_are_rows_and_no_more():
    profile = ReferenceProfile(rows=1, features={"prediction": NumericReference(edges=(0.5,), counts=(1, 1))})
    delta = accumulate([inputs({"distance": 1})], {BLUE.key: RowCounter(profile)}, {BLUE.key: ("1d",)}, "1m")
    assert (delta.partials[0].rows, delta.partials[0].counts.any()) == (1, False)


def test_each_deployment_and_window_has_its_own_partial():
    april = NOON + timedelta(days=30)
    delta = add_up(inputs({}), inputs({}, deployment=GREEN), inputs({}, {}, at=april), inputs({}))
    assert [(partial.deployment, partial.start.month, partial.rows) for partial in delta.partials] == [
        (BLUE, 3, 2),
        (BLUE, 4, 2),
        (GREEN, 3, 1),
    ]


def test_a_moment_in_another_zone_counts_in_its_utc_window():
    tokyo = datetime(2026, 4, 1, 8, 0, tzinfo=timezone(timedelta(hours=9)))
    delta = add_up(inputs({}, at=tokyo))
    assert delta.partials[0].start == MONTH[0]
    assert delta.watermarks == {BLUE.key: tokyo}


def test_the_watermark_is_the_latest_row_and_requests_have_their_own():
    later = NOON + timedelta(hours=1)
    delta = add_up(
        inputs({}, at=later), inputs({}), traffic(served(at=NOON + timedelta(days=2))), outputs({}, deployment=GREEN)
    )
    assert delta.watermarks == {BLUE.key: later, GREEN.key: NOON}
    assert delta.traffic_watermarks == {BLUE.key: NOON + timedelta(days=2)}


@pytest.mark.parametrize("known", [({}, {BLUE.key: ("1d",)}), ({BLUE.key: PROFILE}, {})])
def test_rows_of_a_deployment_without_profile_or_window_are_counted_aside(known):
    delta = accumulate([inputs({}, {}), outputs({})], *known, "1m")
    assert delta.aside == {BLUE.key: 3}
    assert not delta.partials
    assert not delta.watermarks


def test_refused_rows_are_counted_by_reason():
    delta = add_up(refused("malformed", 3), refused("oversized"), refused("malformed"))
    assert delta.refused == {"malformed": 4, "oversized": 1}


def test_a_collection_that_we_do_not_use_is_counted():
    delta = add_up(Telemetry(rows=(collected({}, {}, collection="request"),)))
    assert delta.refused == {"unused_collection": 2}
    assert not delta.partials


def test_a_row_that_is_no_object_is_refused_and_its_neighbours_count():
    delta = add_up(inputs({"distance": 1}, [1, 2], "text", None, {"distance": 2}))
    assert delta.refused == {"row_not_an_object": 3}
    assert delta.partials[0].rows == 2


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (NOON + timedelta(minutes=10), "from_the_future"),
        (NOON - timedelta(days=40), "too_old"),
        (datetime.max.replace(tzinfo=UTC), "from_the_future"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "too_old"),
    ],
)
def test_a_wrong_clock_moves_no_watermark(at, reason):
    accepted = (NOON - timedelta(days=40) + timedelta(seconds=1), NOON + timedelta(minutes=10))
    delta = add_up(inputs({}, at=at), inputs({}), traffic(served(at=at), served()), accepted=accepted)
    assert delta.refused == {reason: 2}
    assert delta.watermarks == {BLUE.key: NOON}
    assert delta.traffic_watermarks == {BLUE.key: NOON}


@pytest.mark.parametrize("at", [datetime.min, datetime.max, datetime(2026, 3, 14)])  # noqa: DTZ001, DTZ901
def test_no_moment_raises_even_without_a_zone_or_bounds(at):
    assert add_up(inputs({}, at=at), traffic(served(at=at))) is not None


def test_requests_become_buckets_of_traffic():
    delta = add_up(
        traffic(served(10.0), served(30.0, failed=True)),
        traffic(served(20.0, at=NOON + timedelta(seconds=59)), served(at=NOON + timedelta(seconds=60))),
        traffic(served(deployment=GREEN)),
    )
    assert all(isinstance(partial, TrafficPartial) for partial in delta.partials)
    assert [(partial.deployment, partial.start, partial.requests, partial.failed) for partial in delta.partials] == [
        (BLUE, NOON, 3, 1),
        (BLUE, NOON + timedelta(minutes=1), 1, 0),
        (GREEN, NOON, 1, 0),
    ]
    assert delta.partials[0].latency_sum_us == 60_000


def test_an_empty_batch_adds_nothing():
    for delta in (add_up(), add_up(Telemetry()), add_up(inputs())):
        assert not delta.refused
        assert not delta.aside
        assert sum(partial.rows for partial in delta.partials) == 0


def test_ten_thousand_unknown_columns_change_nothing():
    noise = {f"unknown_{index}": [{"deep": index}] for index in range(10_000)}
    plain = add_up(inputs({"distance": 1.5, "carrier": "AA"}))
    assert encode_delta(add_up(inputs({**noise, "distance": 1.5, "carrier": "AA"}))) == encode_delta(plain)


def test_deep_nesting_is_a_type_error():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    _, counted = only_data(add_up(inputs({"distance": deep, "carrier": deep}), outputs({"prediction": deep})))
    assert [counted[name].type_errors for name in ("distance", "carrier", "prediction")] == [1, 1, 1]


@settings(steady, max_examples=80)
@given(st.lists(hostile_rows, max_size=6), st.lists(hostile_rows, max_size=6))
def test_hostile_rows_never_raise_and_every_row_counts(first, second):
    partials = add_up(inputs(*first), outputs(*second), inputs({"distance": math.nan})).partials
    (partial,) = partials
    assert (partial.rows, partial.predictions) == (len(first) + 1, len(second))
    for name, counted in PROFILE.feature_counts(partial.counts).items():
        expected = partial.predictions if name == "prediction" else partial.rows
        assert int(counted.bins.sum()) + counted.nulls + counted.type_errors == expected


def test_a_length_that_cannot_be_read_is_the_callers_fault():
    with pytest.raises(ValueError, match="window length"):
        add_up(inputs({}), window="fortnight")
    with pytest.raises(ValueError, match="window length"):
        add_up(bucket="")


def test_a_batch_opens_no_more_windows_than_it_may_and_counts_what_it_refuses():
    events = [inputs({"distance": 1}, at=NOON - timedelta(hours=hour)) for hour in range(WINDOWS_MAX + 7)]
    delta = add_up(*events, inputs({"distance": 1}), window="1h")
    assert len(delta.partials) == WINDOWS_MAX
    assert delta.refused == {"too_many_windows": 7}
    assert max(partial.rows for partial in delta.partials) == 2
