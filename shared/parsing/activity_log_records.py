"""Records of the activity log that a diagnostic setting streams through an Event Hub: who did what to which resource.

Owns their fields, and which of them are acted on: writes and deletions of endpoints and their deployments. All others are
counted into one refusal a message, since a subscription writes thousands a day. Knows nothing of alerts.
Wire format: Microsoft Learn, Azure activity log, Send to Event Hubs; activity log event schema, from storage and Event Hubs.
"""

import re
from typing import Any

from shared.domain import ids
from shared.domain.platform_signals import ResourceChanged
from shared.domain.signals import Rejected, Signal
from shared.parsing.bodies import Parsed, opened_elements, parse_one
from shared.parsing.deployment_writes import deployed, ending, is_deployment_write, write_key
from shared.parsing.documents import Element, elements
from shared.parsing.fields import FieldError, Fields, canonical, object_in, plain_text_of, shown
from shared.parsing.resources import Change, type_of

# The categories of the activity log, and those that log profiles wrote before.
CATEGORIES = frozenset(
    [
        "administrative",
        "servicehealth",
        "resourcehealth",
        "alert",
        "autoscale",
        "security",
        "policy",
        "recommendation",
        "write",
        "delete",
        "action",
    ]
)
_ADMINISTRATIVE = frozenset({"administrative", "write", "delete", "action"})
_CHANGE = re.compile(r".*/(?:online|batch)endpoints(?:/deployments)?/(write|delete)")
_CLAIM_NAMES = (
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    "name",
    "appid",
)


def is_record(element: Element) -> bool:
    """Whether an element is one record of the activity log."""
    if not isinstance(element, dict):
        return False
    fields = Fields.of(element)
    return fields.has("operationName") and plain_text_of(fields.get("category")).strip().lower() in CATEGORIES


def parse_records(body: bytes) -> tuple[Parsed, ...]:
    """The signals of a message; what nothing is done about is one refusal, whatever its number. Never an error."""
    try:
        found = opened_elements(elements(body))
    except FieldError as error:
        return (Rejected(reason=error.reason, detail=error.detail),)
    records = [record for element in found for record in _records_of(element)]
    parsed = [one for index, record in enumerate(records) for one in parse_one(record, read_record, index)]
    idle = [one for one in parsed if isinstance(one, Rejected) and one.reason == "not_actionable"]
    rest = tuple(one for one in parsed if one not in idle)
    if not idle and rest:
        return rest
    first = idle[0].detail if idle else "the message holds no records: there is nothing to read"
    text = first if len(idle) < 2 else f"{len(idle)} records hold nothing to act on; the first: {first}"
    return (*rest, Rejected(reason="not_actionable", detail=text, index=idle[0].index if idle else 0))


def _records_of(element: Element) -> list[Element]:
    records = Fields.of(element).get("records") if isinstance(element, dict) else None
    if isinstance(records, dict):
        return [records]
    return records if isinstance(records, list) else [element]


def read_record(record: Fields) -> tuple[Signal, ...]:
    """The signal of one record. Raises FieldError, ``not_actionable`` for what nothing is done about."""
    category, operation = record.text("category"), record.text("operationName")
    change = _CHANGE.fullmatch(operation.lower())
    if category.strip().lower() not in _ADMINISTRATIVE or change is None:
        text = f"{shown(operation)} ({category}): only writes and deletions of endpoints are read from the activity log"
        raise FieldError("not_actionable", text)
    succeeded = ending(record.text("resultType"), operation) == "succeeded"
    resource_id, by = record.arm_id("resourceId"), _caller(record)
    heard = _heard(record, resource_id)
    if succeeded and is_deployment_write(operation) and (signal := deployed(heard, resource_id, by)):
        return (signal,)
    done: Change = "created_or_updated" if change[1] == "write" else "deleted"
    return (
        ResourceChanged(
            **heard,
            resource_id=resource_id,
            change=done if succeeded else "other",
            resource_type=type_of(resource_id),
            status=record.text("resultType"),
            by=by,
        ),
    )


def _heard(record: Fields, resource_id: str) -> dict[str, Any]:
    at, operation = record.time("time"), record.text("operationName").lower()
    content = ids.derive("content", resource_id, operation, at.isoformat(), canonical(record.get("resultType")))
    correlation = record.optional_text("correlationId")
    key = write_key(resource_id, correlation, content) if is_deployment_write(operation) else content
    return {"source": resource_id, "dedup_key": key, "occurred_at": at, "subject": operation}


def _caller(record: Fields) -> str:
    """Who did it, as far as the record says: a person's name, or the id of an application."""
    identity = _object_of(record.get("identity"))
    claims = _object_of(Fields.of(identity).get("claims")) if isinstance(identity, dict) else None
    told = Fields.of(claims) if isinstance(claims, dict) else Fields({})
    named = identity if isinstance(identity, str) else plain_text_of(told.get(*_CLAIM_NAMES))
    return record.optional_text("caller") or named.strip()


def _object_of(value: Any) -> Any:
    return object_in(value) if isinstance(value, str) else value
