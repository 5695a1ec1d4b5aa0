"""Variants of the documented budget alerts and of what comes by Event Hubs, as their signals."""

import json
from datetime import UTC, datetime

import pytest

from shared.parsing import read_message
from tests.unit.parsing.variants import DEPLOYMENT, ENDPOINT, SUBSCRIPTION, alert, check, cloud_event, read, without

NULLS = dict.fromkeys(("alertRule", "severity", "signalType", "alertTargetIDs", "originAlertId"))
COST = NULLS | {
    "monitoringService": "CostAlerts",
    "alertId": f"{SUBSCRIPTION}/providers/Microsoft.CostManagement/alerts/T",
}
DATA = {
    "Scope": f"{SUBSCRIPTION}/",
    "ThresholdType": "Actual",
    "BudgetType": "Cost",
    "BudgetThreshold": "$50.00",
    "NotificationThresholdAmount": "$25.00",
    "BudgetName": "Team",
    "BudgetId": f"{SUBSCRIPTION}/providers/Microsoft.Consumption/budgets/Team",
    "BudgetStartDate": "2022-11-01",
    "BudgetCreator": "a@b.c",
    "Unit": "USD",
    "SpentAmount": "$11,111.00",
}
CLASSIC = {
    "SubscriptionName": "s",
    "SubscriptionId": "S1",
    "EnrollmentNumber": "",
    "DepartmentName": "d",
    "BillingAccountId": "",
    "BillingProfileId": "",
    "InvoiceSectionId": "",
    "ResourceGroup": "Test-RG",
    "SpendingAmount": "1111.32",
    "BudgetStartDate": "11/17/2021 5:40:29 PM -08:00",
    "Budget": "10000",
    "Unit": "USD",
    "BudgetName": "Team",
    "NotificationThresholdAmount": "8000.0",
}


def budget(essentials=None, **changes):
    """A budget alert in the common schema."""
    return alert({"AlertCategory": "budgets", "AlertData": DATA | changes}, COST | (essentials or {}))


def classic(**changes):
    """A budget alert in the schema before."""
    return {"schemaId": "AIP Budget Notification", "data": CLASSIC | changes}


def crossed(**fields):
    return ("BudgetCrossed", fields)


def rejected(reason, word):
    return ("Rejected", (reason, word))


SHORT = {
    "BudgetName": "Team",
    "BudgetThreshold": "$2.00",
    "NotificationThresholdAmount": "$1.60",
    "SpentAmount": "$4.00",
}
BUDGETS = {
    "what was spent": (
        budget(),
        crossed(budget="Team", spent=11111.0, amount=50.0, forecast=False, threshold_ratio=0.5, scope=SUBSCRIPTION.lower(), unit="USD"),
    ),
    "a budget whose condition is null too": (budget({"monitorCondition": None}), crossed(spent=11111.0)),
    "a budget without a condition": (
        alert({"AlertData": SHORT}, COST | {"monitorCondition": None, "alertId": f"{SUBSCRIPTION}/resourceGroups/RG/providers/x"}),
        crossed(ratio=2.0, threshold_ratio=0.8, forecast=None, scope=f"{SUBSCRIPTION}/resourcegroups/rg".lower()),
    ),
    "a forecast": (
        budget(ThresholdType="Forecasted", SpentAmount="$20.00", ForecastedTotalForPeriod="$1111.50"),
        crossed(forecast=True, spent=20.0, ratio=22.23),
    ),
    "a forecast in another word": (
        budget(ThresholdType="forecast", ForecastedTotalForPeriod="100"), crossed(forecast=True, ratio=2.0)),
    "a forecast without its sum": (
        budget(ThresholdType="Forecasted"), rejected("missing_field", "ForecastedTotalForPeriod")),
    "euros": (
        budget(BudgetThreshold="1.000,00 €", NotificationThresholdAmount="800,00 €", SpentAmount="900,50 €", Unit="EUR"),
        crossed(amount=1000.0, spent=900.5, threshold_ratio=0.8, unit="EUR"),
    ),
    "francs": (budget(BudgetThreshold="CHF 1'234.50", SpentAmount="CHF 617.25"), crossed(amount=1234.5, ratio=0.5)),
    "rupees": (budget(BudgetThreshold="₹12,34,567.00", SpentAmount="₹1.00"), crossed(amount=1234567.0)),
    "yen": (budget(BudgetThreshold="¥1,000,000", SpentAmount="¥500,000", Unit="JPY"), crossed(amount=1e6, ratio=0.5)),
    "numbers that are numbers": (
        budget(BudgetThreshold=50, NotificationThresholdAmount=25, SpentAmount=30.5), crossed(spent=30.5, threshold_ratio=0.5)),
    "a threshold that is a ratio": (budget(NotificationThresholdAmount="0.8"), crossed(threshold_ratio=0.8)),
    "a threshold in percent": (budget(NotificationThresholdAmount="80 %"), crossed(threshold_ratio=0.8)),
    "no threshold": (budget(NotificationThresholdAmount=None), crossed(threshold_ratio=None)),
    "a scope in front of the budget's id": (budget(Scope=None), crossed(scope=SUBSCRIPTION.lower())),
    "a budget of a billing account": (
        budget(Scope="/providers/Microsoft.Billing/billingAccounts/1", BudgetId=None),
        crossed(scope="/providers/microsoft.billing/billingaccounts/1"),
    ),
    "no sum": (budget(SpentAmount=None), rejected("missing_field", "SpentAmount")),
    "no name": (budget(BudgetName=None, BudgetId=None), rejected("missing_field", "BudgetName")),
    "no time": (budget({"firedDateTime": None}), rejected("missing_field", "firedDateTime")),
    "an end": (budget({"monitorCondition": "Resolved"}), rejected("not_actionable", "Resolved")),
    "a delivery confirmation": (
        budget({"description": "Delivery Confirmation: This is a sample"}), rejected("not_actionable", "delivery confirmation")),
    **{f"an alert of {category}": (alert({"AlertCategory": category, "AlertData": {}}, COST), rejected("unknown_event_type", category))
       for category in ("Credit", "DepartmentQuota", "ReservationUtilization", "InvoiceDueDateApproaching")},
    "classic, an amount": (
        classic(),
        crossed(spent=1111.32, amount=10000.0, threshold_ratio=0.8, forecast=None, scope=f"{SUBSCRIPTION}/resourcegroups/test-rg".lower(),
                period_start=datetime(2021, 11, 18, 1, 40, 29, tzinfo=UTC)),
    ),
    "classic, a ratio": (
        classic(NotificationThresholdAmount="0.8", BudgetStartDate="6/1/2018"),
        crossed(threshold_ratio=0.8, period_start=datetime(2018, 6, 1, tzinfo=UTC)),
    ),
    "classic, numbers that are numbers": (classic(Budget=10000, SpendingAmount=5000.0), crossed(ratio=0.5)),
    "classic, of a subscription": (classic(ResourceGroup=""), crossed(scope=SUBSCRIPTION.lower())),
    "classic, of a billing profile": (
        classic(SubscriptionId="", ResourceGroup="", BillingAccountId="A:1", BillingProfileId="P"),
        crossed(scope="/providers/microsoft.billing/billingaccounts/a:1/billingprofiles/p"),
    ),
    "classic, of an enrollment": (
        classic(SubscriptionId=None, ResourceGroup="", EnrollmentNumber="77"),
        crossed(scope="/providers/microsoft.billing/billingaccounts/77"),
    ),
    "classic, of nothing": (classic(SubscriptionId=""), rejected("missing_field", "SubscriptionId")),
    "classic, without its schema id": (without(classic(), "schemaId"), crossed(budget="Team")),
}  # fmt: skip

METRIC = {
    "count": 4, "total": 5, "minimum": 1, "maximum": 2, "average": 1.5, "resourceId": ENDPOINT.upper(),
    "time": "2024-03-05T18:16:00.0000000Z", "metricName": "RequestLatency_P95", "timeGrain": "PT1M",
}  # fmt: skip
COLUMNS = {"DeploymentName": "green", "ResponseCode": "200", "ModelStatusCode": "200", "TotalDurationMs": "12.5"}
TRAFFIC = {
    "time": "2024-03-05T18:16:00Z", "resourceId": ENDPOINT.upper(), "category": "AmlOnlineEndpointTrafficLog",
    "operationName": "x", "properties": COLUMNS,
}  # fmt: skip
VIEWED = {"EventProcessedUtcTime": "x", "PartitionId": 0, "EventEnqueuedUtcTime": "x"}
ROWS = cloud_event("azureml.inference.model_inputs", [{"a": 1}, {"a": 2}], source=DEPLOYMENT, correlationid="c")


def heard(rejected_rows=0, elsewhere=0, **rows):
    counts = {"rejected_rows": rejected_rows, "events_elsewhere": elsewhere}
    return ("TelemetryReceived", {"rows_by_category": rows, **counts})


def lines(*values):
    return b"\n".join(json.dumps(value).encode() for value in values)


MESSAGES = {
    "metrics": ({"records": [METRIC, METRIC]}, heard(AllMetrics=2)),
    "metrics as a viewer shows them": ([{"records": [METRIC]} | VIEWED], heard(AllMetrics=1)),
    "one metric": (METRIC, heard(AllMetrics=1)),
    "one metric as the records": ({"records": METRIC}, heard(AllMetrics=1)),
    "metrics in a bare list": ([METRIC, METRIC], heard(AllMetrics=2)),
    "metrics on lines, after the mark of a byte order": (b"\xef\xbb\xbf" + lines(METRIC, METRIC), heard(AllMetrics=2)),
    "keys in capitals": ({"RECORDS": [{key.upper(): value for key, value in METRIC.items()}]}, heard(AllMetrics=1)),
    "traffic": ({"records": [TRAFFIC]}, heard(AmlOnlineEndpointTrafficLog=1)),
    "traffic in numbers": (
        {"records": [TRAFFIC | {"properties": COLUMNS | {"ResponseCode": 200.0, "TotalDurationMs": 12}}]},
        heard(AmlOnlineEndpointTrafficLog=1),
    ),
    "traffic whose columns are the text of JSON": (
        {"records": [TRAFFIC | {"properties": json.dumps(COLUMNS)}]}, heard(AmlOnlineEndpointTrafficLog=1)),
    "traffic that names its category type": (
        {"records": [without(TRAFFIC, "category") | {"type": "AMLONLINEENDPOINTTRAFFICLOG"}]}, heard(AmlOnlineEndpointTrafficLog=1)),
    "one bad record": ({"records": [TRAFFIC, TRAFFIC | {"properties": {}}]}, heard(1, AmlOnlineEndpointTrafficLog=1)),
    "rows": (ROWS, heard(model_inputs=2)),
    "rows in an array": ([ROWS, ROWS], heard(model_inputs=4)),
    "rows on lines": (lines(ROWS, ROWS), heard(model_inputs=4)),
    "one row that is no array": (ROWS | {"data": {"a": 1}}, heard(model_inputs=1)),
    "rows of outputs": (ROWS | {"type": "azureml.inference.model_outputs"}, heard(model_outputs=2)),
    "rows of a collection of our own": (ROWS | {"type": "AzureML.Inference.Mine"}, heard(mine=2)),
    "rows elsewhere": (without(ROWS, "data") | {"dataref": "azureml://x"}, heard(1)),
    "rows elsewhere, with null in their place": (ROWS | {"data": None, "dataref": "azureml://x"}, heard(1)),
    "rows in a blob that there may be": (
        ROWS | {"data": "https://logs.blob.core.windows.net/mdc/a%20b?sig=1", "datainblob": "true"}, heard(0, 1)),
    "rows in a blob": (ROWS | {"data": "https://x/y?sig=1", "datainblob": "true"}, heard(1)),
    "rows here and elsewhere": (lines(ROWS, without(ROWS, "data") | {"dataref": "x"}), heard(0, 1, model_inputs=2)),
    "an empty file": (b"", rejected("not_actionable", "empty")),
    "blank lines only": (b"\r\n\r\n", rejected("not_actionable", "empty")),
    "no records": ({"records": []}, rejected("not_actionable", "no rows")),
    "records that are a number": ({"records": 5}, rejected("unknown_schema", "records")),
}  # fmt: skip

VARIANTS = BUDGETS | MESSAGES


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_a_budget_or_a_message_is_its_signal(name):
    check(*VARIANTS[name])


def test_columns_in_text_are_the_same_request():
    plain, text = ({"records": [TRAFFIC | {"properties": columns}]} for columns in (COLUMNS, json.dumps(COLUMNS)))
    assert read_message(json.dumps(plain).encode()).requests == read_message(json.dumps(text).encode()).requests != ()


def test_a_classic_budget_of_another_account_is_another_signal():
    first, second = (read(classic(SubscriptionId="", BillingAccountId=account))[0] for account in ("1", "2"))
    assert first.dedup_key != second.dedup_key
