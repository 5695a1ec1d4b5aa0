"""The emitter's wire format: what shares an event, what shares a message, and whose label belongs to which row."""

import itertools
import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import DEPLOYMENT, collected, correlation_ids, events
from outerloop_emitter.calls import snapshot
from outerloop_emitter.packing import LINES_MAX, Source, pack
from outerloop_emitter.pieces import EVENT_ROWS_MAX, pieces_of

from shared.parsing.event_hubs import read_message

SOURCE = Source(DEPLOYMENT, "default")
NOW = datetime(2026, 5, 4, 9, 39, 56, 502735, UTC)
BYTES_MAX = 900_000
ROWS = [{"distance": 1400.0, "carrier": "UA"}, {"distance": 2.5, "carrier": None}]
# every field that the samples of azureml-assets have
SAMPLE_FIELDS = {
    "specversion", "id", "source", "type", "datacontenttype", "time", "data", "contentrange", "correlationid",
    "xrequestid", "modelversion", "collectdatatype", "agent",
}  # fmt: skip


def scored(rows=ROWS, predictions=None, event_times=None, correlation_id="c", now=NOW):
    predictions = [0.25] * len(rows) if predictions is None else predictions
    return snapshot(rows, predictions, event_times, correlation_id, now.timestamp())


def labelled(labels, event_times=None, correlation_id="c", now=NOW):
    return snapshot(None, labels, event_times, correlation_id, now.timestamp())


def packed(*calls, bytes_max=BYTES_MAX):
    ids = (f"id-{number}" for number in itertools.count())
    return pack((piece for call in calls for piece in pieces_of(call)), SOURCE, lambda: next(ids), bytes_max)


def bodies(*calls, bytes_max=BYTES_MAX):
    return [message.body for message in packed(*calls, bytes_max=bytes_max).messages]


def test_a_call_is_one_message_of_an_inputs_line_and_an_outputs_line():
    (message,) = bodies(scored(predictions=[0.25, 0.75]))
    inputs, outputs = events([message])
    assert (inputs["type"], inputs["data"]) == ("azureml.inference.model_inputs", ROWS)
    assert outputs["type"] == "azureml.inference.model_outputs"
    assert outputs["data"] == [{"prediction": 0.25}, {"prediction": 0.75}]


def test_labels_are_one_event_in_the_order_of_the_rows():
    (event,) = events(bodies(labelled([1, 0, None])))
    assert (event["type"], event["correlationid"]) == ("azureml.inference.ground_truth", "c")
    assert event["data"] == [{"label": 1}, {"label": 0}, {"label": None}]


def test_every_line_has_the_fields_of_the_data_collector():
    for event in events(bodies(scored(), labelled([1, 0]))):
        assert set(event) == SAMPLE_FIELDS
        assert event["specversion"] == "1.0"
        assert event["source"] == DEPLOYMENT
        assert event["correlationid"] == event["xrequestid"] == "c"
        assert event["modelversion"] == "default"


def test_the_content_range_counts_the_bytes_of_the_rows():
    line = bodies(scored([{"city": "Zürich"}]))[0].split(b"\n")[0]
    data = line.split(b'"data":')[1][:-1]
    assert json.loads(line)["contentrange"] == f"bytes 0-{len(data) - 1}/{len(data)}"


def test_each_event_has_an_id_of_its_own():
    ids = [event["id"] for event in events(bodies(scored(), scored()))]
    assert len(set(ids)) == 4


def test_a_missing_correlation_id_is_made_and_shared_by_both_lines():
    inputs, outputs = events(bodies(scored(correlation_id="")))
    assert inputs["correlationid"] == outputs["correlationid"] == "id-0"


def test_odd_correlation_ids_arrive_as_they_are():
    for correlation_id in ('a"b', "\n", "ü", "{}"):
        assert correlation_ids(bodies(scored(correlation_id=correlation_id))) == [correlation_id]


def test_without_event_times_the_time_is_now_in_whole_seconds():
    assert {event["time"] for event in events(bodies(scored()))} == {"2026-05-04T09:39:56Z"}


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2013-02-01T05:00:00Z", "2013-02-01T05:00:00Z"),
        ("2013-02-01T05:00:00", "2013-02-01T05:00:00Z"),
        ("2013-02-01T05:00:00-05:00", "2013-02-01T10:00:00Z"),
        ("2013-02-01 05:00:00.999", "2013-02-01T05:00:00Z"),
        (datetime(2013, 2, 1, 5, tzinfo=UTC), "2013-02-01T05:00:00Z"),
        (np.datetime64("2013-02-01T05:00:00.123456789"), "2013-02-01T05:00:00Z"),
    ],
    ids=str,
)
def test_event_times_are_written_in_utc(time, expected):
    assert events(bodies(scored(event_times=[time, time])))[0]["time"] == expected


def test_event_times_of_one_utc_hour_stay_together_under_the_earliest():
    inputs, _ = events(bodies(scored(event_times=["2013-02-01T05:59:00Z", "2013-02-01T05:01:00Z"])))
    assert inputs["time"] == "2013-02-01T05:01:00Z"
    assert len(inputs["data"]) == 2


def test_rows_of_different_utc_hours_never_share_an_event():
    rows = [{"row": number} for number in range(5)]
    times = [f"2013-02-01T{clock}Z" for clock in ("07:10:00", "05:00:00", "07:00:00", "05:59:59", "06:00:00")]
    found = events(bodies(scored(rows, [0.0, 0.1, 0.2, 0.3, 0.4], times)))
    inputs, outputs = found[::2], found[1::2]
    assert [event["time"][11:16] for event in inputs] == ["05:00", "06:00", "07:00"]
    assert [[row["row"] for row in event["data"]] for event in inputs] == [[1, 3], [4], [0, 2]]
    assert [[row["prediction"] for row in event["data"]] for event in outputs] == [[0.1, 0.3], [0.4], [0.0, 0.2]]
    assert [event["correlationid"] for event in outputs] == ["c_0", "c_1", "c_2"]


moments = st.integers(0, 6 * 3600).map(lambda seconds: datetime.fromtimestamp(1_359_698_400 + seconds, UTC).isoformat())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(moments, st.integers()), min_size=1, max_size=30), st.booleans())
def test_labels_with_the_same_event_times_find_their_rows(moments_and_values, timed):
    """However a call is split, row n of a correlation id is what label n of that id belongs to, at the same time."""
    times = [time for time, _ in moments_and_values] if timed else None
    values = [value for _, value in moments_and_values]
    found = bodies(scored([{"x": v} for v in values], values, times), labelled(values, times))
    inputs, outputs, labels = (collected(found, name) for name in ("model_inputs", "model_outputs", "ground_truth"))
    assert {key: row["label"] for key, row in labels.items()} == {
        key: row["prediction"] for key, row in outputs.items()
    }
    assert {key: row["label"] for key, row in labels.items()} == {key: row["x"] for key, row in inputs.items()}
    assert sorted(row["label"] for row in labels.values()) == sorted(values)
    assert len({(event["correlationid"], event["time"]) for event in events(found)}) == len(set(correlation_ids(found)))


def test_a_call_of_very_many_rows_is_split_by_their_count_as_its_labels_are():
    values = list(range(EVENT_ROWS_MAX + 2))
    found = bodies(scored([{"x": 1}] * len(values), values), labelled(values))
    assert correlation_ids(found) == correlation_ids(found, "ground_truth") == ["c_0", "c_1"]
    assert collected(found, "ground_truth")["c_1", 1] == {"label": EVENT_ROWS_MAX + 1}
    assert collected(found, "model_outputs")["c_1", 1] == {"prediction": EVENT_ROWS_MAX + 1}


def test_calls_share_a_message_and_keep_their_correlation_ids():
    calls = [scored([{"x": n}], [n], correlation_id=f"c{n}") for n in range(20)]
    (message,) = bodies(*calls, labelled([1], correlation_id="c0"))
    assert collected([message], "model_inputs") == {(f"c{n}", 0): {"x": n} for n in range(20)}
    assert collected([message], "model_outputs") == {(f"c{n}", 0): {"prediction": n} for n in range(20)}
    assert collected([message], "ground_truth") == {("c0", 0): {"label": 1}}


def test_calls_that_nobody_can_ask_for_share_events_minute_by_minute():
    first, later = datetime(2026, 5, 4, 9, 39, 5, tzinfo=UTC), datetime(2026, 5, 4, 9, 40, 0, tzinfo=UTC)
    calls = [scored([{"x": n}], [n], correlation_id="", now=later if n == 2 else first) for n in range(4)]
    found = events(bodies(*calls))
    assert [event["time"] for event in found[::2]] == ["2026-05-04T09:39:05Z", "2026-05-04T09:40:00Z"]
    assert [[row["x"] for row in event["data"]] for event in found[::2]] == [[0, 1, 3], [2]]
    assert [[row["prediction"] for row in event["data"]] for event in found[1::2]] == [[0, 1, 3], [2]]


def test_calls_with_a_correlation_id_share_events_with_nobody():
    calls = [scored([{"x": n}], [n], correlation_id=own) for n, own in enumerate(("", "c", "", "d"))]
    found = events(bodies(*calls))[::2]
    assert [(event["correlationid"], [row["x"] for row in event["data"]]) for event in found] == [
        ("id-0", [0, 2]),
        ("c", [1]),
        ("d", [3]),
    ]


def test_a_shared_event_holds_no_more_rows_than_one_call_may():
    calls = [scored([{"x": 1}] * 4_000, correlation_id="") for _ in range(3)]
    assert [len(event["data"]) for event in events(bodies(*calls))[::2]] == [8_000, 4_000]


def test_no_message_has_more_lines_than_the_loop_reads():
    calls = [scored([{"x": 1}], correlation_id=str(n)) for n in range(LINES_MAX // 2 + 1)]
    counts = [message.count(b"\n") + 1 for message in bodies(*calls, bytes_max=10**9)]
    assert counts == [LINES_MAX, 2]


def test_a_call_larger_than_a_message_keeps_its_outputs_whole_and_parts_its_inputs():
    rows = [{"row": number, "text": "x" * 50_000} for number in range(40)]
    result = packed(scored(rows, list(range(40))))
    found = [message.body for message in result.messages]
    assert max(map(len, found)) <= BYTES_MAX
    assert correlation_ids(found) == ["c"]
    assert list(collected(found, "model_outputs").values()) == [{"prediction": number} for number in range(40)]
    assert [row["row"] for row in collected(found, "model_inputs").values()] == list(range(40))
    assert "c" not in correlation_ids(found, "model_inputs")
    assert sum(message.rows for message in result.messages) == 40


def test_outputs_or_labels_larger_than_a_message_are_halved():
    texts = ["x" * 50_000 for _ in range(40)]
    result = packed(scored([{"a": 1}] * 40, texts), labelled(texts))
    assert max(len(message.body) for message in result.messages) <= BYTES_MAX
    assert sum(message.rows for message in result.messages) == 80
    assert result.too_large == 0


def test_a_row_larger_than_a_message_is_dropped_with_a_count_and_its_neighbours_stay():
    rows = [{"row": 0}, {"row": 1, "text": "x" * BYTES_MAX}, {"row": 2}]
    result = packed(scored(rows))
    found = [message.body for message in result.messages]
    assert [row["row"] for row in collected(found, "model_inputs").values()] == [0, 2]
    assert len(collected(found, "model_outputs")) == 3
    assert (sum(message.rows for message in result.messages), result.too_large) == (2, 1)


def test_a_prediction_larger_than_a_message_takes_its_row_along():
    result = packed(scored([{"a": 1}], ["x" * BYTES_MAX]), labelled(["x" * BYTES_MAX]))
    assert (result.messages, result.too_large) == ([], 2)


def test_numbers_that_json_cannot_hold_become_null():
    rows = [{"a": math.nan, "b": np.float64("inf"), "c": np.float32(0.5), "d": np.int64(3), "e": np.bool_(True)}]
    inputs, outputs = events(bodies(scored(rows, [math.nan])))
    assert inputs["data"] == [{"a": None, "b": None, "c": 0.5, "d": 3, "e": True}]
    assert outputs["data"] == [{"prediction": None}]


def test_text_that_is_no_unicode_becomes_question_marks():
    assert events(bodies(scored([{"a": "b\ud800c"}])))[0]["data"] == [{"a": "b?c"}]


def test_no_rows_make_no_message():
    assert bodies(scored([], [])) == []


@pytest.mark.parametrize(
    ("predictions", "event_times"),
    [((0.5,), None), ((0.5, 0.5, 0.5), None), ((0.5, 0.5), ["2013-02-01T05:00:00Z"]), ((0.5, 0.5), [])],
)
def test_lists_of_different_lengths_are_refused(predictions, event_times):
    with pytest.raises(ValueError, match="length"):
        scored(predictions=predictions, event_times=event_times)


def test_an_event_time_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="yesterday"):
        packed(scored(event_times=["yesterday", "today"]))


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.floats(), max_size=3)
tables = st.lists(st.dictionaries(st.text(max_size=5), values, max_size=4), max_size=6)
calls = st.tuples(tables, st.sampled_from(["", "a", "b", "ü\n"]), st.integers(0, 200))


@settings(max_examples=150, deadline=None)
@given(st.lists(calls, max_size=8), st.integers(2_500, 6_000))
def test_the_loop_reads_every_row_that_is_sent(calls, bytes_max):
    """Whatever the rows hold and however small a message is: each row arrives or is counted, and nothing is refused."""
    when = [datetime.fromtimestamp(1_767_225_600 + seconds, UTC) for _, _, seconds in calls]
    result = packed(
        *(scored(t, None, None, c, at) for (t, c, _), at in zip(calls, when, strict=True)), bytes_max=bytes_max
    )
    read = [read_message(message.body) for message in result.messages]
    assert [refused for telemetry in read for refused in telemetry.refused] == []
    inputs = [
        row
        for telemetry in read
        for event in telemetry.rows
        if event.collection == "model_inputs"
        for row in event.rows
    ]
    assert len(inputs) == sum(message.rows for message in result.messages)
    assert len(inputs) + result.too_large == sum(len(table) for table, _, _ in calls)
    assert all(len(message.body) <= bytes_max for message in result.messages)
    assert {event.deployment.key for telemetry in read for event in telemetry.rows} <= {DEPLOYMENT.lower()}
