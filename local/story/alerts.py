"""What Azure Monitor, Cost Management and Azure Policy say, in their documented schemas, at the time at which they say it.

Owns the bodies, and the action group that posts alerts to the app with its function key, as Azure's does. Sources: Microsoft
Learn, Samples of Azure Monitor alert payloads; Azure Policy as an Event Grid source.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from local.story.world import PRODUCTION, SUBSCRIPTION, StoryError, World

RETRY_DELAYS_SECONDS = (5.0, 20.0, 5.0)  # Azure has two more
RETRIED = frozenset({408, 429, 503, 504})
BUDGET = "mlops-monthly"
LATENCY_RULE = "flight-delay-latency"
ASSIGNMENT = f"{SUBSCRIPTION}/providers/microsoft.authorization/policyassignments/no-public-network"
SUBSCRIPTION_ALONE = SUBSCRIPTION.partition("/resourceGroups")[0]
Json = dict[str, Any]


class ActionGroup:
    """Posts alerts to the app's route, and again where Azure would."""

    def __init__(self, world: World) -> None:
        self._url = world.settings["STORY_ALERTS_URL"]

    async def send(self, body: Json) -> None:
        """Deliver one alert. Raises StoryError when the app does not take it."""
        async with httpx.AsyncClient(timeout=30) as client:
            for delay in (*RETRY_DELAYS_SECONDS, None):
                answer = await client.post(self._url, json=body)
                if answer.status_code not in RETRIED or delay is None:
                    break
                await asyncio.sleep(delay)
        if not answer.is_success:
            raise StoryError(f"the app refused an alert with {answer.status_code}: {answer.text[:500]}")


def latency_alert(deployment: str, fired_at: datetime, resolved_at: datetime | None = None) -> Json:
    """The metric alert rule about RequestLatency_P95 of the flights' endpoint, fired, or resolved as well."""
    told: Json = {"resolvedDateTime": _text(resolved_at)} if resolved_at else {}
    number = f"{fired_at.timestamp():.0f}"
    essentials = {
        "alertId": f"{SUBSCRIPTION_ALONE}/providers/Microsoft.AlertsManagement/alerts/00000000-0000-4000-8000-00{number}",
        "alertRule": LATENCY_RULE,
        "severity": "Sev2",
        "signalType": "Metric",
        "monitorCondition": "Resolved" if resolved_at else "Fired",
        "monitoringService": "Platform",
        "alertTargetIDs": [f"{PRODUCTION}/onlineEndpoints/flight-delay".lower()],
        "configurationItems": ["flight-delay"],
        "originAlertId": f"11111111-1111-1111-1111-111111111111_mlops_microsoft.insights_metricAlerts_{LATENCY_RULE}_1",
        "firedDateTime": _text(fired_at),
        **told,
        "description": "95 % of requests take longer than 2 s",
        "essentialsVersion": "1.0",
        "alertContextVersion": "1.0",
    }
    condition = {
        "windowSize": "PT5M",
        "allOf": [
            {
                "metricName": "RequestLatency_P95",
                "metricNamespace": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
                "operator": "GreaterThan",
                "threshold": "2000",
                "timeAggregation": "Average",
                "dimensions": [{"name": "deployment", "value": deployment}],
                "metricValue": 640.2 if resolved_at else 2412.6,
                "webTestName": None,
            }
        ],
        "windowStartTime": _text(fired_at - timedelta(minutes=5)),
        "windowEndTime": _text(fired_at),
    }
    context = {"properties": None, "conditionType": "SingleResourceMultipleMetricCriteria", "condition": condition}
    return _common(essentials, context)


def budget_alert(spent: str, fired_at: datetime) -> Json:
    """The team's budget of 2,000 dollars a month: so much is spent, which is more than all of it."""
    budget_id = f"{SUBSCRIPTION}/providers/Microsoft.Consumption/budgets/{BUDGET}"
    essentials = {
        "monitoringService": "CostAlerts",
        "firedDateTime": _text(fired_at),
        "description": f"Your spend for budget {BUDGET} is now {spent} exceeding your specified threshold $2,000.00.",
        "essentialsVersion": "1.0",
        "alertContextVersion": "1.0",
        "alertId": f"{SUBSCRIPTION_ALONE}/providers/Microsoft.CostManagement/alerts/{BUDGET}",
        "alertRule": None,
        "severity": None,
        "signalType": None,
        "monitorCondition": "Fired",
        "alertTargetIDs": None,
        "configurationItems": ["budgets"],
        "originAlertId": None,
    }
    data = {
        "Scope": f"{SUBSCRIPTION}/",
        "ThresholdType": "Actual",
        "BudgetType": "Cost",
        "BudgetThreshold": "$2,000.00",
        "NotificationThresholdAmount": "$2,000.00",
        "BudgetName": BUDGET,
        "BudgetId": budget_id,
        "BudgetStartDate": "2022-11-01",
        "BudgetCreator": "erin@contoso.com",
        "Unit": "USD",
        "SpentAmount": spent,
    }
    return _common(essentials, {"AlertCategory": "budgets", "AlertData": data})


def policy_state(state: str, judged_at: datetime) -> Json:
    """What Azure Policy says of the flights' production workspace, as the orders of ``Control`` for an event."""
    data = {
        "timestamp": _text(judged_at),
        "policyAssignmentId": ASSIGNMENT,
        "policyDefinitionId": f"{SUBSCRIPTION_ALONE}/providers/microsoft.authorization/policydefinitions/no-public-network",
        "policyDefinitionReferenceId": "",
        "complianceState": state,
        "subscriptionId": SUBSCRIPTION_ALONE.rpartition("/")[2],
        "complianceReasonCode": "",
    }
    event_type = "Microsoft.PolicyInsights.PolicyStateChanged"
    return {"topic": SUBSCRIPTION_ALONE, "event_type": event_type, "subject": PRODUCTION, "data": data}


def now() -> datetime:
    """The present, to the millisecond, as alerts tell it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _common(essentials: Json, context: Json) -> Json:
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {"essentials": essentials, "alertContext": context},
    }


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
