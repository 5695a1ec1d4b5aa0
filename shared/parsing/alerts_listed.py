"""Alerts as the alerts API lists them: the same alert as an action group posts, in another dress.

Owns how an element of the list becomes the common alert schema, so that the same parsers read both, and the same alert has the same
key on either road: its id at the monitoring service, its condition and its moment. Knows nothing of how it is asked for.
Wire format: learn.microsoft.com/rest/api/monitor/alertsmanagement/alerts/get-all.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.platform_signals import AlertFired, AlertResolved
from shared.parsing.alerts import read_alert
from shared.parsing.fields import FieldError, Fields

AlertSignal = AlertFired | AlertResolved


def modified_at(document: Mapping[str, Any]) -> datetime | None:
    """When the alert was last changed; None when that cannot be read."""
    try:
        return _essentials(document).time("lastModifiedDateTime", "startDateTime")
    except FieldError:
        return None


def listed_alerts(document: Mapping[str, Any]) -> tuple[AlertSignal, ...]:
    """What an element of the list says; nothing when it is no alert that fires or ends, or cannot be read.

    Of a context that is not that of an action group's message only the essentials count.
    """
    try:
        body = _common(document)
    except FieldError:
        return ()
    contexts: tuple[dict[str, Any], ...] = (body["data"]["alertContext"], {})
    for context in contexts:
        body["data"]["alertContext"] = context
        try:
            found = read_alert(Fields.of(body))
        except FieldError:
            continue
        return tuple(signal for signal in found if isinstance(signal, AlertSignal))
    return ()


def _essentials(document: Mapping[str, Any]) -> Fields:
    return Fields.of(dict(document)).part("properties").part("essentials")


def _common(document: Mapping[str, Any]) -> dict[str, Any]:
    told, properties = _essentials(document), document.get("properties")
    started, ended = told.get("startDateTime"), told.get("monitorConditionResolvedDateTime")
    is_over = told.optional_text("monitorCondition").lower() == "resolved"
    essentials = {
        "alertId": document.get("id"),
        "originAlertId": told.get("sourceCreatedId"),
        "alertRule": told.get("alertRule"),
        "severity": told.get("severity"),
        "signalType": told.get("signalType"),
        "monitorCondition": told.get("monitorCondition"),
        "monitoringService": told.get("monitorService"),
        "alertTargetIDs": [told.get("targetResource")],
        "firedDateTime": started,
        "resolvedDateTime": ended if is_over else None,
        "description": told.get("description"),
    }
    context = properties.get("context") if isinstance(properties, dict) else None
    known = {name: value for name, value in essentials.items() if value is not None}
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {"essentials": known, "alertContext": context if isinstance(context, dict) else {}},
    }
