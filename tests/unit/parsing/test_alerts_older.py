"""Metric and log alerts in the schemas before the common one."""

from datetime import UTC, datetime

import pytest

from shared.domain.platform_signals import AlertFired, AlertResolved, Criterion
from shared.domain.signals import Rejected
from shared.parsing import detect, parse
from tests.unit.parsing.alert_bodies import ENDPOINT, LATENCY, read_one

RULE = "/subscriptions/S1/resourceGroups/RG/providers/microsoft.insights/metricAlerts/Slow"
CONTEXT = {
    "timestamp": "2018-02-28T10:44:10.1714014Z",
    "id": RULE,
    "name": "Slow",
    "description": "d",
    "conditionType": "SingleResourceMultipleMetricCriteria",
    "severity": "3",
    "condition": {"windowSize": "PT5M", "allOf": [LATENCY]},
    "resourceId": ENDPOINT,
}
CLASSIC = {"metricName": "CPU", "metricValue": "10", "threshold": "10", "operator": "GreaterThanOrEqual"}
LOG = {
    "SubscriptionId": "S1",
    "AlertRuleName": "AcmeRule",
    "SearchQuery": "Perf",
    "SearchIntervalStartTimeUtc": "2018-03-26T08:10:40Z",
    "SearchIntervalEndtimeUtc": "2018-03-26T09:10:40Z",
    "AlertThresholdOperator": "Greater Than",
    "AlertThresholdValue": 0,
    "ResultCount": 2,
    "Description": None,
    "Severity": "3",
    "Dimensions": [{"name": "IP", "value": "1.1.1.1"}],
    "WorkspaceId": "W-1",
    "AlertType": "Number of results",
}


def metric_v2(status="Activated", /, properties=None, **changes):
    data = {"version": "2.0", "status": status, "context": CONTEXT | changes, "properties": properties}
    return {"schemaId": "AzureMonitorMetricAlert", "data": data}


def classic(status="Activated", /, properties=None, **changes):
    return {
        "status": status,
        "context": CONTEXT | {"conditionType": "Metric", "condition": CLASSIC} | changes,
        "properties": properties,
    }


SAMPLES = {
    "alert-noncommon-metric-classic-v1.json": (
        "ruleName1",
        ("/subscriptions/s1/resourcegroups/useast/providers/microsoft.foo/sites/mysite1",),
        Criterion(metric="Requests", operator="GreaterThanOrEqual", threshold=10.0, value=10.0),
        {"key1": "value1", "key2": "value2"},
    ),
    "alert-noncommon-metric-classic-v1-properties-object.json": (
        "Alert_1_runscope12",
        (
            (
                "/subscriptions/1a66ce04-b633-4a0b-b2bc-a912ec8986a6/resourcegroups/montest/providers/"
                "microsoft.compute/virtualmachines/helixtest1"
            ),
        ),
        Criterion(metric="Memory available", operator="GreaterThan", threshold=2.0, value=1032190976.0),
        {
            "hello1": "World1!",
            "json_stuff": '{"color":"red"}',
            "customId": "wd39ue9832ue9iuhd9iuewhd9edh",
            "send_emails_to": "someone@somewhere.com",
        },
    ),
    "alert-noncommon-metric-v2-activated.json": (
        "StorageCheck",
        (
            (
                "/subscriptions/1e3ff1c0-771a-4119-a03b-be82a51e232d/resourcegroups/contoso/providers/"
                "microsoft.storage/storageaccounts/diag500"
            ),
        ),
        Criterion(
            metric="Transactions",
            operator="GreaterThan",
            threshold=0.0,
            value=1.0,
            dimensions={
                "AccountResourceId": (
                    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/Contoso/providers/"
                    "Microsoft.Storage/storageAccounts/diag500"
                ),
                "GeoType": "Primary",
            },
        ),
        {"key1": "value1", "key2": "value2"},
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_captured_alert_is_its_signal(payload, name):
    body = payload(name)
    (signal,) = parse(body)
    assert detect(body) == "monitor_alerts"
    assert isinstance(signal, AlertFired)
    assert (signal.category, signal.stateful) == ("metric", True)
    assert (signal.rule, signal.targets, *signal.criteria, signal.properties) == SAMPLES[name]
    assert signal.source == signal.alert_id == signal.alert_id.lower()


@pytest.mark.parametrize("alert", [metric_v2, classic])
@pytest.mark.parametrize("status", ["Deactivated", "Resolved", "resolved"])
def test_the_end_of_an_alert_is_told_by_its_status(alert, status):
    fired, resolved = read_one(alert()), read_one(alert(status, timestamp="2018-02-28T10:54:10Z"))
    assert isinstance(resolved, AlertResolved)
    assert (resolved.alert_id, resolved.targets, resolved.fired_at) == (RULE.lower(), (ENDPOINT.lower(),), None)
    assert fired.alert_id == resolved.alert_id
    assert fired.occurred_at == datetime(2018, 2, 28, 10, 44, 10, 171401, tzinfo=UTC) < resolved.occurred_at
    assert fired.dedup_key != resolved.dedup_key


@pytest.mark.parametrize("alert", [metric_v2, classic])
@pytest.mark.parametrize("properties", [None, {}, "", []])
def test_properties_may_be_null_or_empty(alert, properties):
    assert read_one(alert(properties=properties)).properties == {}


def test_one_rule_speaks_of_each_resource_and_dimension_apart():
    other = {"allOf": [LATENCY | {"dimensions": [{"name": "deployment", "value": "blue"}]}]}
    keys = {
        read_one(metric_v2()).dedup_key,
        read_one(metric_v2(resourceId="/another")).dedup_key,
        read_one(metric_v2(condition=other)).dedup_key,
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("written", "severity"), [("3", "Sev3"), (3, "Sev3"), ("Sev3", "Sev3"), ("Warning", "Warning"), (None, "")]
)
def test_a_severity_that_is_a_digit_gets_its_usual_name(written, severity):
    assert read_one(metric_v2(severity=written)).severity == severity


def test_a_classic_rule_on_an_event_is_of_the_activity_log():
    signal = read_one(classic(conditionType="Event", condition=None))
    assert (signal.category, signal.stateful, signal.criteria) == ("activity_log", False, ())


@pytest.mark.parametrize("name", ["id", "name", "timestamp", "resourceId"])
@pytest.mark.parametrize("alert", [metric_v2, classic])
def test_a_missing_essential_is_refused_by_its_name(alert, name):
    rejected = read_one(alert(**{name: None}))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, f"context.{name}" in rejected.detail) == ("missing_field", True)


def test_an_unknown_status_is_refused():
    rejected = read_one(metric_v2("Suspended"))
    assert (rejected.reason, "data.status" in rejected.detail) == ("malformed_field", True)


# Log alerts


def log_alert(**changes):
    return {"schemaId": "Microsoft.Insights/LogAlert", "data": LOG | changes}


def test_a_log_alert_has_its_threshold_and_never_ends():
    signal = read_one(log_alert())
    assert (signal.category, signal.stateful, signal.rule, signal.severity) == ("log", False, "AcmeRule", "Sev3")
    assert (signal.source, signal.targets) == ("/subscriptions/s1", ("/subscriptions/s1",))
    assert signal.criteria == (
        Criterion(metric="ResultCount", operator="GreaterThan", threshold=0.0, value=2.0, dimensions={"IP": "1.1.1.1"}),
    )


def test_the_log_alert_of_a_workspace_comes_without_a_schema():
    assert read_one(LOG) == read_one(log_alert())


def test_the_searches_end_may_be_a_date_of_the_united_states():
    assert read_one(log_alert(SearchIntervalEndtimeUtc="3/26/2018 9:10:40 AM")) == read_one(log_alert())


def test_two_searches_and_two_computers_are_heard_apart():
    later = log_alert(SearchIntervalEndtimeUtc="2018-03-26T10:10:40Z")
    other = log_alert(Dimensions=[{"name": "IP", "value": "2.2.2.2"}])
    assert len({read_one(alert).dedup_key for alert in (log_alert(), later, other)}) == 3


@pytest.mark.parametrize("name", ["SubscriptionId", "AlertRuleName", "SearchIntervalEndtimeUtc"])
def test_a_log_alert_without_an_essential_is_refused_by_its_name(name):
    rejected = read_one(log_alert(**{name: None}))
    assert (rejected.reason, name in rejected.detail) == ("missing_field", True)
