"""Lines of the data collector become rows of a deployment."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain.observations import DeploymentRef, RowsCollected, RowsRefused
from shared.domain.signals import TelemetryReceived
from shared.parsing import parse, read_message
from shared.parsing.data_collector import ROWS_MAX, rows_in

SOURCE = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/Ws/onlineEndpoints/Ep/deployments/Blue"
BLUE = DeploymentRef(
    workspace="/subscriptions/s/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws",
    endpoint="ep",
    deployment="blue",
)
ROWS = [{"a": 1, "b": "x"}, {"a": 2.5, "b": None}]


def line(**changes):
    made = {
        "specversion": "1.0",
        "id": "i",
        "source": SOURCE,
        "type": "azureml.inference.model_inputs",
        "time": "2023-01-01T00:43:34Z",
        "data": ROWS,
        "correlationid": "c",
        "contentrange": "bytes_0-88/89",
    } | changes
    return {key: value for key, value in made.items() if value is not ...}


def read(*lines):
    return read_message("\n".join(json.dumps(one) for one in lines).encode())


def rows(data):
    (collected,) = read(line(data=data)).rows
    return list(collected.rows)


def test_an_event_carries_its_deployment_collection_and_rows():
    assert read(line()).rows == (
        RowsCollected(
            deployment=BLUE,
            at=datetime(2023, 1, 1, 0, 43, 34, tzinfo=UTC),
            collection="model_inputs",
            correlation_id="c",
            rows=ROWS,
        ),
    )


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([line(), line()]),
        json.dumps([[line()], [line()]]),
        f"{json.dumps(line())}\n{json.dumps(line())}\n",
        f"{json.dumps(line())}\r\n\r\n{json.dumps(line())}",
        f"\ufeff{json.dumps(line())}\n{json.dumps(line())}",
    ],
)
def test_one_object_an_array_and_lines_are_read_alike(body):
    telemetry = read_message(body.encode())
    assert telemetry.rows == read(line()).rows * 2
    assert telemetry.refused == ()


def test_a_pretty_printed_event_is_one_event():
    assert read_message(json.dumps(line(), indent=2).encode()).rows == read(line()).rows


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ROWS, ROWS),
        ({"a": 1}, [{"a": 1}]),
        ([[1, 2], [3, 4]], [{"0": 1, "1": 2}, {"0": 3, "1": 4}]),
        ([11.5, "x"], [{"0": 11.5}, {"0": "x"}]),
        ([{"a": 1}, [2]], [{"a": 1}, {"0": 2}]),
        ([], []),
    ],
)
def test_data_may_be_rows_one_row_or_lists(data, expected):
    assert rows(data) == expected


@pytest.mark.parametrize("change", [str.upper, str.title])
def test_the_case_of_an_events_keys_does_not_matter_but_that_of_its_columns_stays(change):
    odd = {change(key): value for key, value in line().items()}
    assert read(odd) == read(line())


def test_the_request_id_stands_in_for_a_missing_correlation_id():
    (collected,) = read(line(correlationid=..., xrequestid="r")).rows
    assert collected.correlation_id == "r"


@pytest.mark.parametrize(
    "changes",
    [
        {"data": ..., "dataref": "azureml://store/mdc_0.json?sig=secret"},
        {"data": "https://store/mdc_0.json?sig=secret", "datainblob": "true"},
        {"data": "https://store/mdc_0.json?sig=secret", "datainblob": True},
    ],
)
def test_rows_that_are_kept_nobody_knows_where_are_refused_with_the_place_but_not_its_signature(changes):
    telemetry = read(line(), line(**changes), line())
    (refused,) = telemetry.refused
    assert len(telemetry.rows) == 2
    assert (refused.reason, refused.count) == ("data_by_reference", 1)
    assert "store/mdc_0.json" in refused.detail
    assert "secret" not in refused.detail


def test_a_message_of_references_only_is_still_heard():
    (signal,) = parse(json.dumps(line(data=..., dataref="x")).encode())
    assert isinstance(signal, TelemetryReceived)
    assert (signal.rows_by_category, signal.rejected_rows, signal.events_elsewhere) == ({}, 0, 1)
    assert signal.source == BLUE.key


def test_all_that_an_event_says_travels_with_the_place_of_its_rows():
    where = "https://Logs.blob.core.windows.net/mdc/a%20b/c.json?sig=secret"
    (found,) = read(line(id="e-1", data=..., dataref=where)).elsewhere
    assert (found.account, found.container, found.path, found.named) == (
        "logs",
        "mdc",
        "a b/c.json",
        "logs/mdc/a b/c.json",
    )
    assert (found.event_id, found.content_range, found.collection) == ("e-1", "bytes_0-88/89", "model_inputs")
    (here,) = read(line()).rows
    assert (found.deployment, found.at, found.correlation_id) == (here.deployment, here.at, here.correlation_id)


@pytest.mark.parametrize("odd", [None, [1], {"a": 1}, 1.5])
def test_an_odd_id_or_range_of_bytes_costs_no_rows(odd):
    assert len(read(line(id=odd, contentrange=odd)).rows) == 1
    (found,) = read(line(id=odd, contentrange=odd, data=..., dataref="a/b.json")).elsewhere
    assert (found.event_id, found.content_range) == ("", "")


def test_a_blob_holds_what_would_have_been_the_data():
    assert rows_in(b'\xef\xbb\xbf [{"a": 1}, {"a": 2}]\n') == [{"a": 1}, {"a": 2}]
    assert list(rows_in(b'{"a": 1}')) == [{"a": 1}]
    assert rows_in(b"[[1, 2]]") == [{"0": 1, "1": 2}]


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "malformed_json"),
        (b'[{"a": 1}', "malformed_json"),
        (b'[{"a": 1}], "source": "/another"', "malformed_json"),
        (b'[{"a": "\xff"}]', "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b"5", "malformed_field"),
        (b"null", "missing_field"),
        (b"[" + b"1," * ROWS_MAX + b"1]", "oversized"),
    ],
)
def test_a_blob_without_rows_to_count_is_refused_by_reason(blob, reason):
    refused = rows_in(blob)
    assert isinstance(refused, RowsRefused)
    assert refused.reason == reason


def test_an_event_with_data_and_a_reference_is_read_from_its_data():
    assert len(read(line(dataref="x")).rows) == 1


@pytest.mark.parametrize(
    ("changes", "reason", "named"),
    [
        ({"data": ...}, "missing_field", "data and dataref"),
        ({"data": None}, "missing_field", "data and dataref"),
        ({"data": "text"}, "malformed_field", "data is a single value"),
        ({"data": 5}, "malformed_field", "array of rows"),
        ({"source": ...}, "missing_field", "source"),
        ({"source": "me"}, "malformed_field", "onlineEndpoints"),
        ({"source": SOURCE.partition("/deployments")[0]}, "missing_field", "deployment"),
        ({"time": ...}, "missing_field", "time"),
        ({"time": "noon"}, "malformed_field", "time"),
        ({"type": ...}, "unknown_schema", "azureml.inference."),
        ({"type": "azureml.inference."}, "unknown_schema", "azureml.inference."),
        ({"type": "Microsoft.Storage.BlobCreated"}, "unknown_schema", "BlobCreated"),
        ({"type": 5}, "malformed_field", "$.type"),
        ({"data": ..., "dataref": "x", "source": "me"}, "malformed_field", "onlineEndpoints"),
    ],
)
def test_a_bad_line_is_refused_by_its_field_and_leaves_its_neighbours(changes, reason, named):
    telemetry = read(line(), line(**changes), line())
    (refused,) = telemetry.refused
    assert len(telemetry.rows) == 2
    assert (refused.reason, refused.count) == (reason, 1)
    assert named in refused.detail


def test_a_refusal_never_quotes_what_was_sent_to_the_model():
    (refused,) = read(line(data="a secret")).refused
    assert "secret" not in refused.detail


def test_a_broken_line_leaves_its_neighbours():
    text = f'{json.dumps(line())}\n{{"broken\n{json.dumps(line())}'
    telemetry = read_message(text.encode())
    assert len(telemetry.rows) == 2
    assert [refused.reason for refused in telemetry.refused] == ["malformed_json"]


def test_lines_and_records_may_share_a_message():
    record = {"category": "AuditEvent", "time": "2023-01-01T00:00:00Z", "resourceId": "/r"}
    body = json.dumps([line(), {"records": [record]}]).encode()
    (signal,) = parse(body)
    assert signal.rows_by_category == {"model_inputs": 2, "AuditEvent": 1}


def test_an_event_at_the_limit_of_depth_is_read_or_refused_but_never_fails():
    for depth in (100, 500, 900, 1000, 5000):
        body = json.dumps(line(data="DEEP")).replace('"DEEP"', "[" * depth + "]" * depth).encode()
        telemetry = read_message(body)
        assert len(telemetry.rows) + len(telemetry.refused) == 1
