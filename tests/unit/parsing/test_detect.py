"""The channel of a body is told from its content, and can be given."""

import json

import pytest

from shared.domain.signals import ModelRegistered, Rejected, TelemetryReceived
from shared.parsing import detect, parse

COLLECTOR = {
    "type": "azureml.inference.model_outputs",
    "source": "/s/workspaces/w/onlineEndpoints/e/deployments/d",
    "time": "2023-01-01T00:43:34Z",
    "data": [{"p": 1}],
}
RECORD = {"category": "AuditEvent", "resourceId": "/r", "time": "2023-01-01T00:43:34Z"}


@pytest.mark.parametrize(
    "value",
    [
        COLLECTOR,
        [COLLECTOR],
        [[COLLECTOR]],
        {"records": [RECORD]},
        [{"RECORDS": []}],
        RECORD,
        {"metricName": "m", "resourceId": "/r"},
        COLLECTOR | {"specversion": "1.0", "TYPE": "AzureML.Inference.x"},
    ],
)
def test_telemetry_is_told_from_its_content(value):
    assert detect(json.dumps(value).encode()) == "event_hubs"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"5",
        b"{}",
        b'{"eventType":"x"}',
        b'{"type":"x","source":"s","specversion":"1.0"}',
        b'{"type":5}',
        b'{"records":5}',
        b"[" * 100_000,
    ],
)
def test_everything_else_goes_where_it_is_explained_what_was_expected(body):
    assert detect(body) == "event_grid"
    assert all(isinstance(parsed, Rejected) for parsed in parse(body))


def test_the_first_element_that_says_something_decides():
    assert detect(json.dumps([{}, 5, COLLECTOR]).encode()) == "event_hubs"
    assert detect(json.dumps([{"eventType": "x"}, COLLECTOR]).encode()) == "event_grid"


def test_a_file_of_collector_lines_with_a_broken_first_line_is_telemetry():
    (signal,) = parse(b"{broken\n" + json.dumps(COLLECTOR).encode())
    assert isinstance(signal, TelemetryReceived)
    assert (signal.rows_by_category, signal.rejected_rows) == ({"model_outputs": 1}, 1)


def test_a_file_of_event_lines_is_read_line_by_line(event):
    good = json.dumps(event("ModelRegistered", {"modelName": "m", "modelVersion": 1})).encode()
    first, empty, broken, last = parse(good + b"\n\n{broken\n" + good + b"\n")
    assert isinstance(first, ModelRegistered)
    assert isinstance(last, ModelRegistered)
    assert [(one.reason, one.index) for one in (empty, broken)] == [("not_actionable", 1), ("malformed_json", 2)]


def test_a_given_channel_overrides_the_content():
    (rejected,) = parse(json.dumps(COLLECTOR).encode(), "event_grid")
    assert rejected.reason == "unknown_event_type"


def test_a_dead_letter_of_telemetry_is_told_from_the_event_inside():
    dead = {"deadLetterProperties": {}, "event": COLLECTOR}
    assert detect(json.dumps(dead).encode()) == "event_hubs"


IMAGE_WAITS = {"action": "quarantine", "timestamp": "2018-02-28T00:42:54Z", "target": {"repository": "r"}}
DEFENDER = {"SystemAlertId": "1", "AlertType": "x", "AlertDisplayName": "y"}


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value], lambda value: [[{}], value]])
@pytest.mark.parametrize(
    ("value", "channel"),
    [
        (IMAGE_WAITS, "registry_webhook"),
        ({"Action": "PING", "TimeStamp": "x"}, "registry_webhook"),
        (DEFENDER, "security"),
        ({"type": "Microsoft.Security/assessments", "id": "x"}, "security"),
        ({"type": "MICROSOFT.SECURITY/secureScores"}, "security"),
        (IMAGE_WAITS | {"eventType": "ImagePushed"}, "event_grid"),
        (DEFENDER | {"eventType": "x"}, "event_grid"),
    ],
)
def test_web_hooks_and_exports_are_told_from_their_content(value, channel, wrap):
    assert detect(json.dumps(wrap(value)).encode()) == channel
