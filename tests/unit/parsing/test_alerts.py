"""Alerts of metrics, logs, Prometheus and smart detection in the common schema, and how a body finds its parser."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain import ids
from shared.domain.platform_signals import AlertFired, AlertResolved, Criterion
from shared.domain.signals import Rejected, kind_of
from shared.parsing import detect, parse
from tests.unit.parsing.alert_bodies import (
    ALERT_ID,
    ENDPOINT,
    ESSENTIALS,
    EVENT,
    FIRED_AT,
    LATENCY,
    common,
    read,
    read_one,
    without,
)

SAMPLE_SUBSCRIPTION = "/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e"
SAMPLE_ALERT = f"{SAMPLE_SUBSCRIPTION}/providers/microsoft.alertsmanagement/alerts/eeeeeeee-4444-5555-6666-ffffffffffff"
STORAGE = (
    f"{SAMPLE_SUBSCRIPTION}/resourcegroups/test-rg/providers/microsoft.storage/storageaccounts/test-storageaccount"
)
LOGS = f"{SAMPLE_SUBSCRIPTION}/resourcegroups/test-rg/providers/microsoft.operationalinsights/workspaces/test-loganalyticsworkspace"
ONLINE = f"{SAMPLE_SUBSCRIPTION}/resourcegroups/test-rg/providers/microsoft.machinelearningservices/workspaces/test-ws/onlineendpoints/test-endpoint"
INSIGHTS = (
    f"{SAMPLE_SUBSCRIPTION}/resourcegroups/test-rg/providers/microsoft.insights/components/test-applicationinsights"
)
CUSTOM = {"customKey1": "value1", "customKey2": "value2"}
P95 = {
    "metric": "RequestLatency_P95",
    "operator": "GreaterThan",
    "threshold": 2000.0,
    "dimensions": {"deployment": "green"},
}

SAMPLES = {
    "alert-common-metric-static.json": (
        "AlertFired",
        {
            "rule": "test-metricAlertRule",
            "category": "metric",
            "severity": "Sev4",
            "stateful": True,
            "targets": (STORAGE,),
            "properties": CUSTOM,
            "occurred_at": datetime(2025, 4, 15, 18, 17, 12, 851000, tzinfo=UTC),
            "criteria": (
                Criterion(
                    metric="Transactions",
                    operator="GreaterThan",
                    threshold=0.0,
                    value=100.0,
                    dimensions={"ApiName": "GetBlob"},
                ),
            ),
        },
    ),
    "alert-common-metric-online-endpoint-latency.json": (
        "AlertFired",
        {
            "rule": "test-onlineEndpointLatencyRule",
            "category": "metric",
            "severity": "Sev2",
            "targets": (ONLINE,),
            "criteria": (Criterion(**P95, value=2412.6),),
        },
    ),
    "alert-common-metric-online-endpoint-latency-resolved.json": (
        "AlertResolved",
        {
            "rule": "test-onlineEndpointLatencyRule",
            "category": "metric",
            "targets": (ONLINE,),
            "fired_at": datetime(2025, 4, 15, 18, 17, 12, 851000, tzinfo=UTC),
            "occurred_at": datetime(2025, 4, 15, 18, 27, 12, 851000, tzinfo=UTC),
            "criteria": (Criterion(**P95, value=640.2),),
        },
    ),
    "alert-common-log-v1-number-of-results.json": (
        "AlertFired",
        {
            "category": "log",
            "targets": (LOGS,),
            "criteria": (Criterion(metric="ResultCount", operator="GreaterThan", threshold=0.0, value=1.0),),
        },
    ),
    "alert-common-log-v2.json": (
        "AlertFired",
        {
            "category": "log",
            "targets": (LOGS,),
            "properties": CUSTOM,
            "criteria": (
                Criterion(
                    metric="Count",
                    operator="GreaterThan",
                    threshold=0.0,
                    value=3.0,
                    dimensions={"Computer": "test-computer"},
                ),
            ),
        },
    ),
    "alert-smart-detection.json": (
        "AlertFired",
        {
            "category": "smart_detection",
            "targets": (INSIGHTS,),
            "occurred_at": datetime(2021, 10, 28, 19, 9, 9, 111508, tzinfo=UTC),
            "properties": {
                "DetectionSummary": "A degradation in the dependency duration over the last 24 hours",
                "DetectedValue": "0.45 sec",
                "NormalValue": "0.27 sec (over the last 7 days)",
                "SmartDetectorId": "DependencyPerformanceDegradationDetector",
                "SmartDetectorName": "Dependency Performance Degradation Detector",
            },
        },
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_documented_alert_is_its_signal(payload, name):
    kind, fields = SAMPLES[name]
    body = payload(name)
    (signal,) = parse(body)
    assert detect(body) == "monitor_alerts"
    assert kind_of(signal) == kind
    assert {field: getattr(signal, field) for field in fields} == fields
    assert signal.source == signal.alert_id == SAMPLE_ALERT


def test_a_fired_alert_has_every_field():
    assert read_one(common()) == AlertFired(
        source=ALERT_ID.lower(),
        dedup_key=ids.derive("signal", "alert", "origin-1", "Fired", "2025-04-15T18:17:12.851123+00:00"),
        occurred_at=datetime(2025, 4, 15, 18, 17, 12, 851123, tzinfo=UTC),
        subject="Slow answers",
        rule="Slow answers",
        alert_id=ALERT_ID.lower(),
        category="metric",
        targets=(ENDPOINT.lower(),),
        severity="Sev2",
        description="what the rule's author wrote",
        criteria=(Criterion(**P95, value=2412.6),),
    )


# Fired and resolved


RESOLVED = {"monitorCondition": "Resolved", "resolvedDateTime": "2025-04-15T18:27:00Z"}


def test_the_end_of_an_alert_has_its_own_key_and_the_same_alert():
    fired, resolved = read_one(common()), read_one(common(**RESOLVED))
    assert isinstance(resolved, AlertResolved)
    assert (resolved.alert_id, resolved.targets, resolved.rule) == (fired.alert_id, fired.targets, fired.rule)
    assert resolved.fired_at == fired.occurred_at < resolved.occurred_at
    assert resolved.dedup_key != fired.dedup_key


def test_the_same_alert_that_fires_again_later_is_heard_again():
    first, again = read_one(common()), read_one(common(firedDateTime="2025-04-15T19:00:00Z"))
    assert first.dedup_key != again.dedup_key


def test_the_key_does_not_depend_on_case_or_spelling_of_time():
    plain = read_one(common())
    odd = read_one(
        common(originAlertId="ORIGIN-1", monitorCondition="FIRED", firedDateTime="2025-04-15T20:17:12.851123+02:00")
    )
    assert odd.dedup_key == plain.dedup_key


def test_without_an_origin_the_alerts_own_id_is_its_identity():
    assert read_one(common(originAlertId=None)).dedup_key != read_one(common()).dedup_key
    assert read_one(common(alertId=None)).alert_id == "origin-1"


def test_only_metric_alerts_say_when_they_were_resolved():
    resolved = read_one(common(monitorCondition="Resolved"))
    assert resolved.occurred_at == resolved.fired_at
    alone = read_one(common(**RESOLVED, firedDateTime=None))
    assert (alone.fired_at, alone.occurred_at) == (None, datetime(2025, 4, 15, 18, 27, tzinfo=UTC))


def test_a_rule_resolved_for_lack_of_data_has_no_value():
    (criterion,) = read_one(common({"condition": {"allOf": [LATENCY | {"metricValue": None}]}}, **RESOLVED)).criteria
    assert (criterion.value, criterion.threshold) == (None, 2000.0)


# Essentials


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("alertRule", "alertRule"),
        ("alertTargetIDs", "alertTargetIDs"),
        ("monitorCondition", "data.essentials.monitorCondition"),
        ("firedDateTime", "data.essentials.firedDateTime"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "absent"])
def test_a_missing_essential_is_refused_by_its_name(name, named, value):
    whole = common(**{name: value})
    if value == "absent":
        whole["data"]["essentials"] = without(ESSENTIALS, name)
    rejected = read_one(whole)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, named in rejected.detail) == ("missing_field", True)


def test_an_alert_with_neither_id_is_refused():
    rejected = read_one(common(alertId=None, originAlertId=None))
    assert (rejected.reason, "alertId (or originAlertId)" in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize(
    ("name", "value"), [("monitorCondition", "Dancing"), ("firedDateTime", "soon"), ("alertId", {})]
)
def test_a_malformed_essential_is_refused_by_its_name(name, value):
    rejected = read_one(common(**{name: value}))
    assert (rejected.reason, name in rejected.detail) == ("malformed_field", True)


@pytest.mark.parametrize("name", ["severity", "description", "signalType", "monitoringService", "configurationItems"])
@pytest.mark.parametrize("value", [None, "", "absent"])
def test_what_is_not_essential_may_be_missing(name, value):
    whole = common(**{name: value})
    if value == "absent":
        whole["data"]["essentials"] = without(ESSENTIALS, name)
    signal = read_one(whole)
    assert isinstance(signal, AlertFired)
    assert signal.category == "metric"


def test_the_rule_is_named_by_its_id_when_its_name_is_missing():
    rule_id = "/subscriptions/s/resourceGroups/g/providers/microsoft.insights/metricAlerts/Slow"
    assert read_one(common(alertRule=None, alertRuleId=rule_id)).rule == "Slow"


@pytest.mark.parametrize(
    ("value", "targets"),
    [
        ([ENDPOINT, ENDPOINT.upper()], (ENDPOINT.lower(),)),
        ([ENDPOINT + "/"], (ENDPOINT.lower(),)),
        (ENDPOINT, (ENDPOINT.lower(),)),
        ([None, 5, "/B", "/a"], ("/b", "/a")),
    ],
)
def test_targets_are_lower_case_ids_each_once(value, targets):
    assert read_one(common(alertTargetIDs=value)).targets == targets


def test_custom_properties_join_those_of_the_context():
    context = {"properties": {"a": "1", "b": "1"}, "condition": {"allOf": [LATENCY]}}
    assert read_one(common(context, custom={"b": "2", "c": {"d": 3}, "e": None})).properties == {
        "a": "1",
        "b": "2",
        "c": '{"d":3}',
    }


# What kind of rule it is


@pytest.mark.parametrize(
    ("signal_type", "service", "context", "category"),
    [
        ("Metric", "Platform", {}, "metric"),
        ("Log", "Log Alerts V2", {}, "log"),
        ("Log", "Log Analytics", {}, "log"),
        ("Log", "Application Insights", {}, "log"),
        ("Log", "Platform", {}, "log"),
        ("Metric", "Prometheus", {}, "prometheus"),
        ("Log", "SmartDetector", {}, "smart_detection"),
        ("Log", "Smart Detector", {}, "smart_detection"),
        ("Activity Log", "Activity Log - Administrative", EVENT, "activity_log"),
        ("ActivityLog", None, EVENT, "activity_log"),
        (None, "Activity Log - Autoscale", EVENT, "activity_log"),
        (None, None, {"expression": "up > 0"}, "prometheus"),
        (None, None, {"SmartDetectorId": "x"}, "smart_detection"),
        (None, None, {"SearchQuery": "Heartbeat"}, "log"),
        (None, None, {"conditionType": "LogQueryCriteria"}, "log"),
        (None, None, {"conditionType": "DynamicThresholdCriteria"}, "metric"),
        (None, None, EVENT, "activity_log"),
        (None, "Something New", {"x": 1}, "other"),
        (None, None, {}, "other"),
    ],
)
def test_the_category_is_told_by_service_type_or_context(signal_type, service, context, category):
    assert read_one(common(context, signalType=signal_type, monitoringService=service)).category == category


# Criteria


@pytest.mark.parametrize(
    "kind",
    [
        "SingleResourceMultipleMetricCriteria",
        "MultipleResourceMultipleMetricCriteria",
        "DynamicThresholdCriteria",
        "WebtestLocationAvailabilityCriteria",
        None,
    ],
)
def test_every_criterion_of_a_metric_rule_is_read(kind):
    rows = [
        LATENCY,
        {"metricName": "FailedLocation", "threshold": 2, "metricValue": "5", "operator": "GreaterOrLessThan"},
    ]
    context = {"conditionType": kind, "condition": {"windowSize": "PT5M", "allOf": rows}}
    assert read_one(common(context)).criteria == (
        Criterion(**P95, value=2412.6),
        Criterion(metric="FailedLocation", operator="GreaterOrLessThan", threshold=2.0, value=5.0),
    )


@pytest.mark.parametrize(
    "condition", [None, {}, [], "text", {"allOf": None}, {"allOf": [None, 5]}, {"allOf": [{"metricName": None}]}]
)
def test_an_alert_stands_without_its_condition(condition):
    assert read_one(common({"condition": condition})).criteria == ()


@pytest.mark.parametrize("threshold", [None, "", "high", {}, True])
def test_an_alert_stands_without_a_readable_threshold(threshold):
    (criterion,) = read_one(common({"condition": {"allOf": [LATENCY | {"threshold": threshold}]}})).criteria
    assert (criterion.threshold, criterion.value) == (None, 2412.6)


@pytest.mark.parametrize(
    ("written", "operator"),
    [
        ("GreaterThan", "GreaterThan"),
        ("Greater Than", "GreaterThan"),
        ("greaterThanOrEqual", "GreaterThanOrEqual"),
        ("GreaterOrEqual", "GreaterThanOrEqual"),
        ("LowerThan", "LessThan"),
        ("Less Than", "LessThan"),
        ("Equals", "Equals"),
        ("SomethingElse", "SomethingElse"),
        (None, ""),
    ],
)
def test_an_operator_has_one_spelling(written, operator):
    (criterion,) = read_one(common({"condition": {"allOf": [LATENCY | {"operator": written}]}})).criteria
    assert criterion.operator == operator


def test_a_log_alert_v2_is_named_by_its_column_or_else_by_its_aggregation():
    row = {"metricMeasureColumn": "CounterValue", "timeAggregation": "Count", "operator": "LowerThan", "threshold": "1"}
    log = {"signalType": "Log", "monitoringService": "Log Alerts V2"}
    named = read_one(common({"condition": {"allOf": [row | {"metricValue": 0.0}]}}, **log))
    counted = read_one(common({"condition": {"allOf": [row | {"metricMeasureColumn": None}]}}, **log))
    assert named.criteria == (Criterion(metric="CounterValue", operator="LessThan", threshold=1.0, value=0.0),)
    assert counted.criteria == (Criterion(metric="Count", operator="LessThan", threshold=1.0),)


LOG_V1 = {
    "SearchQuery": "Perf",
    "SearchIntervalStartTimeUtc": "3/22/2019 1:36:31 PM",
    "SearchIntervalEndtimeUtc": "3/22/2019 1:51:31 PM",
    "ResultCount": 2,
    "Threshold": 10000.0,
    "Operator": "Less Than",
    "Dimensions": [{"name": "Computer", "value": "INC-Gen2Alert"}],
    "IncludedSearchResults": "True",
    "AlertType": "Metric measurement",
}


def test_a_metric_measurement_has_no_value_since_its_count_was_not_compared():
    expected = Criterion(
        metric="AggregatedValue", operator="LessThan", threshold=10000.0, dimensions={"Computer": "INC-Gen2Alert"}
    )
    assert read_one(common(LOG_V1, signalType="Log", monitoringService="Log Analytics")).criteria == (expected,)


@pytest.mark.parametrize("threshold", [0, "0", 0.0])
def test_a_number_of_results_is_compared_with_its_threshold(threshold):
    context = LOG_V1 | {
        "AlertType": "Number of results",
        "Threshold": threshold,
        "Dimensions": None,
        "ResultCount": "2",
    }
    (criterion,) = read_one(common(context, signalType="Log")).criteria
    assert criterion == Criterion(metric="ResultCount", operator="LessThan", threshold=0.0, value=2.0)


@pytest.mark.parametrize("context", [{}, {"SearchQuery": "Heartbeat"}])
def test_a_log_alert_stands_without_its_threshold_and_count(context):
    assert read_one(common(context, signalType="Log")).criteria == ()


PROMETHEUS = {"signalType": "Metric", "monitoringService": "Prometheus", "description": None}


def test_a_prometheus_alert_has_its_expression_labels_and_annotations(payload):
    context = json.loads(payload("alert-context-prometheus.json"))["alertContext"]
    signal = read_one(common(context, **PROMETHEUS))
    labels = {"Environment": "Prod", "cluster": "myCluster1"}
    assert signal.criteria == (Criterion(metric="sql_up > 0", value=0.0, dimensions=labels),)
    assert (signal.category, signal.description) == ("prometheus", "alert on SQL availability")
    assert signal.properties == {"summary": "alert on SQL availability"}


@pytest.mark.parametrize("context", [{}, {"expression": None}, {"labels": 5, "annotations": "x", "expression": "up"}])
def test_a_prometheus_alert_stands_without_its_context(context):
    assert isinstance(read_one(common(context, **PROMETHEUS)), AlertFired)


# Bodies


def test_a_context_alone_does_not_say_enough(payload):
    (rejected,) = parse(payload("alert-context-prometheus.json"))
    assert (rejected.reason, rejected.detail.split(" ")[0]) == ("missing_field", "essentials")


@pytest.mark.parametrize("context", [None, "absent"])
def test_an_alert_stands_without_its_context(context):
    whole = common()
    whole["data"] = without(whole["data"], "alertContext") | ({} if context else {"alertContext": None})
    assert isinstance(read_one(whole), AlertFired)


def test_an_alert_is_known_without_its_schema_id_too():
    whole = common()
    assert read_one({"data": whole["data"]}) == read_one(whole["data"]) == read_one(whole)


@pytest.mark.parametrize(
    ("body", "reason", "told"),
    [
        ({"schemaId": "azureMonitorCommonAlertSchema"}, "missing_field", "data is missing"),
        ({"schemaId": "azureMonitorCommonAlertSchema", "data": {}}, "missing_field", "data.essentials is missing"),
        ({"schemaId": "azureMonitorCommonAlertSchema", "data": 5}, "malformed_field", "data"),
        ({"schemaId": "Another", "data": {}}, "unknown_schema", "azureMonitorCommonAlertSchema"),
        ({"schemaId": 5}, "unknown_schema", "AIP Budget Notification"),
        ({"a": 1}, "unknown_schema", "'a'"),
        (5, "malformed_field", "JSON object"),
        ([], "not_actionable", "empty array"),
    ],
)
def test_what_is_no_alert_is_refused_with_what_was_expected(body, reason, told):
    rejected = read_one(body)
    assert (rejected.reason, told in rejected.detail) == (reason, True), rejected


def test_one_bad_alert_leaves_its_neighbours_alone():
    first, bad, last = read(common(), {"schemaId": "Another"}, common(originAlertId="two"))
    assert isinstance(first, AlertFired)
    assert isinstance(last, AlertFired)
    assert (bad.reason, bad.index) == ("unknown_schema", 1)


@pytest.mark.parametrize(
    "body",
    [
        {"schemaId": "azureMonitorCommonAlertSchema"},
        {"SCHEMAID": "Another"},
        {"status": "Activated", "context": {}},
        {"alertContext": {}},
        {"essentials": {}},
        {"data": {"essentials": {}}},
        {"AlertRuleName": "r", "SearchQuery": "q"},
        [{"schemaid": "x"}],
        {"headers": {}, "body": {"schemaId": "x"}},
    ],
)
def test_an_alert_is_told_from_its_content(body):
    assert detect(json.dumps(body).encode()) == "monitor_alerts"


@pytest.mark.parametrize(
    "body", [{"status": "x"}, {"status": "x", "context": "text"}, {"data": {}}, {"eventType": "x", "schemaId": "y"}]
)
def test_what_only_resembles_an_alert_goes_elsewhere(body):
    assert detect(json.dumps(body).encode()) == "event_grid"


def test_the_time_of_an_alert_may_have_seven_digits():
    assert FIRED_AT.endswith("4Z")
    assert read_one(common()).occurred_at.microsecond == 851123
