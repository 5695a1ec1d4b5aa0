"""Messages of diagnostic records: requests are read, other records counted, bad ones refused one by one."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain.observations import DeploymentRef, RequestServed, Telemetry
from shared.domain.signals import Rejected, TelemetryReceived
from shared.parsing import parse, read_message
from shared.parsing.documents import BODY_BYTES_MAX
from shared.parsing.event_hubs import read_content

ENDPOINT = (
    "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/WS/ONLINEENDPOINTS/EP"
)
WORKSPACE = "/subscriptions/s/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws"
GREEN = DeploymentRef(workspace=WORKSPACE, endpoint="ep", deployment="green")


def record(**columns):
    names = {"DeploymentName": "Green", "ResponseCode": "200", "ModelStatusCode": "200", "TotalDurationMs": "87"}
    return {
        "time": "2023-04-18T09:39:56.5027358Z",
        "resourceId": ENDPOINT,
        "category": "AmlOnlineEndpointTrafficLog",
        "operationName": "x",
        "properties": names | columns,
    }


def message(*records):
    return json.dumps({"records": list(records)}).encode()


def test_a_traffic_log_record_is_a_request():
    assert read_message(message(record())) == Telemetry(
        requests=(
            RequestServed(
                deployment=GREEN,
                at=datetime(2023, 4, 18, 9, 39, 56, 502735, tzinfo=UTC),
                status_code=200,
                model_status_code=200,
                duration_ms=87.0,
                failed=False,
            ),
        )
    )


def test_numbers_may_be_text_or_numbers():
    numbers = record(ResponseCode=200, ModelStatusCode=200.0, TotalDurationMs=87)
    assert read_message(message(numbers)) == read_message(message(record()))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda records: {"records": records},
        lambda records: [{"records": records, "PartitionId": 1, "EventEnqueuedUtcTime": "2023-04-18T09:41:14Z"}],
        lambda records: [[{"records": records}]],
        lambda records: [{"records": [one]} for one in records],
        lambda records: {"Records": records},
        lambda records: records,
    ],
)
def test_the_wrapping_does_not_matter(wrap):
    records = [record(), record(DeploymentName="blue")]
    assert read_message(json.dumps(wrap(records)).encode()) == read_message(message(*records))


def test_messages_on_lines_of_their_own_are_read_together():
    lines = message(record()) + b"\n" + message(record(ResponseCode="500")) + b"\n"
    assert [request.status_code for request in read_message(lines).requests] == [200, 500]


@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase])
def test_the_case_of_keys_does_not_matter(change):
    odd = {change(key): value for key, value in record().items() if key != "properties"}
    odd[change("properties")] = {change(key): value for key, value in record()["properties"].items()}
    assert read_message(json.dumps({change("records"): [odd]}).encode()) == read_message(message(record()))


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        (200, False), (204, False), (302, False), (400, False), (401, False), (403, False), (404, False), (413, False),
        (405, True), (408, True), (424, True), (429, True), (499, True), (500, True), (502, True), (503, True), (504, True),
    ],
)  # fmt: skip
def test_a_request_failed_unless_the_caller_was_wrong(code, failed):
    (request,) = read_message(message(record(ResponseCode=str(code)))).requests
    assert (request.status_code, request.failed) == (code, failed)


@pytest.mark.parametrize("code", [None, "", "-"])
def test_a_model_may_not_have_been_asked(code):
    (request,) = read_message(message(record(ModelStatusCode=code))).requests
    assert request.model_status_code is None


@pytest.mark.parametrize(
    ("columns", "reason", "named"),
    [
        ({"ResponseCode": None}, "missing_field", "ResponseCode"),
        ({"ResponseCode": "abc"}, "malformed_field", "ResponseCode"),
        ({"ResponseCode": "42"}, "malformed_field", "100 to 599"),
        ({"ResponseCode": "200.5"}, "malformed_field", "ResponseCode"),
        ({"ResponseCode": [200]}, "malformed_field", "properties.ResponseCode"),
        ({"TotalDurationMs": None}, "missing_field", "TotalDurationMs"),
        ({"TotalDurationMs": "-1"}, "malformed_field", "0 or more milliseconds"),
        ({"TotalDurationMs": "NaN"}, "malformed_field", "finite"),
        ({"DeploymentName": ""}, "missing_field", "DeploymentName"),
        ({"DeploymentName": None}, "missing_field", "DeploymentName"),
        ({"DeploymentName": "x" * 5000}, "malformed_field", "DeploymentName"),
    ],
)
def test_a_bad_column_is_refused_by_its_name_and_leaves_its_neighbours(columns, reason, named):
    telemetry = read_message(message(record(), record(**columns), record()))
    (refused,) = telemetry.refused
    assert len(telemetry.requests) == 2
    assert (refused.reason, refused.count) == (reason, 1)
    assert named in refused.detail


@pytest.mark.parametrize(
    ("changes", "reason", "named"),
    [
        ({"time": None}, "missing_field", "time"),
        ({"time": "soon"}, "malformed_field", "time"),
        ({"time": 5}, "malformed_field", "time"),
        ({"resourceId": None}, "missing_field", "resourceId"),
        ({"resourceId": "/subscriptions/s"}, "malformed_field", "onlineEndpoints"),
        ({"resourceId": "x" * 5000}, "malformed_field", "onlineEndpoints"),
        ({"properties": None}, "missing_field", "properties"),
        ({"properties": "text"}, "missing_field", "properties"),
        ({"category": None}, "unknown_schema", "category"),
    ],
)
def test_a_bad_record_is_refused_by_its_field_and_leaves_its_neighbours(changes, reason, named):
    telemetry = read_message(message(record(), record() | changes, record()))
    (refused,) = telemetry.refused
    assert len(telemetry.requests) == 2
    assert (refused.reason, named in refused.detail) == (reason, True)


def test_refusals_are_counted_by_reason_and_keep_their_first_words():
    bad = [record(ResponseCode=code) for code in ("a", "b", "c")]
    telemetry = read_message(message(*bad, 7, record(DeploymentName="")))
    assert [(refused.reason, refused.count) for refused in telemetry.refused] == [
        ("malformed_field", 4),
        ("missing_field", 1),
    ]
    assert "'a'" in telemetry.refused[0].detail


def test_logs_and_metrics_that_are_not_aggregated_are_only_counted():
    log = {
        "time": "2023-04-18T10:00:00Z",
        "resourceId": ENDPOINT,
        "category": "AmlOnlineEndpointConsoleLog",
        "properties": "x",
    }
    other = log | {"properties": {"Message": "secret"}, "category": None, "type": "AuditEvent"}
    metric = {"time": "2023-04-18T10:01:00Z", "resourceId": ENDPOINT, "metricName": "RequestLatency", "count": 2}
    body = message(record(), log, other, metric)
    assert len(read_message(body).requests) == 1
    assert read_message(body).refused == ()
    (signal,) = parse(body)
    assert signal.rows_by_category == {
        "AmlOnlineEndpointTrafficLog": 1, "AmlOnlineEndpointConsoleLog": 1, "AuditEvent": 1, "AllMetrics": 1,
    }  # fmt: skip


def test_the_category_is_counted_in_its_usual_spelling():
    odd = record() | {"category": "AMLONLINEENDPOINTTRAFFICLOG"}
    assert read_content(message(odd)).rows_by_category == {"AmlOnlineEndpointTrafficLog": 1}


def test_more_categories_than_there_can_be_are_counted_together():
    many = [{"time": "2023-04-18T10:00:00Z", "resourceId": ENDPOINT, "category": f"c{n}"} for n in range(200)]
    counted = read_content(message(*many)).rows_by_category
    assert (len(counted), counted["other"]) == (65, 136)


def test_a_message_is_dated_by_its_latest_row_and_known_by_its_content():
    early, late = record(), record() | {"time": "2023-04-18T11:00:00Z"}
    (signal,) = parse(message(late, early))
    (again,) = parse(message(late, early))
    (other,) = parse(message(late))
    assert isinstance(signal, TelemetryReceived)
    assert signal.occurred_at == datetime(2023, 4, 18, 11, 0, tzinfo=UTC)
    assert signal.source == ENDPOINT.lower()
    assert signal == again
    assert signal.dedup_key != other.dedup_key


def test_a_message_in_which_everything_was_refused_is_rejected_with_the_first_reason():
    (rejected,) = parse(message(record(ResponseCode="x")))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, "ResponseCode" in rejected.detail) == ("malformed_field", True)


@pytest.mark.parametrize("body", [b"", b" ", b"[]", b'{"records":[]}', b"\n\n"])
def test_a_message_without_rows_is_not_actionable(body):
    (rejected,) = parse(body, "event_hubs")
    assert rejected.reason == "not_actionable"
    assert read_message(body) == Telemetry()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "malformed_json"),
        (b"\xff", "malformed_json"),
        (b'{"records":5}', "malformed_field"),
        (b'{"records":null}', "malformed_field"),
        (b"5", "unknown_schema"),
        (b"[5]", "unknown_schema"),
        (b"{}", "unknown_schema"),
        (b'{"eventType":"x"}', "unknown_schema"),
        (b'{"records":[5]}', "malformed_field"),
        (b" " * (BODY_BYTES_MAX + 1), "oversized"),
        (b"[" * 100_000, "malformed_json"),
        (b'{"records":[' * 80_000, "malformed_json"),
    ],
)
def test_what_is_no_telemetry_is_refused(body, reason):
    assert [refused.reason for refused in read_message(body).refused] == [reason]
    (rejected,) = parse(body, "event_hubs")
    assert rejected.reason == reason


def test_records_that_tell_neither_time_nor_source_cannot_be_a_signal():
    (rejected,) = parse(message({"category": "AuditEvent"}))
    assert (rejected.reason, "resourceId and time" in rejected.detail) == ("missing_field", True)
