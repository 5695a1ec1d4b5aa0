"""Budget alerts: amounts, ratios, forecasts and scopes in both schemas."""

from datetime import UTC, datetime

import pytest

from shared.domain import ids
from shared.domain.platform_signals import BudgetCrossed
from shared.domain.signals import Rejected
from shared.parsing import detect, parse
from tests.unit.parsing.alert_bodies import budget, classic_budget, common, read_one

SAMPLE = "/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e"
BUDGET_ID = "/subscriptions/s1/providers/microsoft.consumption/budgets/training"


def test_the_documented_budget_alert_has_every_field(payload):
    body = payload("alert-common-budget.json")
    alert_id = f"{SAMPLE}/providers/microsoft.costmanagement/alerts/test_alert"
    budget_id = f"{SAMPLE}/providers/microsoft.consumption/budgets/test_actual_cost_budget"
    assert detect(body) == "monitor_alerts"
    assert parse(body) == (
        BudgetCrossed(
            source=budget_id,
            dedup_key=ids.derive("signal", "alert", alert_id, "Fired", "2025-04-15T17:53:32.996000+00:00"),
            occurred_at=datetime(2025, 4, 15, 17, 53, 32, 996000, tzinfo=UTC),
            subject="Test_actual_cost_budget",
            budget="Test_actual_cost_budget",
            spent=11_111.0,
            amount=50.0,
            ratio=222.22,
            unit="USD",
            budget_id=budget_id,
            scope=SAMPLE,
            forecast=False,
            threshold_ratio=0.5,
            period_start=datetime(2022, 11, 1, tzinfo=UTC),
        ),
    )


def test_the_documented_classic_budget_alert_has_every_field(payload):
    body = payload("alert-classic-budget-aip.json")
    (signal,) = parse(body)
    assert detect(body) == "monitor_alerts"
    assert signal == BudgetCrossed(
        source="/subscriptions/<guid>",
        dedup_key=signal.dedup_key,
        occurred_at=datetime(2018, 6, 1, tzinfo=UTC),
        subject="BudgetName",
        budget="BudgetName",
        spent=100.0,
        amount=50.0,
        ratio=2.0,
        unit="USD",
        scope="/subscriptions/<guid>",
        forecast=None,
        threshold_ratio=0.8,
        period_start=datetime(2018, 6, 1, tzinfo=UTC),
    )


# Forecasts


def test_a_forecast_is_measured_by_what_is_forecast():
    signal = read_one(budget(ThresholdType="Forecasted", SpentAmount="$999.99", ForecastedTotalForPeriod="$1111.11"))
    assert (signal.forecast, signal.spent, signal.ratio) == (True, 999.99, pytest.approx(22.2222))


@pytest.mark.parametrize(
    ("kind", "total", "forecast"),
    [
        ("Actual", None, False),
        ("ACTUAL", "$1.00", False),
        ("forecasted", "$1.00", True),
        ("Forecast", "$1.00", True),
        (None, "$1.00", True),
        (None, None, None),
    ],
)
def test_whether_it_is_a_forecast_is_told_by_its_type_or_else_by_the_total(kind, total, forecast):
    assert read_one(budget(ThresholdType=kind, ForecastedTotalForPeriod=total)).forecast is forecast


def test_a_forecast_without_its_total_is_refused():
    rejected = read_one(budget(ThresholdType="Forecasted"))
    assert (rejected.reason, "ForecastedTotalForPeriod" in rejected.detail) == ("missing_field", True)


# Thresholds


@pytest.mark.parametrize(
    ("threshold", "ratio"),
    [
        ("$25.00", 0.5),
        ("$5.00", 0.1),
        ("25,00 €", 0.5),
        ("80%", 0.8),
        ("80.5 %", 0.805),
        ("0.8", 0.8),
        (0.8, 0.8),
        ("25.00", 0.5),
        (None, None),
        ("", None),
    ],
)
def test_a_threshold_with_a_currency_is_an_amount_and_beside_one_a_bare_number_is_a_ratio(threshold, ratio):
    assert read_one(budget(NotificationThresholdAmount=threshold)).threshold_ratio == pytest.approx(ratio)


def test_in_the_common_schema_bare_numbers_throughout_are_amounts():
    bare = {"BudgetThreshold": "50", "NotificationThresholdAmount": "5", "SpentAmount": "45"}
    assert read_one(budget(**bare)).threshold_ratio == 0.1


@pytest.mark.parametrize(
    ("threshold", "ratio"),
    [("0.8", 0.8), ("0,8", 0.8), (0.8, 0.8), ("1", 1.0), ("10", 10.0), ("40", 0.8), ("$40.00", 0.8), ("80%", 0.8)],
)
def test_in_the_classic_schema_a_bare_number_is_a_ratio_up_to_ten(threshold, ratio):
    assert read_one(classic_budget(NotificationThresholdAmount=threshold)).threshold_ratio == pytest.approx(ratio)


# Amounts


@pytest.mark.parametrize(
    ("spent", "amount"),
    [("$11,111.00", 11_111.0), ("$1111.11", 1_111.11), ("1.234,56 €", 1_234.56), ("100", 100.0), (45, 45.0)],
)
@pytest.mark.parametrize("schema", [budget, classic_budget])
def test_money_is_read_in_either_schema(schema, spent, amount):
    name = "SpentAmount" if schema is budget else "SpendingAmount"
    assert read_one(schema(**{name: spent})).spent == amount


def test_the_unit_tells_how_many_decimals_there_are():
    assert read_one(budget(Unit="KWD", SpentAmount="KWD 1.234")).spent == 1.234


@pytest.mark.parametrize("value", ["much", "$", {}, True])
def test_what_is_no_amount_is_refused_by_its_name(value):
    rejected = read_one(budget(SpentAmount=value))
    assert (rejected.reason, "AlertData.SpentAmount" in rejected.detail) == ("malformed_field", True)


@pytest.mark.parametrize("value", ["$0.00", 0, "-$5.00"])
def test_a_budget_of_nothing_is_refused(value):
    rejected = read_one(budget(BudgetThreshold=value))
    assert (rejected.reason, "BudgetThreshold" in rejected.detail) == ("malformed_field", True)


# Essentials


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", ["BudgetThreshold", "SpentAmount"])
def test_a_missing_essential_is_refused_by_its_name(name, value):
    rejected = read_one(budget(**{name: value}))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, name in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("Budget", "BudgetThreshold (or Budget)"),
        ("SpendingAmount", "SpentAmount (or SpendingAmount)"),
        ("BudgetName", "BudgetName"),
        ("BudgetStartDate", "BudgetStartDate"),
        ("SubscriptionId", "SubscriptionId"),
    ],
)
def test_a_classic_alert_without_an_essential_is_refused_by_its_name(name, named):
    rejected = read_one(classic_budget(**{name: None}))
    assert (rejected.reason, named in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize(
    "name", ["BudgetId", "BudgetStartDate", "Unit", "BudgetType", "BudgetCreator", "NotificationThresholdAmount"]
)
def test_what_is_not_essential_may_be_null(name):
    assert isinstance(read_one(budget(**{name: None})), BudgetCrossed)


def test_the_budget_is_named_by_its_id_when_its_name_is_missing():
    assert read_one(budget(BudgetName=None)).budget == "Training"
    rejected = read_one(budget(BudgetName=None, BudgetId=None))
    assert (rejected.reason, "BudgetName" in rejected.detail) == ("missing_field", True)


# Scopes


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({}, "/subscriptions/s1"),
        ({"Scope": "/subscriptions/S1/resourceGroups/RG/"}, "/subscriptions/s1/resourcegroups/rg"),
        ({"Scope": None}, "/subscriptions/s1"),
        (
            {"Scope": "", "BudgetId": f"/subscriptions/s1/resourceGroups/RG{BUDGET_ID[17:]}"},
            "/subscriptions/s1/resourcegroups/rg",
        ),
        ({"Scope": None, "BudgetId": None}, "/subscriptions/s1"),
        (
            {"Scope": "/providers/Microsoft.Management/managementGroups/M"},
            "/providers/microsoft.management/managementgroups/m",
        ),
    ],
)
def test_the_scope_is_told_or_stands_in_front_of_an_id(changes, scope):
    assert read_one(budget(**changes)).scope == scope


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({}, "/subscriptions/s1"),
        ({"ResourceGroup": None}, "/subscriptions/s1"),
        ({"ResourceGroup": "MLOps"}, "/subscriptions/s1/resourcegroups/mlops"),
        ({"SubscriptionId": "/subscriptions/S1/"}, "/subscriptions/s1"),
    ],
)
def test_the_classic_scope_is_the_subscription_and_its_group(changes, scope):
    signal = read_one(classic_budget(**changes))
    assert signal.scope == signal.source == scope


# What is no crossed budget


@pytest.mark.parametrize(
    "text",
    [
        "Delivery Confirmation: This is a sample budget alert",
        "DeliveryConfirmation:Thisisasample",
        " delivery confirmation",
    ],
)
def test_a_delivery_confirmation_is_a_test_and_not_actionable(text):
    alert = budget()
    alert["data"]["essentials"]["description"] = text
    assert read_one(alert).reason == "not_actionable"


def test_a_resolved_budget_alert_crosses_nothing():
    alert = budget()
    alert["data"]["essentials"]["monitorCondition"] = "Resolved"
    assert read_one(alert).reason == "not_actionable"


def test_a_cost_alert_of_another_category_is_refused():
    rejected = read_one(common({"AlertCategory": "credits", "AlertData": {}}, monitoringService="CostAlerts"))
    assert (rejected.reason, "AlertCategory" in rejected.detail) == ("unknown_event_type", True)


def test_a_cost_alert_without_data_is_refused():
    rejected = read_one(common({"AlertCategory": "budgets"}, monitoringService="CostAlerts"))
    assert (rejected.reason, "AlertData" in rejected.detail) == ("missing_field", True)


def test_an_unknown_kind_of_threshold_is_refused():
    rejected = read_one(budget(ThresholdType="Guessed"))
    assert (rejected.reason, "ThresholdType" in rejected.detail) == ("malformed_field", True)


# Keys


def test_a_classic_alert_is_known_by_its_content():
    plain = read_one(classic_budget())
    assert read_one(classic_budget(Unheard="of", SpendingAmount=45)).dedup_key == plain.dedup_key
    for changes in (
        {"SpendingAmount": "46"},
        {"NotificationThresholdAmount": "0.9"},
        {"ResourceGroup": "g"},
        {"BudgetName": "b"},
    ):
        assert read_one(classic_budget(**changes)).dedup_key != plain.dedup_key
