"""Collector events whose rows' type is known: decoded in one step, or left to be read element by element."""

import json

import msgspec
import pytest

from shared.parsing import read_message
from shared.parsing.typed_events import EventDecoder, read_typed

SOURCE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints/ep/deployments/Blue"


class Row(msgspec.Struct):
    distance: float | None = None


class Output(msgspec.Struct):
    prediction: float


DECODER = EventDecoder(Row, Output)


def find(deployment):
    return DECODER if deployment.deployment == "blue" else None


def event(rows, collection="model_inputs", **changes):
    usual = {
        "specversion": "1.0",
        "source": SOURCE,
        "type": f"azureml.inference.{collection}",
        "time": "2026-03-14T12:00:00Z",
        "correlationid": "c-1",
    }
    return usual | {"data": rows} | changes


def lines(*events):
    return "\n".join(map(json.dumps, events)).encode()


@pytest.mark.parametrize(
    "wrap", [lines, lambda *events: json.dumps(events).encode(), lambda *events: b"\n " + lines(*events) + b"\n"]
)
def test_lines_and_arrays_become_rows_of_their_type(wrap):
    inputs, outputs = read_typed(
        wrap(event([{"distance": 3, "else": [1]}]), event([{"prediction": 0.5}], "model_outputs")), find
    )
    assert (inputs.rows, outputs.rows) == ([Row(3.0)], [Output(0.5)])
    assert (inputs.deployment.deployment, inputs.collection, outputs.collection) == (
        "blue",
        "model_inputs",
        "model_outputs",
    )
    assert inputs.correlation_id == "c-1"


def test_all_but_the_rows_is_as_when_it_is_read_element_by_element():
    body = lines(
        event([{"distance": 3}], xrequestid="x"),
        event([{"prediction": 0.5}], "model_outputs", correlationid=None, xrequestid=7),
    )
    for ours, theirs in zip(read_typed(body, find), read_message(body).rows, strict=True):
        assert (ours.deployment, ours.at, ours.collection, ours.correlation_id, len(ours.rows)) == (
            theirs.deployment,
            theirs.at,
            theirs.collection,
            theirs.correlation_id,
            len(theirs.rows),
        )


def test_outputs_under_a_name_of_their_own_are_objects_and_inputs_keep_their_type():
    for _ in range(3):  # which of the two decoders comes first may change, what they give may not
        own = lines(event([{"distance": 3}]), event([{"delay_probability": 0.5}], "model_outputs"))
        named = lines(event([{"distance": 3}]), event([{"prediction": 0.5}], "model_outputs"))
        assert [each.rows for each in read_typed(own, find)] == [[Row(3.0)], [{"delay_probability": 0.5}]]
        assert read_typed(named, find)[0].rows == [Row(3.0)]


@pytest.mark.parametrize(
    "odd",
    [
        event([{"distance": "3"}]),
        event([[3]]),
        event({"distance": 3}),
        event(None, dataref="https://a.blob.core.windows.net/c/p"),
        event([{"distance": 3}], source=SOURCE.replace("Blue", "green")),
        event([{"distance": 3}], source=5),
        event([{"distance": 3}], time="soon"),
        event([{"distance": 3}], time=None),
        event([{"distance": 3}], correlationid=None),
        event([{"distance": 3}], "ground_truth"),
        event([{"distance": 3}], type="else"),
        {"records": []},
        [],
    ],
    ids=str,
)
def test_one_odd_event_leaves_the_message_to_be_read_element_by_element(odd):
    body = lines(event([{"distance": 3}]), odd)
    assert read_typed(body, find) is None
    assert read_message(body, find) == read_message(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"source": ""}',
        b'{"source": "\xff"}',
        b'{"source": "' + b"x" * 5000 + b'"}',
        b'{"source": "' + SOURCE.encode() + b'", ' + b"[" * 100_000,
        lines(event([], source="/else")),
        lines(event([{"distance": 3}])).replace(b"Blue", b"\\u0042lue"),
    ],
    ids=range(8),
)
def test_what_cannot_be_read_so_is_left_alone(body):
    assert read_typed(body, find) is None


def test_a_deployment_whose_type_is_not_known_is_left_alone():
    assert read_typed(lines(event([{"distance": 3}], source=SOURCE.replace("Blue", "green"))), find) is None
    assert read_message(lines(event([{"distance": 3}])), lambda _: None).rows[0].rows == [{"distance": 3}]
