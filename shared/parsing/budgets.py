"""Budget alerts of Cost Management, in the common alert schema and in the classic one.

Owns what the amounts mean. Knows nothing of how money is written (``money``) or what is done about it. Wire formats: Microsoft
Learn, Samples of Azure Monitor alert payloads (CostAlerts); Manage costs with budgets (``AIP Budget Notification``).
"""

from datetime import datetime
from typing import Any

from shared.domain import ids
from shared.domain.platform_signals import BudgetCrossed
from shared.domain.signals import Signal
from shared.domain.values import encode, replace
from shared.parsing.alerts_essentials import Alert, last_segment
from shared.parsing.fields import FieldError, Fields, shown
from shared.parsing.money import has_currency_mark, money_of
from shared.parsing.us_dates import date_of

BUDGET_SEGMENT = "/providers/microsoft.consumption/budgets/"
ALERT_SEGMENT = "/providers/microsoft.costmanagement/alerts/"
PROVIDERS_SEGMENT = "/providers/"  # some cost alerts have another name after it
# What action groups send to prove that they can: documented as the sample "Budget alert".
TEST_DESCRIPTION = "deliveryconfirmation"
RATIO_MAX = 10.0  # Cost Management takes no threshold above 1000 %


def is_budget(service: str, context: Fields) -> bool:
    """Whether an alert in the common schema is one of Cost Management's."""
    return service.strip().lower() == "costalerts" or context.has("AlertData")


def common_signals(alert: Alert, context: Fields) -> tuple[Signal, ...]:
    """A budget alert in the common schema: amounts are formatted text, the threshold too. Raises FieldError."""
    category = context.optional_text("AlertCategory")
    if category and not category.lower().startswith("budget"):
        raise FieldError("unknown_event_type", f"AlertCategory is {shown(category)}: expected budgets")
    if "".join(alert.description.lower().split()).startswith(TEST_DESCRIPTION):
        raise FieldError("not_actionable", "a delivery confirmation of an action group: nothing was spent")
    if alert.resolved:
        raise FieldError("not_actionable", "a budget alert that is Resolved: no threshold is crossed")
    data = context.part("AlertData")
    forecast = _forecast(data)
    budget_id = data.optional_text("BudgetId").rstrip("/").lower()
    scope = data.optional_text("Scope").rstrip("/").lower() or _scope_of(budget_id, alert.alert_id) or _scope(data)
    heard = alert.heard | {"source": budget_id or alert.source}
    return (_crossed(heard, data, scope=scope, budget_id=budget_id, forecast=forecast, bare_is_ratio=False),)


def classic_signals(data: Fields) -> tuple[Signal, ...]:
    """A budget alert in the classic schema: no id, no time, no word on forecasts, the threshold a ratio. Raises FieldError.

    The only time that it tells is the budget's start; so the content is its identity.
    """
    scope = data.optional_text("Scope").rstrip("/").lower() or _scope(data)
    started_at = _start(data)
    if started_at is None:
        raise FieldError("missing_field", f"{data.path}BudgetStartDate is missing or empty: expected a date")
    heard = {"source": scope, "dedup_key": "", "occurred_at": started_at}
    crossed = _crossed(heard, data, scope=scope, budget_id="", forecast=None, bare_is_ratio=True)
    return (replace(crossed, dedup_key=ids.derive("content", encode(crossed).decode())),)


def _crossed(
    heard: dict[str, Any], data: Fields, *, scope: str, budget_id: str, forecast: bool | None, bare_is_ratio: bool
) -> BudgetCrossed:
    budget = data.optional_text("BudgetName") or last_segment(data.optional_text("BudgetId"))
    if not budget:
        raise FieldError("missing_field", f"{data.path}BudgetName is missing or empty: expected the budget's name")
    amount = _amount(data, "BudgetThreshold", "Budget")
    if amount <= 0:
        raise FieldError("malformed_field", f"{data.path}BudgetThreshold is {amount}: expected an amount above 0")
    spent = _amount(data, "SpentAmount", "SpendingAmount")
    reached = _amount(data, "ForecastedTotalForPeriod") if forecast else spent
    return BudgetCrossed(
        **heard | {"subject": budget},
        budget=budget,
        spent=spent,
        amount=amount,
        ratio=reached / amount,
        unit=data.optional_text("Unit"),
        budget_id=budget_id,
        scope=scope,
        forecast=forecast,
        threshold_ratio=_threshold_ratio(data, amount, bare_is_ratio=bare_is_ratio),
        period_start=_start(data),
    )


def _amount(data: Fields, *names: str) -> float:
    value = data.get(*names)
    told = data.path + names[0] + (f" (or {names[1]})" if len(names) > 1 else "")
    if value is None or value == "":
        raise FieldError("missing_field", f"{told} is missing or empty: expected an amount such as $1,234.56")
    return money_of(value, told, data.optional_text("Unit"))


def _threshold_ratio(data: Fields, amount: float, *, bare_is_ratio: bool) -> float | None:
    """The threshold as a share of the budget; None when there is none.

    With a currency it is an amount, with ``%`` a percentage. A bare number is a ratio in the classic schema, and in the common
    one where the budget itself is written with a currency; but never above 1000 %, which no threshold can be.
    """
    value = data.get("NotificationThresholdAmount")
    if value is None or value == "":
        return None
    name = f"{data.path}NotificationThresholdAmount"
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return money_of(value.rstrip()[:-1], name) / 100
    threshold = money_of(value, name, data.optional_text("Unit"))
    if not has_currency_mark(value) and threshold <= RATIO_MAX:
        others_marked = has_currency_mark(data.get("BudgetThreshold", "Budget"))
        return threshold if bare_is_ratio or others_marked else threshold / amount
    return threshold / amount


def _forecast(data: Fields) -> bool | None:
    kind = data.optional_text("ThresholdType")
    if not kind:
        return True if data.get("ForecastedTotalForPeriod") is not None else None
    if kind.lower() in ("actual", "forecasted", "forecast"):
        return kind.lower() != "actual"
    raise FieldError("malformed_field", f"{data.path}ThresholdType is {shown(kind)}: expected Actual or Forecasted")


def _start(data: Fields) -> datetime | None:
    value = data.get("BudgetStartDate")
    return None if value is None or value == "" else date_of(value, f"{data.path}BudgetStartDate")


def _scope_of(budget_id: str, alert_id: str) -> str:
    """The scope in front of a budget's id, or of a cost alert's."""
    for arm_id, segment in ((budget_id, BUDGET_SEGMENT), (alert_id, ALERT_SEGMENT), (alert_id, PROVIDERS_SEGMENT)):
        scope, found, _ = arm_id.partition(segment)
        if found and scope:
            return scope
    return ""


def _scope(data: Fields) -> str:
    """The scope from the subscription and, when there is one, its resource group; else from the account that is billed."""
    subscription = data.optional_text("SubscriptionId").strip("/").lower().removeprefix("subscriptions/")
    if not subscription:
        return _billed(data)
    group = data.optional_text("ResourceGroup").lower()
    return f"/subscriptions/{subscription}" + (f"/resourcegroups/{group}" if group else "")


def _billed(data: Fields) -> str:
    """The scope of a budget above subscriptions, as Cost Management writes it."""
    account = data.optional_text("BillingAccountId", "EnrollmentNumber") or data.optional_text("EnrollmentNumber")
    if not account:
        raise FieldError(
            "missing_field",
            f"{data.path}Scope (or BudgetId, SubscriptionId, BillingAccountId) is missing: expected an ARM id",
        )
    scope = f"/providers/microsoft.billing/billingaccounts/{last_segment(account)}"
    for name, segment in (("BillingProfileId", "billingprofiles"), ("InvoiceSectionId", "invoicesections")):
        if part := last_segment(data.optional_text(name)):
            scope += f"/{segment}/{part}"
    return scope.lower()
