"""The front door: raw bytes of any channel into signals and rejections.

Owns which channel a body came by, told from its content. Knows nothing of what it says.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from shared.domain.signals import Rejected
from shared.parsing import activity_log_records, alerts, registry, security
from shared.parsing.bodies import Parsed, opened_elements
from shared.parsing.data_collector import TYPE_PREFIX
from shared.parsing.documents import Element, elements
from shared.parsing.event_grid import parse_events
from shared.parsing.event_hubs import parse_message
from shared.parsing.fields import FieldError, Fields

Channel = Literal["event_grid", "event_hubs", "monitor_alerts", "registry_webhook", "security", "activity_log"]
"""The ways in: Event Grid, telemetry of Event Hubs, alerts (also of budgets) from action groups, a container registry's web
hooks, exports of Defender for Cloud, the activity log through Event Hubs."""

_PARSERS: Mapping[Channel, Callable[[bytes], tuple[Parsed, ...]]] = {
    "event_grid": parse_events,
    "event_hubs": parse_message,
    "monitor_alerts": alerts.parse_alerts,
    "registry_webhook": registry.parse_webhooks,
    "security": security.parse_exports,
    "activity_log": activity_log_records.parse_records,
}


def parse(raw: bytes, channel: Channel | None = None) -> tuple[Parsed, ...]:
    """Every signal in a body, or why there is none: at least one value, and never an error.

    Each event of a batch is read on its own; a telemetry message (also a file of JSON lines) is one signal.
    Without a channel it is told from the content; content of no channel is ``Rejected``.
    """
    return _PARSERS[channel or detect(raw)](raw)


def parse_platform(raw: bytes) -> tuple[Channel, tuple[Parsed, ...]]:
    """What came through the hub of platform events, and by which channel it would have come. Never an error.

    Telemetry is refused here: it is aggregated from a hub of its own, and would be lost without a word.
    """
    channel = detect(raw)
    if channel != "event_hubs":
        return channel, parse(raw, channel)
    text = (
        "telemetry, or logs that nothing is done about, came by the hub of platform events: send them to the other hub"
    )
    return channel, (Rejected(reason="not_actionable", detail=text),)


def detect(body: bytes) -> Channel:
    """The channel that a body came by: that of its first element that is telemetry or an event.

    What is neither goes by Event Grid, whose parser says what was expected.
    """
    try:
        found = opened_elements(elements(body))
    except FieldError:
        return "event_grid"
    return next((channel for element in found if (channel := _channel_of(element)) is not None), "event_grid")


def _channel_of(element: Element) -> Channel | None:
    if not isinstance(element, dict):
        return None
    fields = Fields.of(element)
    if fields.has("eventType"):
        return "event_grid"
    event_type = fields.get("type")
    if isinstance(event_type, str) and event_type.strip().lower().startswith(TYPE_PREFIX):
        return "event_hubs"
    records = fields.get("records")
    listed = records if isinstance(records, list) else [records] if isinstance(records, dict) else [element]
    if any(activity_log_records.is_record(one) for one in listed):
        return "activity_log"
    if isinstance(records, list | dict) or (
        fields.has("resourceId") and (fields.has("category") or fields.has("metricName"))
    ):
        return "event_hubs"
    if alerts.is_alert(fields):
        return "monitor_alerts"
    if registry.is_webhook(fields):
        return "registry_webhook"
    if security.is_export(fields):
        return "security"
    return "event_grid" if event_type is not None else None
