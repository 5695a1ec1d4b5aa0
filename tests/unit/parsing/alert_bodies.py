"""Alerts in each schema, built from the fields that a test is about."""

import json

from shared.parsing import parse

SUBSCRIPTION = "/subscriptions/S1"
ENDPOINT = (
    f"{SUBSCRIPTION}/resourceGroups/RG/providers/Microsoft.MachineLearningServices/workspaces/Ws/onlineEndpoints/Ep"
)
ALERT_ID = f"{SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts/A-1"
FIRED_AT = "2025-04-15T18:17:12.8511234Z"
ESSENTIALS = {
    "alertId": ALERT_ID,
    "alertRule": "Slow answers",
    "severity": "Sev2",
    "signalType": "Metric",
    "monitorCondition": "Fired",
    "monitoringService": "Platform",
    "alertTargetIDs": [ENDPOINT],
    "originAlertId": "Origin-1",
    "firedDateTime": FIRED_AT,
    "description": "what the rule's author wrote",
}
LATENCY = {
    "metricName": "RequestLatency_P95",
    "operator": "GreaterThan",
    "threshold": "2000",
    "dimensions": [{"name": "deployment", "value": "green"}],
    "metricValue": 2412.6,
}
EVENT = {
    "eventSource": "Administrative",
    "eventTimestamp": "2025-04-15T18:16:00+00:00",
    "eventDataId": "E-1",
    "operationName": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
    "status": "Succeeded",
    "caller": "eve@contoso.com",
}
POLICY = {
    "policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/D1/",
    "policyAssignmentId": "/subscriptions/S1/providers/Microsoft.Authorization/policyAssignments/P1/",
}
BUDGET = {
    "Scope": "/subscriptions/S1/",
    "ThresholdType": "Actual",
    "BudgetThreshold": "$50.00",
    "NotificationThresholdAmount": "$25.00",
    "BudgetName": "Training",
    "BudgetId": "/subscriptions/S1/providers/Microsoft.Consumption/budgets/Training",
    "BudgetStartDate": "2022-11-01",
    "Unit": "USD",
    "SpentAmount": "$11,111.00",
}
CLASSIC_BUDGET = {
    "SubscriptionId": "S1",
    "SpendingAmount": "45",
    "BudgetStartDate": "6/1/2018",
    "Budget": "50",
    "Unit": "USD",
    "BudgetName": "Training",
    "ResourceGroup": "",
    "NotificationThresholdAmount": "0.8",
}


def without(fields, *names):
    """The fields without some of them."""
    return {name: value for name, value in fields.items() if name not in names}


def common(context=None, /, custom=None, **essentials):
    """An alert in the common schema; a metric alert unless something else is said."""
    measured = {
        "properties": None,
        "condition": {"allOf": [LATENCY]},
        "conditionType": "MultipleResourceMultipleMetricCriteria",
    }
    data = {"essentials": ESSENTIALS | essentials, "alertContext": measured if context is None else context}
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": data | ({"customProperties": custom} if custom else {}),
    }


def activity(service, /, essentials=None, **event):
    """An activity log alert in the common schema."""
    told = {"signalType": "Activity Log", "monitoringService": service} | (essentials or {})
    return common(EVENT | event, **told)


def older_activity(**event):
    """An activity log alert in the older schema."""
    data = {"status": "Activated", "context": {"activityLog": EVENT | event}, "properties": {}}
    return {"schemaId": "Microsoft.Insights/activityLogs", "data": data}


def budget(**changes):
    """A budget alert in the common schema, with the nulls that those have."""
    essentials = {
        "monitoringService": "CostAlerts",
        "alertId": "/subscriptions/S1/providers/Microsoft.CostManagement/alerts/B-1",
        **dict.fromkeys(("alertRule", "severity", "signalType", "alertTargetIDs", "originAlertId")),
    }
    return common({"AlertCategory": "budgets", "AlertData": BUDGET | changes}, **essentials)


def classic_budget(**changes):
    """A budget alert in the classic schema."""
    return {"schemaId": "AIP Budget Notification", "data": CLASSIC_BUDGET | changes}


def read(*alerts):
    """What the channel makes of a body."""
    return parse(json.dumps(alerts[0] if len(alerts) == 1 else list(alerts)).encode(), "monitor_alerts")


def read_one(alert):
    """The one signal or rejection of an alert."""
    (parsed,) = read(alert)
    return parsed
