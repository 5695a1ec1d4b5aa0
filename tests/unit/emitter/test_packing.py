"""The emitter's wire format."""

import itertools
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from outerloop_emitter.packing import MESSAGE_BYTES_MAX, Call, Source, pack

DEPLOYMENT = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/onlineEndpoints/flights/deployments/blue"
)
SOURCE = Source(DEPLOYMENT, "default")
NOW = datetime(2026, 5, 4, 9, 39, 56, 502735, UTC)
ROWS = [{"distance": 1400.0, "carrier": "UA"}, {"distance": 2.5, "carrier": None}]
# every field that the samples of azureml-assets have
SAMPLE_FIELDS = {
    "specversion", "id", "source", "type", "datacontenttype", "time", "data", "contentrange", "correlationid",
    "xrequestid", "modelversion", "collectdatatype", "agent",
}  # fmt: skip


def packed(rows=ROWS, predictions=(0.25, 0.75), event_times=None, correlation_id="c"):
    ids = (f"id-{number}" for number in itertools.count())
    times = None if event_times is None else list(event_times)
    messages = pack(Call(rows, list(predictions), times, correlation_id, NOW), SOURCE, lambda: next(ids))
    return [[json.loads(line) for line in message.decode().split("\n")] for message in messages]


def test_a_call_is_one_message_of_an_inputs_line_and_an_outputs_line():
    ((inputs, outputs),) = packed()
    assert (inputs["type"], inputs["data"]) == ("azureml.inference.model_inputs", ROWS)
    assert outputs["type"] == "azureml.inference.model_outputs"
    assert outputs["data"] == [{"prediction": 0.25}, {"prediction": 0.75}]


def test_both_lines_have_the_fields_of_the_data_collector():
    for event in packed()[0]:
        assert set(event) == SAMPLE_FIELDS
        assert event["specversion"] == "1.0"
        assert event["source"] == DEPLOYMENT
        assert event["correlationid"] == "c"
        assert event["modelversion"] == "default"


def test_the_content_range_counts_the_bytes_of_the_rows():
    message = pack(Call([{"city": "Zürich"}], [1.0], None, "c", NOW), SOURCE, lambda: "id")[0]
    line = message.split(b"\n")[0]
    data = line.split(b'"data": ')[1][:-1]
    assert json.loads(line)["contentrange"] == f"bytes 0-{len(data) - 1}/{len(data)}"


def test_each_event_has_an_id_of_its_own():
    assert [event["id"] for event in packed()[0]] == ["id-0", "id-1"]


def test_a_missing_correlation_id_is_made_and_shared_by_both_lines():
    ((inputs, outputs),) = packed(correlation_id="")
    assert inputs["correlationid"] == outputs["correlationid"] == "id-0"


def test_without_event_times_the_time_is_now_in_whole_seconds():
    assert {event["time"] for event in packed()[0]} == {"2026-05-04T09:39:56Z"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-02-01T05:00:00Z", "2013-02-01T05:00:00Z"),
        ("2013-02-01T05:00:00", "2013-02-01T05:00:00Z"),
        ("2013-02-01T05:00:00-05:00", "2013-02-01T10:00:00Z"),
        ("2013-02-01 05:00:00.999", "2013-02-01T05:00:00Z"),
    ],
)
def test_event_times_are_written_in_utc(text, expected):
    assert packed(event_times=[text, text])[0][0]["time"] == expected


def test_event_times_within_an_hour_stay_together_under_the_earliest():
    ((inputs, _),) = packed(event_times=["2013-02-01T05:59:00Z", "2013-02-01T05:01:00Z"])
    assert inputs["time"] == "2013-02-01T05:01:00Z"
    assert len(inputs["data"]) == 2


def test_rows_further_apart_than_an_hour_are_split_by_utc_hour():
    rows = [{"row": number} for number in range(5)]
    times = [f"2013-02-01T{clock}Z" for clock in ("07:10:00", "05:00:00", "07:00:00", "05:59:59", "06:30:00")]
    messages = packed(rows, [0.0, 0.1, 0.2, 0.3, 0.4], times)
    assert [inputs["time"] for inputs, _ in messages] == [
        "2013-02-01T05:00:00Z",
        "2013-02-01T06:30:00Z",
        "2013-02-01T07:00:00Z",
    ]
    assert [[row["row"] for row in inputs["data"]] for inputs, _ in messages] == [[1, 3], [4], [0, 2]]
    assert [[row["prediction"] for row in outputs["data"]] for _, outputs in messages] == [
        [0.1, 0.3],
        [0.4],
        [0.0, 0.2],
    ]


def test_pieces_have_correlation_ids_of_their_own_shared_by_their_two_lines():
    messages = packed(event_times=["2013-02-01T05:00:00Z", "2013-02-02T05:00:00Z"])
    assert [[event["correlationid"] for event in pair] for pair in messages] == [["c_0", "c_0"], ["c_1", "c_1"]]


def test_a_message_that_would_be_too_large_is_halved_without_losing_a_row():
    rows = [{"row": number, "text": "x" * 50_000} for number in range(40)]
    call = Call(rows, [float(number) for number in range(40)], None, "c", NOW)
    messages = pack(call, SOURCE, lambda: "id")
    pairs = [[json.loads(line) for line in message.split(b"\n")] for message in messages]
    assert max(map(len, messages)) < MESSAGE_BYTES_MAX + 2000
    assert [row["row"] for inputs, _ in pairs for row in inputs["data"]] == list(range(40))
    assert [row["prediction"] for _, outputs in pairs for row in outputs["data"]] == list(range(40))


def test_numbers_that_json_cannot_hold_become_null():
    rows = [{"a": float("nan"), "b": np.float64("inf"), "c": np.float32(0.5), "d": np.int64(3), "e": np.bool_(True)}]
    ((inputs, outputs),) = packed(rows, [float("nan")])
    assert inputs["data"] == [{"a": None, "b": None, "c": 0.5, "d": 3, "e": True}]
    assert outputs["data"] == [{"prediction": None}]


def test_a_numpy_nan_of_single_precision_becomes_null():
    assert packed([{"a": np.float32("nan")}], [np.float32(0.5)])[0][0]["data"] == [{"a": None}]


def test_no_rows_make_no_message():
    assert packed([], []) == []


@pytest.mark.parametrize(
    ("predictions", "event_times"),
    [((0.5,), None), ((0.5, 0.5, 0.5), None), ((0.5, 0.5), ["2013-02-01T05:00:00Z"]), ((0.5, 0.5), [])],
)
def test_lists_of_different_lengths_are_refused(predictions, event_times):
    with pytest.raises(ValueError, match="length"):
        packed(predictions=predictions, event_times=event_times)


def test_an_event_time_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="yesterday"):
        packed(event_times=["yesterday", "today"])


def test_a_value_that_is_not_json_is_refused():
    with pytest.raises(TypeError, match="object"):
        packed([{"a": object()}], [1.0])
