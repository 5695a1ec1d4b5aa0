"""Alerts on the activity log: what was done to resources, and what Azure says of policy, security and its own health.

Owns the activity log event inside these alerts, which is the same in the common schema and in the older one. Knows nothing of
envelopes. Wire formats: Microsoft Learn, Samples of Azure Monitor alert payloads; Configure a webhook to get activity log
alerts; Service health notification properties.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from shared.domain import ids
from shared.domain.platform_signals import ComplianceChanged, PlatformHealthChanged, SecurityAlertRaised
from shared.domain.signals import Signal
from shared.parsing.alerts_essentials import Alert, arm_ids_of, texts_of
from shared.parsing.deployment_writes import deployed, ending, is_deployment_write, write_key
from shared.parsing.documents import load
from shared.parsing.fields import FieldError, Fields, plain_text_of

SERVICE_PREFIX = "activitylog"  # of "Activity Log - Policy", when only letters are kept
LONG_TEXTS = frozenset({"communication", "defaultlanguagecontent", "impactedservicestablerows"})  # HTML, twice
DESCRIPTION = "Activity Log Event Description"  # the event's own, since 2021-04; "description" is the rule's


def is_activity_log(context: Fields) -> bool:
    """Whether a context is an event of the activity log, told by what only those carry."""
    return context.has("eventSource") or (context.has("operationName") and context.has("eventTimestamp"))


def alert_of_event(event: Fields) -> Alert:
    """The alert when only the event is known: the older schema tells neither the rule nor the alert's id.

    The operation stands in for the rule, the event's id for the alert's.
    """
    operation = event.text("operationName")
    event_id = event.text("eventDataId", "operationId", "correlationId").lower()
    return Alert(
        source=_speaker(event) or operation.partition("/")[0].lower(),
        alert_id=event_id,
        identity=event_id,
        rule=operation,
        resolved=False,  # the older schema always says Activated: what the event says is in its own status
        occurred_at=event.time("eventTimestamp", "submissionTimestamp"),
        description=event.optional_text("description", DESCRIPTION),
    )


def activity_log_signals(alert: Alert, event: Fields, service: str = "") -> tuple[Signal, ...]:
    """The signals of one activity log alert. ``service`` is the monitoring service that the common schema names."""
    return _READERS[_concern(event, service)](alert, event, _details(event))


def _concern(event: Fields, service: str) -> str:
    """What an event is about. Service health writes its source as a number, and the service comes with or without blanks."""
    operation = event.optional_text("operationName").lower().removeprefix("microsoft.")
    provider = "policy" if operation.startswith("authorization/policies/") else operation.partition("/")[0]
    told = (service, plain_text_of(event.get("eventSource")), provider)
    folded = (_letters(text).removeprefix(SERVICE_PREFIX) for text in told)
    return next((name for name in folded if name in _READERS), "administrative")


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalpha())


def _details(event: Fields) -> Fields:
    details = event.get("properties")
    return Fields.of(details if isinstance(details, dict) else {}, f"{event.path}properties.")


def _speaker(event: Fields) -> str:
    """The resource that an event is about, empty when it names none."""
    scope = event.get("authorization")
    named = Fields.of(scope).get("scope") if isinstance(scope, dict) else None
    details = _details(event)
    found = arm_ids_of([event.get("resourceId"), details.get("entity"), details.get("resourceName"), named])
    subscription = plain_text_of(event.get("subscriptionId")).strip().strip("/").lower()
    whole = f"/subscriptions/{subscription.removeprefix('subscriptions/')}" if subscription else ""
    return found[0] if found else whole


def _targets(alert: Alert, event: Fields) -> tuple[str, ...]:
    speaker = _speaker(event)
    return alert.targets or ((speaker,) if speaker else ())


def _heard(alert: Alert, event: Fields) -> dict[str, Any]:
    """What every signal carries. An event is ordered by its own time, not by the time at which the alert was sent."""
    at = event.time("eventTimestamp") if event.get("eventTimestamp") is not None else alert.occurred_at
    return alert.heard | {"occurred_at": at}


def _done(alert: Alert, event: Fields, _: Fields) -> tuple[Signal, ...]:
    """Something was done to a resource. Nothing ever says that it is over, so it is not stateful.

    A deployment of an endpoint that was written is ``ModelDeployed``; one that could not be written stays an alert.
    """
    written = _deployed(alert, event)
    if written:
        return (written,)
    more = {key: event.get(key) for key in ("status", "subStatus", "caller", "level", "correlationId")}
    told = texts_of({key: value for key, value in more.items() if value != ""}, event.get("properties"))
    whole = replace(
        alert,
        targets=_targets(alert, event),
        description=alert.description or event.optional_text(DESCRIPTION),
        properties=told | alert.properties,
    )
    operation = event.optional_text("operationName") or _action(event)
    return (whole.signal("activity_log", operation=operation, stateful=False),)


def _deployed(alert: Alert, event: Fields) -> Signal | None:
    """The deployment that an event says was written, if it does. Raises FieldError while the write is under way."""
    operation = event.optional_text("operationName") or _action(event)
    status = event.optional_text("status")
    if not is_deployment_write(operation) or not status or ending(status, operation) == "failed":
        return None
    correlation = event.optional_text("correlationId")
    for resource in (_speaker(event), *alert.targets):
        heard = _heard(alert, event) | {"dedup_key": write_key(resource, correlation, alert.dedup_key)}
        if found := deployed(heard, resource, event.optional_text("caller")):
            return found
    return None


def _action(event: Fields) -> str:
    authorization = event.get("authorization")
    return Fields.of(authorization).optional_text("action") if isinstance(authorization, dict) else ""


def _judged(alert: Alert, event: Fields, details: Fields) -> tuple[Signal, ...]:
    """Azure Policy judged a resource: an audit is written only when it does not comply.

    Every other effect (deny, append, modify, deploy) changes or refuses a request and says nothing of the state after it.
    """
    effect = event.optional_text("operationName").lower().removesuffix("/action").rpartition("/")[2]
    resources = _targets(alert, event)
    if effect not in ("audit", "auditifnotexists") or not resources:
        return _done(alert, event, details)
    policies = [policy for policy in _listed(details.get("policies")) if policy.get("policyAssignmentId") is not None]
    if not policies:
        return _done(alert, event, details)
    heard = _heard(alert, event)
    judged = [(resource, policy) for resource in resources for policy in policies]
    return tuple(_compliance(heard, resource, policy, alone=len(judged) == 1) for resource, policy in judged)


def _compliance(heard: dict[str, Any], resource: str, policy: Fields, *, alone: bool) -> ComplianceChanged:
    assignment = policy.arm_id("policyAssignmentId")
    definition = policy.optional_text("policyDefinitionId").rstrip("/").lower()
    reference = policy.optional_text("policyDefinitionReferenceId").lower()
    key = heard["dedup_key"]
    each = key if alone else ids.derive(key, resource, assignment, definition, reference)
    return ComplianceChanged(
        **heard | {"dedup_key": each},
        resource_id=resource,
        compliant=False,
        assignment_id=assignment,
        definition_id=definition,
    )


def _raised(alert: Alert, event: Fields, details: Fields) -> tuple[Signal, ...]:
    """Defender for Cloud saw something. The event's own id is no resource of anybody's: its group is what is attacked."""
    attacked = arm_ids_of([details.get("compromisedEntity"), *_targets(alert, event)])
    kind = details.optional_text("alertType", "category", "threatID") or event.optional_text("operationName")
    title = details.optional_text("alertDisplayName", "title") or event.optional_text(DESCRIPTION)
    return (
        SecurityAlertRaised(
            **_heard(alert, event),
            alert_type=kind,
            title=title or alert.description or kind,
            severity=details.optional_text("severity") or alert.severity or event.optional_text("level"),
            status=event.optional_text("status") or "New",
            targets=tuple(dict.fromkeys(target.partition("/providers/microsoft.security/")[0] for target in attacked)),
            product=details.optional_text("productName", "protectionType"),
            description=event.optional_text(DESCRIPTION) or alert.description,
        ),
    )


def _service_health(alert: Alert, event: Fields, details: Fields) -> tuple[Signal, ...]:
    """A service issue or maintenance; its regions and services come as a list, or as the JSON text of one."""
    told = f"{plain_text_of(details.get('incidentType'))} {event.optional_text('operationName')}".lower()
    impacted = _listed(details.get("impactedServices"))
    services = [service.optional_text("ServiceName") for service in impacted]
    regions = [
        region.optional_text("RegionName") for service in impacted for region in _listed(service.get("ImpactedRegions"))
    ]
    properties = texts_of(event.get("properties"))
    return (
        PlatformHealthChanged(
            **_heard(alert, event),
            scope="maintenance" if "maintenance" in told else "service",
            status=_status(event, details),
            title=details.optional_text("title", "defaultLanguageTitle") or alert.description or alert.rule,
            targets=_targets(alert, event),
            services=_each(services) or _each([details.optional_text("service")]),
            regions=_each(regions) or _each([details.optional_text("region")]),
            tracking_id=details.optional_text("trackingId"),
            properties={key: text for key, text in properties.items() if key.lower() not in LONG_TEXTS},
        ),
    )


def _status(event: Fields, details: Fields) -> str:
    status = event.optional_text("status") or details.optional_text("stage")
    if not status:
        raise FieldError(
            "missing_field", f"{event.path}status is missing or empty: expected Active, Resolved or another"
        )
    return status


def _resource_health(alert: Alert, event: Fields, details: Fields) -> tuple[Signal, ...]:
    """A resource is available, or is not, as Azure sees it."""
    targets = _targets(alert, event)
    if not targets:
        raise FieldError(
            "missing_field", f"{event.path}resourceId (or alertTargetIDs) is missing: expected the id of the resource"
        )
    return (
        PlatformHealthChanged(
            **_heard(alert, event),
            scope="resource",
            status=details.text("currentHealthStatus"),
            title=details.optional_text("title") or alert.description or alert.rule,
            targets=targets,
            cause=details.optional_text("cause"),
            properties=texts_of(event.get("properties")),
        ),
    )


def _listed(value: Any) -> list[Fields]:
    """The objects of a list, or of the JSON text of one; what cannot be read is left out, and the alert stands."""
    if isinstance(value, str):
        try:
            value = load(value.encode(errors="replace"))
        except FieldError:
            return []
    return [Fields.of(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _each(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


_READERS: Mapping[str, Callable[[Alert, Fields, Fields], tuple[Signal, ...]]] = {
    "administrative": _done,
    "autoscale": _done,
    "recommendation": _done,
    "alert": _done,
    "policy": _judged,
    "security": _raised,
    "servicehealth": _service_health,
    "resourcehealth": _resource_health,
}
