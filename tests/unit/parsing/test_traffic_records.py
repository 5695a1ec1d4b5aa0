"""Whole messages of the traffic log, decoded in one step: the same requests as record by record, or none at all."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.parsing.event_hubs import read_content, read_message
from shared.parsing.traffic_records import read_traffic

ENDPOINT = (
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints/Ep"
)
steady = settings(deadline=None, derandomize=True)
statuses = st.sampled_from(["200", 200, "429", 424, "503", "404", 99, "600", "-", "", None, "2e2", 200.0])
numbers = st.sampled_from(
    ["0", 0, "87", 12.5, "12.5", "1e3", -1, "-3", "", "-", None, "nan", "inf", "1e400", True, "x", [], " 7 "]
)
times = st.sampled_from(
    [
        "2023-04-18T09:39:56.5027358Z",
        "2023-04-18T09:39:56Z",
        "2023-04-18T11:39:56+02:00",
        "2023-04-18T09:39:56",
        "2023-04-18 09:39:56Z",
        "soon",
        5,
    ]
)
columns = st.fixed_dictionaries(
    {
        "DeploymentName": st.sampled_from(["green", "Blue ", "", None]),
        "ResponseCode": statuses,
        "TotalDurationMs": numbers,
    },
    optional={
        "ModelStatusCode": statuses,
        "modelStatusCode": statuses,
        "RequestThrottlingDelayMs": numbers,
        "ResponseThrottlingDelayMs": numbers,
    },
)
records = st.fixed_dictionaries(
    {"time": times, "resourceId": st.sampled_from([ENDPOINT, ENDPOINT.upper(), "/else"]), "properties": columns},
    optional={
        "category": st.sampled_from(
            ["AmlOnlineEndpointTrafficLog", "amlonlineendpointtrafficlog", "AmlOnlineEndpointConsoleLog"]
        )
    },
)


def usual(**changes):
    names = {"DeploymentName": "green", "ResponseCode": "200", "ModelStatusCode": "200", "TotalDurationMs": "87"}
    return {
        "time": "2023-04-18T09:39:56.5027358Z",
        "resourceId": ENDPOINT,
        "category": "AmlOnlineEndpointTrafficLog",
        "properties": names | changes,
    }


def message(*several):
    return json.dumps({"records": several}).encode()


@steady
@given(st.lists(records, min_size=1, max_size=3))
def test_what_is_read_in_one_step_is_what_is_read_record_by_record(several):
    body = message(*several)
    in_one_step = read_traffic(body)
    assert in_one_step is None or in_one_step == read_content(body).telemetry().requests
    assert read_message(body) == read_content(body).telemetry()


@pytest.mark.parametrize("duration", ["87", 87, 87.5, "8.75e1"])
def test_a_usual_message_is_read_in_one_step(duration):
    (request,) = read_traffic(message(usual(TotalDurationMs=duration, RequestThrottlingDelayMs="1.5")))
    assert (request.duration_ms, request.delay_ms, request.status_code) == (float(duration), 1.5, 200)
    assert request.deployment.endpoint == "ep"


@pytest.mark.parametrize(
    "odd",
    [
        {"ResponseCode": "-"},
        {"TotalDurationMs": -1},
        {"TotalDurationMs": "nan"},
        {"DeploymentName": ""},
        {"RequestThrottlingDelayMs": -1},
    ],
)
def test_one_odd_record_leaves_the_message_to_be_read_record_by_record(odd):
    assert read_traffic(message(usual(), usual(**odd))) is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"records": []}', b'{"records": [1]}', b"[[[[", b"\xff"])
def test_what_is_no_traffic_is_left_alone(body):
    assert read_traffic(body) is None
