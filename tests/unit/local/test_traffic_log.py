"""The traffic records of an online endpoint and their batching."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from local.azure.traffic_log import Exchange, TrafficLog, traffic_record

WORKSPACE = "/subscriptions/aaaa0a0a/resourcegroups/test-rg/providers/microsoft.machinelearningservices/workspaces/ws"
EXCHANGE = Exchange(
    at=datetime(2026, 5, 4, 9, 39, 56, 502735, UTC),
    workspace=WORKSPACE,
    endpoint="flights",
    deployment="blue",
    response_code=200,
    model_status_code=200,
    request_bytes=310,
    response_bytes=38,
    total_ms=87.26,
    request_ms=0.3,
    response_ms=84.04,
    request_id="r-1",
    client_request_id="c-1",
    user_agent="python-requests/2.31.0",
)
# the columns of ai-docs includes/endpoint-monitor-traffic-reference.md
DOCUMENTED_PROPERTIES = {
    "Method", "Path", "SubscriptionId", "AzureMLWorkspaceId", "AzureMLWorkspaceName", "EndpointName", "DeploymentName",
    "Protocol", "ResponseCode", "ResponseCodeReason", "ModelStatusCode", "ModelStatusReason", "RequestPayloadSize",
    "ResponsePayloadSize", "UserAgent", "XRequestId", "XMSClientRequestId", "TotalDurationMs", "RequestDurationMs",
    "ResponseDurationMs", "RequestThrottlingDelayMs", "ResponseThrottlingDelayMs",
}  # fmt: skip


def record(endpoint="flights"):
    return traffic_record(replace(EXCHANGE, endpoint=endpoint), "westeurope")


def test_a_record_has_the_documented_properties_all_as_text():
    properties = record()["properties"]
    assert set(properties) == DOCUMENTED_PROPERTIES
    assert all(isinstance(value, str) for value in properties.values())


def test_the_envelope_is_the_one_of_a_diagnostic_setting():
    envelope = {name: value for name, value in record().items() if name not in {"properties", "operationName"}}
    assert envelope == {
        "time": "2026-05-04T09:39:56.5027350Z",
        "resourceId": f"{WORKSPACE}/onlineEndpoints/flights".upper(),
        "category": "AmlOnlineEndpointTrafficLog",
        "level": "Informational",
        "location": "westeurope",
    }


def test_durations_are_milliseconds_with_one_decimal():
    properties = record()["properties"]
    assert (properties["TotalDurationMs"], properties["ResponseDurationMs"]) == ("87.3", "84.0")


def test_a_failed_model_shows_both_codes():
    failed = traffic_record(replace(EXCHANGE, response_code=424, model_status_code=500), "westeurope")["properties"]
    assert (failed["ResponseCode"], failed["ModelStatusCode"]) == ("424", "500")


def test_a_request_that_no_model_saw_has_no_model_status():
    refused = traffic_record(replace(EXCHANGE, response_code=401, model_status_code=None), "westeurope")
    assert refused["properties"]["ModelStatusCode"] == ""


def test_the_user_agent_is_cut_to_seventy_characters():
    long = traffic_record(replace(EXCHANGE, user_agent="x" * 100), "westeurope")
    assert long["properties"]["UserAgent"] == "x" * 70


@pytest.fixture
def sent():
    return []


@pytest.fixture
def log(sent):
    return TrafficLog(lambda body, partition_key: sent.append((json.loads(body)["records"], partition_key)))


async def test_fifty_records_leave_at_once(log, sent):
    for _ in range(50):
        log.emit(record())
    ((records, partition_key),) = sent
    assert len(records) == 50
    assert partition_key == f"{WORKSPACE}/onlineendpoints/flights"


async def test_fewer_records_leave_after_the_flush_interval(log, sent):
    for _ in range(3):
        log.emit(record())
    assert sent == []
    await asyncio.sleep(0.3)
    assert [len(records) for records, _ in sent] == [3]


async def test_a_message_holds_records_of_one_endpoint_only(log, sent):
    for endpoint in ("flights", "prices", "flights"):
        log.emit(record(endpoint))
    log.flush()
    assert {(len(records), key.rsplit("/", 1)[-1]) for records, key in sent} == {(2, "flights"), (1, "prices")}


async def test_the_timer_starts_anew_after_a_flush(log, sent):
    for _ in range(2):
        log.emit(record())
        log.flush()
    await asyncio.sleep(0.25)
    assert [len(records) for records, _ in sent] == [1, 1]
