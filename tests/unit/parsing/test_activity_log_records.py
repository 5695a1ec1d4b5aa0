"""The activity log through an Event Hub: who wrote which deployment, and one word about everything else."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain.platform_signals import ResourceChanged
from shared.domain.signals import ModelDeployed, Rejected, TelemetryReceived
from shared.parsing import detect, parse
from tests.unit.parsing.alert_bodies import older_activity, read_one

WORKSPACE = "/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/PROD"
ENDPOINT = f"{WORKSPACE}/ONLINEENDPOINTS/FLIGHT"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
# The form of Microsoft Learn's sample, with the upper case that the activity log writes.
RECORD = {
    "time": "2025-04-15T18:16:00.9792776Z",
    "resourceId": f"{ENDPOINT}/DEPLOYMENTS/BLUE",
    "operationName": "MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/ONLINEENDPOINTS/DEPLOYMENTS/WRITE",
    "category": "Administrative",
    "resultType": "Success",
    "resultSignature": "Succeeded.Created",
    "durationMs": 2826,
    "callerIpAddress": "111.111.111.11",
    "correlationId": "C776F9F4",
    "identity": {
        "authorization": {"scope": f"{ENDPOINT}/DEPLOYMENTS/BLUE"},
        "claims": {UPN: " eve@contoso.com", "name": "Eve", "appid": "c44b4083"},
    },
    "level": "Information",
    "properties": {"statusCode": "Created"},
}


def record(**changes):
    return {key: value for key, value in (RECORD | changes).items() if value is not None}


def hear(*records, channel=None):
    return parse(json.dumps({"records": list(records)}).encode(), channel)


def hear_one(**changes):
    (parsed,) = hear(record(**changes))
    return parsed


def operation(text):
    return f"Microsoft.MachineLearningServices/workspaces/{text}"


def test_a_deployment_that_was_written_names_itself_and_who_did_it():
    signal = hear_one()
    assert isinstance(signal, ModelDeployed)
    assert (signal.workspace, signal.service_name, signal.by) == (WORKSPACE.lower(), "flight/blue", "eve@contoso.com")
    assert signal.occurred_at == datetime(2025, 4, 15, 18, 16, 0, 979277, tzinfo=UTC)


@pytest.mark.parametrize("category", ["Administrative", "ADMINISTRATIVE", "Write"])
@pytest.mark.parametrize("result", ["Success", "Succeeded", "success"])
def test_log_profiles_and_diagnostic_settings_say_the_same(category, result):
    assert isinstance(hear_one(category=category, resultType=result), ModelDeployed)


@pytest.mark.parametrize(
    ("identity", "caller", "who"),
    [
        ({"claims": {"name": "Eve"}}, None, "Eve"),
        ({"claims": {"appid": "c44b4083"}}, None, "c44b4083"),
        ({"claims": {"appid": "c44b4083"}}, "eve@contoso.com", "eve@contoso.com"),
        ("eve@contoso.com", None, "eve@contoso.com"),
        ({"claims": "{}"}, None, ""),
        ('{"claims": {"name": "Eve"}}', None, "Eve"),
        ({"claims": '{"name": "Eve"}'}, None, "Eve"),
        ({}, None, ""),
        (None, None, ""),
        (["eve"], None, ""),
    ],
)
def test_who_did_it_is_told_in_several_ways_or_not_at_all(identity, caller, who):
    assert hear_one(identity=identity, caller=caller).by == who


@pytest.mark.parametrize(
    ("text", "resource", "change"),
    [
        ("onlineEndpoints/write", ENDPOINT, "created_or_updated"),
        ("onlineEndpoints/delete", ENDPOINT, "deleted"),
        ("batchEndpoints/deployments/delete", f"{WORKSPACE}/batchEndpoints/B/deployments/D", "deleted"),
    ],
)
def test_other_changes_of_endpoints_are_changes_of_a_resource(text, resource, change):
    signal = hear_one(operationName=operation(text), resourceId=resource)
    assert isinstance(signal, ResourceChanged)
    assert (signal.change, signal.resource_id, signal.by) == (change, resource.lower(), "eve@contoso.com")


@pytest.mark.parametrize("result", ["Failure", "Failed"])
def test_what_failed_has_changed_nothing_for_certain(result):
    signal = hear_one(resultType=result)
    assert isinstance(signal, ResourceChanged)
    assert (signal.change, signal.status) == ("other", result)


@pytest.mark.parametrize(
    "changes",
    [
        {"resultType": "Start"},
        {"resultType": "Accept"},
        {"operationName": "Microsoft.Storage/storageAccounts/write"},
        {"operationName": operation("onlineEndpoints/listKeys/action")},
        {"category": "ServiceHealth"},
        {"category": "Policy"},
    ],
)
def test_what_nothing_is_done_about_is_said_to_be_so(changes):
    rejected = hear_one(**changes)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "not_actionable"


@pytest.mark.parametrize("name", ["resultType", "resourceId", "time"])
def test_a_missing_field_is_named(name):
    rejected = hear_one(**{name: None})
    assert (rejected.reason, name in rejected.detail) == ("missing_field", True)


def test_thousands_of_records_that_are_no_business_of_ours_are_one_refusal():
    idle = record(operationName="Microsoft.Storage/storageAccounts/write")
    parsed = hear(idle, record(), record(time=None), *[idle] * 500)
    assert [type(one).__name__ for one in parsed] == ["ModelDeployed", "Rejected", "Rejected"]
    assert [one.reason for one in parsed[1:]] == ["missing_field", "not_actionable"]
    assert parsed[-1].detail.startswith("501 records hold nothing to act on")


@pytest.mark.parametrize("body", [b"", b"{", b'{"records": []}', b'{"records": [5]}', b'{"records": 5}', b"[]", b"5"])
def test_whatever_comes_by_this_channel_is_a_signal_or_a_refusal(body):
    assert all(isinstance(parsed, Rejected) for parsed in parse(body, "activity_log"))
    assert parse(body, "activity_log")


def test_an_alert_and_a_record_of_one_write_tell_one_deployment():
    alert = older_activity(resourceId=RECORD["resourceId"], correlationId="c776f9f4")
    assert read_one(alert).dedup_key == hear_one().dedup_key
    assert hear_one(correlationId=None).dedup_key != hear_one().dedup_key


def test_each_end_of_an_operation_without_a_correlation_is_heard_apart():
    failed, done = (hear_one(correlationId=None, resultType=result).dedup_key for result in ("Failure", "Success"))
    assert failed != done


def test_a_single_record_needs_no_array():
    (signal,) = parse(json.dumps({"records": RECORD}).encode())
    assert isinstance(signal, ModelDeployed)


def test_records_of_the_activity_log_are_told_from_telemetry():
    telemetry = {"category": "AuditEvent", "resourceId": "/r", "time": RECORD["time"], "operationName": "x"}
    assert detect(json.dumps({"records": [telemetry]}).encode()) == "event_hubs"
    assert isinstance(hear(telemetry)[0], TelemetryReceived)
    for wrapped in (RECORD, [RECORD], {"RECORDS": [RECORD]}, {"records": [telemetry, RECORD]}):
        assert detect(json.dumps(wrapped).encode()) == "activity_log"
