"""Events about Azure resources: how they are, and what was done to them.

Owns resource notifications (health, life cycle) and the older events of Azure Resource Manager. Knows nothing of envelopes.
Wire formats: Microsoft Learn, Azure Resource Notifications (health resources, resources) and Azure subscriptions as
Event Grid sources. Claims and callers in the data are neither read nor kept.
"""

import re
from typing import Any, Literal

from shared.domain.platform_signals import PlatformHealthChanged, ResourceChanged
from shared.domain.signals import ModelDeployed, Signal
from shared.parsing.deployment_writes import deployed
from shared.parsing.envelopes import Envelope
from shared.parsing.fields import FieldError, Fields

Change = Literal["created_or_updated", "deleted", "other"]
_STATUS_BY_ENDING = {"success": "Succeeded", "failure": "Failed", "cancel": "Canceled"}
_CHANGE_BY_OPERATION: dict[str, Change] = {"write": "created_or_updated", "delete": "deleted"}
_OPERATION = re.compile(r"(?:.*\.)?resource(write|delete|action)(success|failure|cancel)")


def availability_changed(event: Envelope) -> tuple[Signal, ...]:
    """A resource became available, unavailable or unknown."""
    told = event.fields.part("resourceInfo").part("properties")
    status, before = told.text("availabilityState"), told.optional_text("previousAvailabilityState")
    return (
        PlatformHealthChanged(
            **_health(event, told),
            status=status,
            title=f"{status}, was {before}" if before else status,
            properties=_kept(told, "previousAvailabilityState"),
        ),
    )


def resource_annotated(event: Envelope) -> tuple[Signal, ...]:
    """Azure says why a resource's health is or may be disrupted; ``cause`` is who began it."""
    told = event.fields.part("resourceInfo").part("properties")
    status = told.text("annotationName")
    return (
        PlatformHealthChanged(
            **_health(event, told),
            status=status,
            title=told.optional_text("reason", "summary") or status,
            cause=told.optional_text("context"),
            properties=_kept(told, "summary", "category"),
        ),
    )


def resource_written(event: Envelope) -> tuple[Signal, ...]:
    """A resource notification: created or updated."""
    return (_notified(event, "created_or_updated"),)


def resource_deleted(event: Envelope) -> tuple[Signal, ...]:
    """A resource notification: deleted."""
    return (_notified(event, "deleted"),)


def operation_ended(event: Envelope) -> tuple[Signal, ...]:
    """An operation of Azure Resource Manager came to its end, as the event's type says.

    A deployment of an endpoint that was written is ``ModelDeployed``: Azure ML itself may raise no event for it.
    What failed or was cancelled has changed nothing for certain: its change is ``other``, and its status says why.
    """
    operation, ending = _operation(event.type)
    data = event.fields
    resource_id = _resource_id(event, data)
    if ending == "success" and operation == "write" and (deployed := _deployed(event, data, resource_id)):
        return (deployed,)
    return (
        ResourceChanged(
            **event.heard,
            resource_id=resource_id,
            change=_CHANGE_BY_OPERATION.get(operation, "other") if ending == "success" else "other",
            resource_type=type_of(resource_id),
            # Where the two disagree (samples of failures say "Succeeded"), the type is what was subscribed to.
            status=(data.optional_text("status") if ending == "success" else "") or _STATUS_BY_ENDING[ending],
        ),
    )


def type_of(resource_id: str) -> str:
    """The type that a resource's id spells out (``microsoft.storage/storageaccounts``), empty when it spells none."""
    _, found, rest = resource_id.lower().rpartition("/providers/")
    segments = rest.strip("/").split("/")
    return "/".join([segments[0], *segments[1::2]]) if found and len(segments) > 2 else ""


def _health(event: Envelope, told: Fields) -> dict[str, Any]:
    target = told.optional_text("targetResourceId") or event.subject
    if not target:
        raise FieldError("missing_field", f"{told.path}targetResourceId is missing: expected the id of a resource")
    return event.heard | {"scope": "resource", "targets": (target.rstrip("/").lower(),)}


def _kept(told: Fields, *names: str) -> dict[str, str]:
    return {name: text for name in names if (text := told.optional_text(name))}


def _notified(event: Envelope, change: Change) -> ResourceChanged:
    told = event.fields.part("resourceInfo")
    resource_id = (told.optional_text("id") or event.subject).rstrip("/").lower()
    if not resource_id:
        raise FieldError("missing_field", "data.resourceInfo.id is missing: expected the id of a resource")
    properties = told.get("properties")
    state = Fields.of(properties).get("provisioningState") if isinstance(properties, dict) else None
    return ResourceChanged(
        **event.heard,
        resource_id=resource_id,
        change=change,
        # From the id: of the field ``type`` the documentation says two different things.
        resource_type=type_of(resource_id) or told.optional_text("type").lower(),
        status=state if isinstance(state, str) else "",
    )


def _operation(event_type: str) -> tuple[str, str]:
    match = _OPERATION.fullmatch(event_type.strip().lower())
    if match is None:
        raise FieldError("unknown_event_type", "expected Resource, then Write, Delete or Action, then how it ended")
    return match[1], match[2]


def _resource_id(event: Envelope, data: Fields) -> str:
    named = data.optional_text("resourceUri", "resourceUrl") or event.subject
    _, found, rest = named.lower().partition("/subscriptions/")
    if not named:
        raise FieldError(
            "missing_field", "data.resourceUri is missing: expected the id of the resource that was changed"
        )
    return f"{found}{rest}".rstrip("/") if found else named.rstrip("/").lower()


def _deployed(event: Envelope, data: Fields, resource_id: str) -> ModelDeployed | None:
    operation = data.optional_text("operationName").lower()
    succeeded = data.optional_text("status").lower() in ("", "succeeded")
    if not succeeded or not (operation or "/write").endswith("/write"):
        return None
    return deployed(event.heard, resource_id)
