"""Variants of the documented alert schemas, each kind in each of its dresses, as its signal."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain.platform_signals import Criterion
from tests.unit.parsing.variants import CLUSTER, DEPLOYMENT, ENDPOINT, GROUP, SUBSCRIPTION, alert, check, read, without

CPU = {
    "metricName": "Percentage CPU",
    "metricNamespace": "Microsoft.Compute/virtualMachines",
    "operator": "GreaterThan",
    "threshold": "25",
    "timeAggregation": "Average",
    "dimensions": [{"name": "deployment", "value": "green"}],
    "metricValue": 31.1105,
}
DYNAMIC = CPU | {
    "alertSensitivity": "High",
    "failingPeriods": {"numberOfEvaluationPeriods": 4, "minFailingPeriodsToAlert": 4},
    "ignoreDataBefore": None,
    "operator": "GreaterOrLessThan",
}
PING = {
    "metricName": "Failed Location",
    "metricNamespace": None,
    "operator": "GreaterThan",
    "threshold": "2",
    "dimensions": [],
    "metricValue": 5,
    "webTestName": "ping-app",
}
PROMQL = {
    "query": "up == 0",
    "operator": "LessThan",
    "threshold": "1",
    "metricValue": 0,
    "dimensions": {"cluster": "c"},
}
GREEN = {"deployment": "green"}
IS_CPU = Criterion(metric="Percentage CPU", operator="GreaterThan", threshold=25.0, value=31.1105, dimensions=GREEN)
TARGET = (ENDPOINT.lower(),)


def measured(*rows, kind="SingleResourceMultipleMetricCriteria"):
    """What a metric rule measured."""
    return {"properties": None, "conditionType": kind, "condition": {"windowSize": "PT5M", "allOf": list(rows)}}


def fired(**fields):
    return ("AlertFired", fields)


def resolved(**fields):
    return ("AlertResolved", fields)


def rejected(reason, word):
    return ("Rejected", (reason, word))


METRIC = {
    "a static threshold": (
        alert(measured(CPU)),
        fired(category="metric", rule="rule-1", severity="Sev2", targets=TARGET, criteria=(IS_CPU,), stateful=True),
    ),
    "several conditions": (
        alert(measured(CPU, CPU | {"metricName": "Memory", "threshold": 10, "metricValue": "5"}, kind="MultipleResourceMultipleMetricCriteria")),
        fired(criteria=(IS_CPU, Criterion(metric="Memory", operator="GreaterThan", threshold=10, value=5, dimensions=GREEN))),
    ),
    "a dynamic threshold": (
        alert(measured(DYNAMIC, kind="DynamicThresholdCriteria")),
        fired(category="metric", criteria=(Criterion(metric="Percentage CPU", operator="GreaterOrLessThan", threshold=25, value=31.1105, dimensions=GREEN),)),
    ),
    "an availability test": (
        alert(measured(PING, kind="WebtestLocationAvailabilityCriteria")),
        fired(category="metric", criteria=(Criterion(metric="Failed Location", operator="GreaterThan", threshold=2, value=5),)),
    ),
    "a query in PromQL": (
        alert(measured(PROMQL, kind="PromQLCriteria")),
        fired(category="metric", criteria=(Criterion(metric="up == 0", operator="LessThan", threshold=1, value=0, dimensions={"cluster": "c"}),)),
    ),
    "properties of the rule and of the alert": (
        alert(measured(CPU) | {"properties": {"a": 1, "b": "x"}}, customProperties={"b": "y"}),
        fired(properties={"a": "1", "b": "y"}),
    ),
    "the end": (
        alert(measured(CPU), {"monitorCondition": "Resolved", "resolvedDateTime": "2025-04-15T18:27:12.8511234Z"}),
        resolved(occurred_at=datetime(2025, 4, 15, 18, 27, 12, 851123, tzinfo=UTC), fired_at=datetime(2025, 4, 15, 18, 17, 12, 851000, tzinfo=UTC)),
    ),
    "the end for lack of data": (
        alert(measured(CPU | {"metricValue": None}), {"monitorCondition": "resolved"}),
        resolved(criteria=(Criterion(metric="Percentage CPU", operator="GreaterThan", threshold=25, dimensions=GREEN),)),
    ),
    "a rule that is named by its id": (
        alert(measured(CPU), {"alertRule": None, "alertRuleId": f"{GROUP}/providers/microsoft.insights/metricAlerts/My Rule"}),
        fired(rule="My Rule"),
    ),
    "a rule whose name is its id": (
        alert(measured(CPU), {"alertRule": f"{GROUP}/providers/microsoft.insights/metricAlerts/My Rule"}),
        fired(rule="My Rule"),
    ),
    **{f"the severity {written!r}": (alert(measured(CPU), {"severity": written}), fired(severity=severity))
       for written, severity in (("sev0", "Sev0"), ("SEV 1", "Sev1"), ("3", "Sev3"), (4, "Sev4"), (None, ""), ("Warning", "Warning"))},
    "one target in text": (alert(measured(CPU), {"alertTargetIDs": ENDPOINT.upper() + "/"}), fired(targets=TARGET)),
    "two targets, one twice": (
        alert(measured(CPU), {"alertTargetIDs": [ENDPOINT, ENDPOINT.upper(), DEPLOYMENT]}),
        fired(targets=(*TARGET, DEPLOYMENT.lower())),
    ),
    "no target": (alert(measured(CPU), {"alertTargetIDs": None}), rejected("missing_field", "alertTargetIDs")),
    "no rule": (alert(measured(CPU), {"alertRule": None}), rejected("missing_field", "alertRule")),
    "no condition of the monitor": (
        alert(measured(CPU), {"monitorCondition": None}), rejected("missing_field", "data.essentials.monitorCondition")),
    "no time": (alert(measured(CPU), {"firedDateTime": None}), rejected("missing_field", "data.essentials.firedDateTime")),
    "an unknown condition of the monitor": (
        alert(measured(CPU), {"monitorCondition": "Maybe"}), rejected("malformed_field", "data.essentials.monitorCondition")),
    "no schema id": (without(alert(measured(CPU)), "schemaId"), fired(criteria=(IS_CPU,))),
    "a schema id in capitals": (alert(measured(CPU)) | {"schemaId": "AZUREMONITORCOMMONALERTSCHEMA"}, fired(criteria=(IS_CPU,))),
    "two alerts in an array": ([alert(measured(CPU))] * 2, [fired(rule="rule-1")] * 2),
    "a context alone": ({"alertContext": measured(CPU)}, rejected("missing_field", "essentials")),
}  # fmt: skip

LOG = {
    "signalType": "Log",
    "monitoringService": "Log Alerts V2",
    "alertTargetIDs": [f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/W"],
}
ROW = {
    "searchQuery": "Heartbeat",
    "metricMeasureColumn": None,
    "targetResourceTypes": "['Microsoft.Compute/virtualMachines']",
    "operator": "LowerThan",
    "threshold": "1",
    "timeAggregation": "Count",
    "dimensions": [{"name": "Computer", "value": "c"}, {"name": "_ResourceId", "value": ENDPOINT}],
    "metricValue": 0.0,
}
SEARCHED = {"Computer": "c", "_ResourceId": ENDPOINT}
V1 = {
    "SearchQuery": "Perf",
    "SearchIntervalEndtimeUtc": "3/22/2019 1:51:31 PM",
    "ResultCount": 2,
    "Threshold": 10000,
    "Operator": "Less Than",
    "Dimensions": [{"name": "Computer", "value": "c"}],
    "SearchResults": {"tables": []},
    "IncludedSearchResults": "True",
    "AlertType": "Metric measurement",
}
BY_V1 = {"monitoringService": "Log Analytics", "signalType": "Log", "alertContextVersion": "1.1"}
LOG_ALERTS = {
    "a search, version 2": (
        alert(measured(ROW, kind="LogQueryCriteria") | {"properties": {"a": "b"}}, LOG),
        fired(category="log", properties={"a": "b"}, criteria=(Criterion(metric="Count", operator="LessThan", threshold=1, value=0, dimensions=SEARCHED),)),
    ),
    "a search for a column, version 2": (
        alert(measured(ROW | {"metricMeasureColumn": "Latency"}, kind="LogQueryCriteria"), LOG),
        fired(criteria=(Criterion(metric="Latency", operator="LessThan", threshold=1, value=0, dimensions=SEARCHED),)),
    ),
    "the end of a search, version 2": (
        alert(measured(ROW, kind="LogQueryCriteria"), LOG | {"monitorCondition": "Resolved"}), resolved(category="log")),
    "a metric measurement": (
        alert(V1, BY_V1),
        fired(category="log", criteria=(Criterion(metric="AggregatedValue", operator="LessThan", threshold=10000, dimensions={"Computer": "c"}),)),
    ),
    "a number of results": (
        alert(V1 | {"AlertType": "Number of results", "Threshold": "0", "Operator": "Greater Than", "Dimensions": None}, BY_V1),
        fired(criteria=(Criterion(metric="ResultCount", operator="GreaterThan", threshold=0, value=2),)),
    ),
    "a search of Application Insights": (
        alert(V1 | {"ApplicationId": "a"}, BY_V1 | {"monitoringService": "Application Insights"}), fired(category="log")),
}  # fmt: skip

PROMETHEUS = {"monitoringService": "Prometheus", "signalType": "Metric", "description": ""}
RULES = {
    "interval": "PT1M",
    "expression": "up < 1",
    "expressionValue": "0",
    "for": "PT2M",
    "labels": {"alertname": "NodeDown", "cluster": "aks1", "microsoft.resourceid": CLUSTER},
    "annotations": {"summary": "a node is down", "description": "long"},
    "ruleGroup": f"{GROUP}/providers/Microsoft.AlertsManagement/prometheusRuleGroups/nodes",
}


def up(value):
    return Criterion(metric="up < 1", value=value, dimensions=RULES["labels"])


PROMETHEUS_ALERTS = {
    "Prometheus": (alert(RULES, PROMETHEUS), fired(category="prometheus", rule="rule-1", description="a node is down", criteria=(up(0.0),))),
    "the end of Prometheus": (alert(RULES, PROMETHEUS | {"monitorCondition": "Resolved"}), resolved(category="prometheus")),
    **{f"Prometheus writes {written!r}": (alert(RULES | {"expressionValue": written}, PROMETHEUS), fired(criteria=(up(value),)))
       for written, value in (("12.7m", 0.0127), ("1.5k", 1500.0), ("3M", 3e6), ("2.5e-07", 2.5e-7), (7, 7.0), ("NaN", None), ("+Inf", None), ("", None), ("k", None), ("80%", None))},
    "Prometheus names the rule in a label": (alert(RULES, PROMETHEUS | {"alertRule": None}), fired(rule="NodeDown")),
    "Prometheus names only its group": (alert(RULES | {"labels": {}}, PROMETHEUS | {"alertRule": ""}), fired(rule="nodes")),
    "Prometheus names the resource in a label": (
        alert(RULES, PROMETHEUS | {"alertTargetIDs": []}), fired(targets=(CLUSTER.lower(),))),
    "Prometheus names no resource": (
        alert(RULES | {"labels": {}}, PROMETHEUS | {"alertTargetIDs": None}), rejected("missing_field", "alertTargetIDs")),
    "a context of Prometheus alone tells no time": ({"alertContext": RULES}, rejected("missing_field", "essentials")),
}  # fmt: skip

SMART = {
    "DetectionSummary": "slower",
    "DetectedValue": "0.45 sec",
    "NormalValue": "0.27 sec",
    "SmartDetectorId": "D",
    "AnalysisTimestamp": "t",
}
EVENT = {
    "authorization": {"action": "x", "scope": DEPLOYMENT},
    "caller": "eve@contoso.com",
    "correlationId": "c",
    "eventSource": "Administrative",
    "eventTimestamp": "2025-04-15T11:26:21.386Z",
    "eventDataId": "d",
    "level": "Informational",
    "operationName": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/delete",
    "operationId": "o",
    "properties": {"eventCategory": "Administrative"},
    "status": "Succeeded",
    "subStatus": "",
    "submissionTimestamp": "2025-04-15T11:27:21.386Z",
}
OPERATION = EVENT["operationName"]
ASSIGNED = [
    {
        "policyAssignmentId": "/subscriptions/S1/providers/Microsoft.Authorization/policyAssignments/P/",
        "policyDefinitionId": "/D/",
    }
]
AUDIT = EVENT | {
    "eventSource": "Policy",
    "operationName": "Microsoft.Authorization/policies/audit/action",
    "properties": {"policies": json.dumps(ASSIGNED)},
}
SCALE = EVENT | {
    "authorization": None,
    "eventSource": "Autoscale",
    "operationName": "Microsoft.Insights/AutoscaleSettings/Scaleup/Action",
    "properties": {"resourceName": DEPLOYMENT},
}
VIRUS = EVENT | {
    "authorization": None,
    "eventSource": "Security",
    "operationName": "Microsoft.Security/locations/alerts/activate/action",
    "properties": {"category": "Virus", "severity": "Low", "compromisedEntity": "testVM"},
    "status": "Active",
}
ADVICE = EVENT | {
    "eventSource": "Recommendation",
    "operationName": "Microsoft.Advisor/recommendations/available/action",
    "resourceId": DEPLOYMENT,
}
UNWELL = EVENT | {
    "authorization": None,
    "eventSource": "ResourceHealth",
    "operationName": "Microsoft.Resourcehealth/healthevent/Activated/action",
    "properties": {"title": "t", "details": None, "currentHealthStatus": "Unavailable", "cause": "PlatformInitiated"},
    "status": "Active",
}
SERVICE = {
    "title": "t",
    "service": "Azure Machine Learning",
    "region": "West Europe",
    "incidentType": "Incident",
    "trackingId": "T-1",
    "stage": "Active",
}
ISSUE = EVENT | {
    "authorization": None,
    "caller": None,
    "channels": 1,
    "eventSource": 2,
    "level": 3,
    "operationName": "Microsoft.ServiceHealth/incident/action",
    "properties": SERVICE,
    "status": "Active",
}


def activity(service, event, **essentials):
    """An activity log alert in the common schema."""
    return alert(event, {"signalType": "Activity Log", "monitoringService": service} | essentials)


def older(event, **properties):
    """An activity log alert in the schema before."""
    return {
        "schemaId": "Microsoft.Insights/activityLogs",
        "data": {"status": "Activated", "context": {"activityLog": event}, "properties": properties},
    }


def issue(kind, operation):
    """A service health event of one kind."""
    return ISSUE | {
        "operationName": f"Microsoft.ServiceHealth/{operation}/action",
        "properties": SERVICE | {"incidentType": kind},
    }


HEARD = {"services": ("Azure Machine Learning",), "regions": ("West Europe",), "tracking_id": "T-1", "status": "Active"}
ACTIVITY = {
    "smart detection": (
        alert(SMART, {"monitoringService": "SmartDetector", "signalType": "Log", "description": ""}),
        fired(category="smart_detection", description="slower"),
    ),
    "an act": (activity("Activity Log - Administrative", EVENT), fired(category="activity_log", operation=OPERATION, stateful=False, targets=TARGET)),
    "an act, in the older schema": (
        older(EVENT | {"resourceId": DEPLOYMENT}, team="ml"),
        fired(category="activity_log", operation=OPERATION, targets=(DEPLOYMENT.lower(),)),
    ),
    "an act, in the older schema without its id": (without(older(EVENT), "schemaId"), fired(operation=OPERATION)),
    "an act, its context alone": ({"alertContext": EVENT}, fired(operation=OPERATION, targets=(DEPLOYMENT.lower(),))),
    "a scaling": (activity("Activity Log - Autoscale", SCALE), fired(category="activity_log", targets=TARGET)),
    "a scaling, its context alone": ({"alertContext": SCALE}, fired(targets=(DEPLOYMENT.lower(),))),
    "an advice": (older(ADVICE), fired(category="activity_log", targets=(DEPLOYMENT.lower(),))),
    "an audit": (activity("Activity Log - Policy", AUDIT), ("ComplianceChanged", {"compliant": False, "resource_id": ENDPOINT.lower(), "definition_id": "/d"})),
    "a threat": (activity("Activity Log - Security", VIRUS), ("SecurityAlertRaised", {"severity": "Low", "alert_type": "Virus", "targets": TARGET})),
    "a threat, its context alone": ({"alertContext": VIRUS}, ("SecurityAlertRaised", {"severity": "Low", "status": "Active", "targets": ()})),
    "a resource unwell": (activity("Resource Health", UNWELL), ("PlatformHealthChanged", {"scope": "resource", "status": "Unavailable", "cause": "PlatformInitiated", "targets": TARGET})),
    "a resource unwell, in the older schema": (older(UNWELL | {"resourceId": DEPLOYMENT}), ("PlatformHealthChanged", {"scope": "resource", "targets": (DEPLOYMENT.lower(),)})),
    "a resource unwell that is not named": (
        activity("ResourceHealth", UNWELL, alertTargetIDs=None), rejected("missing_field", "alertTargetIDs")),
    "an issue": (activity("ServiceHealth", ISSUE, signalType="ActivityLog"), ("PlatformHealthChanged", HEARD | {"scope": "service"})),
    "a security advisory": (activity("Service Health", issue("Security", "security")), ("PlatformHealthChanged", HEARD | {"scope": "service"})),
    "a notice": (activity("ServiceHealth", issue("ActionRequired", "actionrequired")), ("PlatformHealthChanged", HEARD | {"scope": "service"})),
    "maintenance": (activity("ServiceHealth", issue("Maintenance", "maintenance")), ("PlatformHealthChanged", HEARD | {"scope": "maintenance"})),
    "maintenance, its context alone": (
        {"alertContext": issue("Maintenance", "maintenance") | {"subscriptionId": "S1"}},
        ("PlatformHealthChanged", HEARD | {"scope": "maintenance", "targets": (SUBSCRIPTION.lower(),)}),
    ),
}  # fmt: skip

OLD_CONTEXT = {
    "timestamp": "2019-02-27T14:10:35.0816694Z",
    "id": f"{GROUP}/providers/microsoft.insights/metricAlerts/cpu",
    "name": "cpu",
    "conditionType": "MultipleResourceMultipleMetricCriteria",
    "severity": "3",
    "condition": {"windowSize": "PT5M", "allOf": [CPU]},
    "resourceId": ENDPOINT,
}
OLD = {
    "schemaId": "AzureMonitorMetricAlert",
    "data": {"version": "2.0", "properties": None, "status": "Activated", "context": OLD_CONTEXT},
}
CLASSIC = {"metricName": "Requests", "metricValue": "10", "threshold": "10", "operator": "GreaterThanOrEqual"}
WORKSPACE_ID = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/W"
SEARCH = {
    "SubscriptionId": "S1",
    "AlertRuleName": "rule-1",
    "SearchQuery": "Heartbeat",
    "SearchIntervalEndtimeUtc": "2021-11-16T15:16:49Z",
    "AlertThresholdOperator": "Greater Than",
    "AlertThresholdValue": 0,
    "ResultCount": 1,
    "Severity": "3",
    "WorkspaceId": "b",
    "AlertType": "Number of results",
}
OLDER = {
    "a metric, version 2": (OLD, fired(category="metric", rule="cpu", severity="Sev3", targets=TARGET, criteria=(IS_CPU,))),
    "the end of a metric, version 2": (OLD | {"data": OLD["data"] | {"status": "Deactivated"}}, resolved(rule="cpu")),
    "a metric, version 2, without its id": (without(OLD, "schemaId"), fired(rule="cpu")),
    "a classic metric": (
        {"status": "Activated", "context": OLD_CONTEXT | {"conditionType": "Metric", "condition": CLASSIC}},
        fired(criteria=(Criterion(metric="Requests", operator="GreaterThanOrEqual", threshold=10, value=10),)),
    ),
    "the end of a classic metric": ({"status": "Resolved", "context": OLD_CONTEXT | {"condition": CLASSIC}}, resolved(rule="cpu")),
    "a classic metric without its state": ({"context": OLD_CONTEXT | {"condition": CLASSIC}}, rejected("missing_field", "status")),
    "a search of a workspace": (SEARCH | {"ResourceId": WORKSPACE_ID}, fired(category="log", severity="Sev3", targets=(WORKSPACE_ID.lower(),))),
    "a search that names only its subscription": (SEARCH, fired(targets=(SUBSCRIPTION.lower(),), stateful=False)),
    "a search of an application": (
        {"schemaId": "Microsoft.Insights/LogAlert", "data": without(SEARCH, "WorkspaceId") | {"ApplicationId": "a", "Severity": "Warning"}},
        fired(severity="Warning", criteria=(Criterion(metric="ResultCount", operator="GreaterThan", threshold=0, value=1),)),
    ),
    "a search whose end is a date of the United States": (
        SEARCH | {"SearchIntervalEndtimeUtc": "03/26/2018 09:10:40"}, fired(occurred_at=datetime(2018, 3, 26, 9, 10, 40, tzinfo=UTC))),
    "a custom text of a search": ({"text": "rule-1 fired"}, rejected("unknown_schema", "'text'")),
}  # fmt: skip

VARIANTS = METRIC | LOG_ALERTS | PROMETHEUS_ALERTS | ACTIVITY | OLDER


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_an_alert_is_its_signal(name):
    check(*VARIANTS[name])


def test_the_rules_own_properties_are_kept_in_the_older_schema_too():
    (signal,) = read(older(EVENT | {"resourceId": DEPLOYMENT}, team="ml"))
    assert signal.properties["team"] == "ml"
    assert signal.properties["caller"] == "eve@contoso.com"
