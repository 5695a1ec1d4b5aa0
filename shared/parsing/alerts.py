"""Azure Monitor alerts and budget alerts: which schema a body is in, and each alert into its signals.

Owns the registry of schemas. Knows nothing of the contexts. To hear of another schema, add one line to ``_PARSERS_BY_SCHEMA``.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from shared.domain.signals import Signal
from shared.parsing import alerts_older, budgets
from shared.parsing.alerts_activity_log import activity_log_signals, alert_of_event, is_activity_log
from shared.parsing.alerts_criteria import condition_criteria, dimensions_of, log_v1_criteria, prometheus_criteria
from shared.parsing.alerts_essentials import Alert, Category, arm_ids_of, last_segment, read_essentials, texts_of
from shared.parsing.bodies import Parsed, parse_each
from shared.parsing.fields import FieldError, Fields, plain_text_of, shown

AlertParser = Callable[[Fields], tuple[Signal, ...]]


def parse_alerts(body: bytes) -> tuple[Parsed, ...]:
    """Every alert of a body, each on its own: one that cannot be read leaves its neighbours alone."""
    return parse_each(body, read_alert)


def is_alert(fields: Fields) -> bool:
    """Whether an object is in one of the schemas that come by this channel, known or not."""
    return fields.has("schemaId") or _schema_of(fields) is not None


def read_alert(fields: Fields) -> tuple[Signal, ...]:
    """The signals of one alert (a policy alert may judge by several policies). Raises FieldError."""
    schema = fields.get("schemaId")
    if schema is None:
        found = _schema_of(fields)
        if found is not None:
            return found(fields)
        raise FieldError(
            "unknown_schema", f"the keys {shown(', '.join(sorted(fields.values)))} are no alert: {_EXPECTED}"
        )
    parser = PARSERS.get(plain_text_of(schema).strip().lower())
    if parser is None:
        raise FieldError("unknown_schema", f"schemaId {shown(schema)} is not one that is read here: {_EXPECTED}")
    return parser(fields.part("data"))


def _schema_of(fields: Fields) -> AlertParser | None:
    """The parser of an object without a schema id: told from what only that schema has, at the top or inside ``data``."""
    found = _parser_of(fields)
    if found is not None:
        return found
    data, envelope = fields.get("data"), fields.values.keys() & {"type", "eventtype", "specversion"}
    inner = _parser_of(Fields.of(data)) if isinstance(data, dict) and not envelope else None
    return None if inner is None else lambda whole: inner(whole.part("data"))


def _parser_of(data: Fields) -> AlertParser | None:
    if data.has("essentials") or data.has("alertContext"):
        return _common_signals
    context = data.get("context")
    if isinstance(context, dict):
        known = Fields.of(context)
        if known.has("activityLog"):
            return alerts_older.activity_log_signals_of
        if data.has("status") or (known.has("conditionType") and known.has("condition")):
            return alerts_older.metric_signals
    if data.has("AlertRuleName") and data.has("SearchQuery"):
        return alerts_older.log_signals
    return budgets.classic_signals if data.has("BudgetName") and data.has("SpendingAmount") else None


def _common_signals(data: Fields) -> tuple[Signal, ...]:
    """An alert in the common schema: the monitoring service decides which context it has."""
    context = data.get("alertContext")
    told = (
        Fields.of(context, f"{data.path}alertContext.")
        if context is not None
        else Fields({}, f"{data.path}alertContext.")
    )
    if data.get("essentials") is None:
        return _signals_of_context(data, told)
    essentials = data.part("essentials")
    service = essentials.optional_text("monitoringService")
    properties = texts_of(told.get("properties"), data.get("customProperties"))
    if budgets.is_budget(service, told):
        return budgets.common_signals(read_essentials(essentials, {}, resolves=False), told)
    kind = category_of(essentials.optional_text("signalType"), service, told)
    if kind == "activity_log":
        alert = read_essentials(essentials, texts_of(data.get("customProperties")))
        return activity_log_signals(alert, told, service)
    return (_fired_or_resolved(read_essentials(essentials, properties), kind, told),)


def _signals_of_context(data: Fields, context: Fields) -> tuple[Signal, ...]:
    """A context alone, as Microsoft prints most of its samples. Only an event of the activity log says enough by itself."""
    if not is_activity_log(context):
        raise FieldError(
            "missing_field", f"{data.path}essentials is missing: expected the rule, its condition and targets"
        )
    return activity_log_signals(alert_of_event(context), context)


def category_of(signal_type: str, service: str, context: Fields) -> Category:
    """What kind of rule it is: by the service where the signal type is shared, else by the type, else by the context."""
    kind, by = (_letters(text) for text in (signal_type, service))
    if by.startswith("prometheus") or context.has("expression"):
        return "prometheus"
    if by.startswith("smartdetector") or context.has("SmartDetectorId"):
        return "smart_detection"
    if kind == "activitylog" or by.startswith(("activitylog", "servicehealth", "resourcehealth")):
        return "activity_log"
    if kind in ("metric", "log"):
        return "metric" if kind == "metric" else "log"
    return _category_of_context(context)


def _category_of_context(context: Fields) -> Category:
    if is_activity_log(context):
        return "activity_log"
    kind = plain_text_of(context.get("conditionType")).lower()
    if context.has("SearchQuery") or kind.startswith("logquery"):
        return "log"
    return "metric" if kind.endswith("criteria") else "other"


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalpha())


def _fired_or_resolved(alert: Alert, kind: Category, context: Fields) -> Signal:
    if kind == "log" and not isinstance(context.get("condition"), dict):
        return alert.signal(kind, log_v1_criteria(context))
    if kind == "prometheus":
        explained = _explained(alert, context.get("annotations"), "summary", "description")
        return _named_by_labels(explained, context).signal(kind, prometheus_criteria(context))
    if kind == "smart_detection":
        return _explained(alert, _detected(context), "DetectionSummary").signal(kind)
    return alert.signal(kind, condition_criteria(context))


def _named_by_labels(alert: Alert, context: Fields) -> Alert:
    """The alert whose labels tell the rule and the resource when its essentials do not."""
    labels = Fields.of(dimensions_of(context.get("labels")))
    rule = labels.optional_text("alertname") or last_segment(plain_text_of(context.get("ruleGroup")))
    resource = arm_ids_of(labels.get("microsoft.resourceid"))
    return replace(alert, rule=alert.rule or rule, targets=alert.targets or resource)


# Of a smart detection's context; the rest are links.
_DETECTED = ("DetectionSummary", "DetectedValue", "NormalValue", "SmartDetectorId", "SmartDetectorName")


def _detected(context: Fields) -> dict[str, Any]:
    return {name: value for name in _DETECTED if (value := context.get(name)) is not None}


def _explained(alert: Alert, told: Any, *names: str) -> Alert:
    """The alert with what its context tells as properties, and described by it when the rule has no description."""
    properties = texts_of(told)
    known = Fields.of(properties)
    return replace(
        alert,
        description=alert.description or known.optional_text(*names),
        properties=properties | alert.properties,
    )


_PARSERS_BY_SCHEMA: Mapping[str, AlertParser] = {
    "azureMonitorCommonAlertSchema": _common_signals,
    "AzureMonitorMetricAlert": alerts_older.metric_signals,
    "Microsoft.Insights/activityLogs": alerts_older.activity_log_signals_of,
    "Microsoft.Insights/LogAlert": alerts_older.log_signals,
    "AIP Budget Notification": budgets.classic_signals,
}
PARSERS: Mapping[str, AlertParser] = {name.lower(): parser for name, parser in _PARSERS_BY_SCHEMA.items()}
_EXPECTED = f"expected a schemaId of {', '.join(_PARSERS_BY_SCHEMA)}, or a classic metric alert (status, context)"
