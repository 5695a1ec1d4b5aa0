"""Alerts in the schemas that came before the common one, which action groups still send unless they are told otherwise.

Owns classic metric alerts (no schema id), metric alerts v2, the activity log and the log alerts. Knows nothing of the common schema.
Wire formats: Microsoft Learn, webhooks of classic and of new metric alerts; Configure a webhook to get activity log alerts;
Sample payloads for log search alerts using webhook actions.
"""

from dataclasses import replace

from shared.domain import ids
from shared.domain.signals import Signal
from shared.parsing.alerts_activity_log import activity_log_signals, alert_of_event
from shared.parsing.alerts_criteria import condition_criteria, log_v1_criteria
from shared.parsing.alerts_essentials import Alert, arm_ids_of, is_resolved, severity_of, texts_of
from shared.parsing.fields import Fields, canonical
from shared.parsing.us_dates import date_of


def metric_signals(data: Fields) -> tuple[Signal, ...]:
    """A metric alert, classic (status and context at the top) or v2 (inside ``data``): the same keys at the same depth.

    ``id`` is the rule's: one rule may speak of several resources and dimensions, so these belong to the identity.
    """
    context = data.part("context")
    rule_id, resource = context.arm_id("id"), context.arm_id("resourceId")
    criteria = condition_criteria(context)
    dimensions = canonical([criterion.dimensions for criterion in criteria])
    alert = Alert(
        source=rule_id,
        alert_id=rule_id,
        identity=ids.derive(rule_id, resource, dimensions),
        rule=context.text("name"),
        resolved=is_resolved(data, "status"),
        occurred_at=context.time("timestamp"),
        targets=(resource,),
        severity=severity_of(context.optional_text("severity")),
        description=context.optional_text("description"),
        properties=texts_of(data.get("properties")),
    )
    # A classic rule may also watch the activity log: then its condition type is "Event".
    classic_event = context.optional_text("conditionType").lower() == "event"
    return (alert.signal("activity_log" if classic_event else "metric", criteria, stateful=not classic_event),)


def activity_log_signals_of(data: Fields) -> tuple[Signal, ...]:
    """An activity log alert: its event is all that samples tell; the rule's name is documented, and used when it is there."""
    context = data.part("context")
    event = context.part("activityLog")
    alert = alert_of_event(event)
    told = replace(
        alert,
        rule=context.optional_text("name") or alert.rule,
        properties=texts_of(data.get("properties")),  # the rule's own, as in every other schema
    )
    return activity_log_signals(told, event)


def log_signals(data: Fields) -> tuple[Signal, ...]:
    """A log alert up to API version 2018-04-16. It never says that it is over. Samples since 2021 name the resource that was
    searched; older ones nothing but its subscription.

    The search's end is when it spoke; the search's other times and its results are left where they are.
    """
    subscription = data.text("SubscriptionId").strip("/").lower().removeprefix("subscriptions/")
    rule, workspace = data.text("AlertRuleName"), data.optional_text("WorkspaceId", "ApplicationId")
    criteria = log_v1_criteria(data)
    searched = arm_ids_of(data.get("ResourceId")) or (f"/subscriptions/{subscription}",)
    alert_id = f"/subscriptions/{subscription}/{workspace}/{rule}".lower()
    alert = Alert(
        source=searched[0],
        alert_id=alert_id,
        identity=ids.derive(alert_id, canonical([criterion.dimensions for criterion in criteria])),
        rule=rule,
        resolved=False,
        occurred_at=date_of(data.text("SearchIntervalEndtimeUtc"), f"{data.path}SearchIntervalEndtimeUtc"),
        targets=searched,
        severity=severity_of(data.optional_text("Severity")),
        description=data.optional_text("Description"),
    )
    return (alert.signal("log", criteria, stateful=False),)
