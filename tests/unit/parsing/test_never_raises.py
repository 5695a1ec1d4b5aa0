"""Whatever comes in, a parser gives signals or rejections, and what it knows it knows in any dress."""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from shared.domain import ids
from shared.domain.observations import Telemetry
from shared.domain.signals import Rejected, Signal
from shared.parsing import Channel, detect, parse, read_message, report_line
from shared.parsing.event_grid import PARSERS
from shared.parsing.event_hubs import _read_as_expected, _read_each
from tests.unit.parsing.conftest import EVENTS

QUICK = settings(
    max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
CHANNELS = (None, *get_args(Channel))

# Keys and values that lead deep into the parsers, so that arbitrary JSON is not refused at the door.
KEYS = st.sampled_from(
    [
        "topic",
        "source",
        "subject",
        "eventType",
        "type",
        "eventTime",
        "time",
        "id",
        "data",
        "specversion",
        "records",
        "category",
        "metricName",
        "resourceId",
        "properties",
        "modelName",
        "modelVersion",
        "modelTags",
        "runId",
        "runStatus",
        "RunTags",
        "azureml_modelmonitor_threshold_breached",
        "dataDriftName",
        "driftCoefficient",
        "DeploymentName",
        "ResponseCode",
        "TotalDurationMs",
        "ModelStatusCode",
        "dataref",
        "datainblob",
        "request",
        "headers",
        "body",
        "event",
        "deadLetterProperties",
        "url",
        "api",
        "contentLength",
        "complianceState",
        "policyAssignmentId",
        "timestamp",
        "action",
        "target",
        "repository",
        "digest",
        "host",
        "resourceInfo",
        "availabilityState",
        "targetResourceId",
        "resourceUri",
        "operationName",
        "status",
        "code",
        "severity",
        "displayName",
        "SystemAlertId",
        "AlertType",
        "AlertDisplayName",
        "ResourceIdentifiers",
        "TimeGenerated",
    ]
) | st.text(max_size=5)
TEXTS = st.sampled_from(
    [
        *PARSERS,
        "ModelRegistered",
        "azureml.inference.model_inputs",
        "AmlOnlineEndpointTrafficLog",
        "1.0",
        "200",
        "true",
        "2024-03-05T18:16:25Z",
        "9999-12-31T23:59:59-14:00",
        "/s/workspaces/w/onlineEndpoints/e/deployments/d",
        "https://a.dfs.core.windows.net/c/p",
        "FlushWithClose",
        "CreateFile",
        "NonCompliant",
        "Unhealthy",
        "quarantine",
        "Microsoft.Security/assessments",
        "Microsoft.Security/Locations/alerts",
        'signal \'x\'\n[\'{"metric_name":"a","metric_value":1,"threshold_value":2}\']',
    ]
) | st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=8), max_leaves=25
)
ENVELOPES = st.fixed_dictionaries(
    {"eventType": TEXTS, "topic": TEXTS, "eventTime": TEXTS, "data": st.dictionaries(KEYS, VALUES, max_size=8)},
    optional={"id": SCALARS, "subject": SCALARS},
)
MESSAGES = st.fixed_dictionaries({"records": st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=4)})


def check(body):
    for channel in CHANNELS:
        parsed = parse(body, channel)
        assert parsed
        assert all(isinstance(one, Signal | Rejected) for one in parsed)
        for index, one in enumerate(parsed):
            msgspec.json.encode(report_line("f", index, one))
    assert isinstance(read_message(body), Telemetry)
    assert detect(body) in CHANNELS


@seed(1)
@QUICK
@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_fail(body):
    check(body)


@seed(2)
@QUICK
@given(
    st.lists(
        st.sampled_from([b"{", b"}", b"[", b"]", b'"', b",", b":", b"\n", b"1", b'"records"', b"\xff", b"\\u"]),
        max_size=30,
    )
)
def test_broken_json_never_fails(parts):
    check(b"".join(parts))


@seed(3)
@QUICK
@given(st.one_of(VALUES, ENVELOPES, MESSAGES, st.lists(ENVELOPES | VALUES, max_size=4)))
def test_arbitrary_json_never_fails(value):
    check(json.dumps(value).encode())


@seed(4)
@QUICK
@given(st.lists(ENVELOPES | MESSAGES | VALUES, max_size=4))
def test_arbitrary_json_lines_never_fail(values):
    check("\n".join(json.dumps(value) for value in values).encode())


@seed(5)
@QUICK
@given(MESSAGES | st.lists(MESSAGES | VALUES, max_size=3))
def test_reading_at_once_and_reading_each_agree(value):
    body = json.dumps(value).encode()
    at_once = _read_as_expected(body)
    if at_once is not None:
        each = _read_each(body)
        assert at_once.telemetry() == each.telemetry()
        assert at_once.rows_by_category == each.rows_by_category


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"data":', '{"records":', '[{"data":['])
def test_a_nesting_of_a_hundred_thousand_never_fails(opening):
    check(opening.encode() * 100_000)


@pytest.mark.parametrize("depth", [10, 200, 800, 950, 990, 1_000, 3_000, 100_000])
def test_an_event_with_deep_data_never_fails(event, depth):
    deep = '"' + "x" + '"'
    for name, data in (
        ("ModelRegistered", {"modelName": "m", "modelVersion": 1, "modelTags": {"t": "x"}}),
        ("Other", {"a": "x"}),
    ):
        text = json.dumps(event(name, data, id=None)).replace(deep, "[" * depth + "]" * depth)
        check(text.encode())


ADDED = (None, True, 5, 2.5, "text", [], {"type": "x"}, ["records"])


def dressed(value, case, chance):
    """The same JSON with keys added, in another order and another case."""
    if isinstance(value, list):
        return [dressed(item, case, chance) for item in value]
    if not isinstance(value, dict):
        return value
    items = [(key, dressed(item, case, chance)) for key, item in value.items()]
    items += [(f"zz{number}", ADDED[(chance + number) % len(ADDED)]) for number in range(chance % 3)]
    items.sort(key=lambda item: ids.derive(chance, item[0]))
    return {case(key): item for key, item in items}


def mixed(key):
    """A case that differs from key to key."""
    return key.upper() if len(key) % 2 else key


CASES = pytest.mark.parametrize("case", [str, str.lower, str.upper, str.swapcase, mixed])
TAGS = ("tags", "properties")


@pytest.mark.parametrize(
    "name",
    [
        "eventgrid-ml-model-registered.json",
        "eventgrid-ml-model-deployed.cloudevent.json",
        "eventgrid-ml-run-completed.json",
        "eventgrid-ml-run-status-changed.cloudevent.json",
        "eventgrid-ml-run-status-changed-monitor-breached.json",
        "eventgrid-ml-dataset-drift-detected.json",
        "eventgrid-subscription-validation.json",
        "acr-webhook-quarantine.json",
        "defender-alert-continuous-export.json",
        "eventgrid-acr-imagedeleted.json",
        "eventgrid-acr-imagepushed.cloudevent.json",
        "eventgrid-deadletter.json",
        "eventgrid-policyinsights-policystatechanged.json",
        "eventgrid-resourcenotifications-health-availabilitystatuschanged.cloudevent.json",
        "eventgrid-resourcenotifications-resources-createdorupdated.json",
        "eventgrid-storage-blobcreated.cloudevent.json",
        "eventgrid-storage-blobdeleted.json",
    ],
)
@CASES
@pytest.mark.parametrize("chance", range(10))
def test_a_known_event_is_known_in_any_dress(payload, name, case, chance):
    body = payload(name)
    odd = json.dumps(dressed(json.loads(body), case, chance)).encode()
    (plain,), (again,) = parse(body), parse(odd)
    assert type(again) is type(plain)
    for field in plain.__struct_fields__:
        if field not in TAGS:  # their keys are the user's own, and keep their case
            assert getattr(again, field) == getattr(plain, field)


@pytest.mark.parametrize(
    "name",
    [
        "eventhub-diagnostic-AmlOnlineEndpointTrafficLog.json",
        "eventhub-metrics-AllMetrics.json",
        "eventhub-diagnostic-docs-sample.json",
    ],
)
@CASES
@pytest.mark.parametrize("chance", range(10))
def test_a_known_message_is_known_in_any_dress(payload, name, case, chance):
    body = payload(name)
    odd = json.dumps(dressed(json.loads(body), case, chance)).encode()
    assert read_message(odd) == read_message(body)
    (plain,), (again,) = parse(body), parse(odd)
    assert (again.source, again.occurred_at, again.rows_by_category) == (
        plain.source,
        plain.occurred_at,
        plain.rows_by_category,
    )


PAYLOADS = sorted(path.name for path in EVENTS.iterdir())
PUT_IN = (None, "", " ", 0, -1.5, True, [], {}, [None], {"id": 5}, "text", "\u0000", "9999-99-99", 10**400)


def mutated(value, chance, path=()):
    """The same JSON with about one value in six replaced, dropped or wrapped, as ``chance`` says."""
    draw = int(ids.derive("mutate", chance, *map(str, path)), 16)
    if draw % 6 == 0:
        return ([value], PUT_IN[draw // 6 % len(PUT_IN)], str(value))[draw // 97 % 3]
    if isinstance(value, dict):
        items = ((key, mutated(item, chance, (*path, key))) for key, item in value.items())
        return {key: item for position, (key, item) in enumerate(items) if (draw >> position) % 13}
    if isinstance(value, list):
        return [mutated(item, chance, (*path, position)) for position, item in enumerate(value)]
    return value


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_in_which_anything_was_changed_never_fails(payload, name):
    text = payload(name)
    documents = [json.loads(text)] if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    for chance in range(25):
        check("\n".join(json.dumps(mutated(document, chance)) for document in documents).encode())


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_that_was_cut_off_never_fails(payload, name):
    body = payload(name)
    for length in range(0, len(body), max(1, len(body) // 12)):
        check(body[:length])
