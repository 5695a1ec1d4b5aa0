"""The envelopes of events: Event Grid's own schema and CloudEvents 1.0, also dead-lettered, also inside an HTTP sample.

Owns how an event says its type, source, id, time and subject. Knows nothing of what ``data`` means.
Wire formats: Microsoft Learn, Event Grid event schema, CloudEvents schema, and delivery and retry (dead letters).
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain import ids
from shared.parsing.documents import Element, elements, flatten
from shared.parsing.fields import FieldError, Fields, canonical, object_in, shown

KEYS_SHOWN_MAX = 8
_WRAPPED_BY = frozenset({"deadletterproperties", "brokerproperties"})  # of event grid namespaces
_LIST_KEYS = frozenset({"value", "nextlink", "count"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event without its wrapping. ``source`` is in lower case; ``event_id`` is empty when there was none."""

    type: str
    source: str
    event_id: str
    occurred_at: datetime
    subject: str
    data: Any

    @property
    def fields(self) -> Fields:
        """The event's data as an object. Raises FieldError when it is none."""
        if self.data is None:
            raise FieldError("missing_field", "data is missing: expected a JSON object")
        return Fields.of(self.data, "data.")

    @property
    def dedup_key(self) -> str:
        """The key of source and id; of the content when the event has no id."""
        if self.event_id:
            return ids.dedup_key(self.source, self.event_id)
        content = canonical([self.type.lower(), self.subject, self.occurred_at, self.data])
        return ids.derive("content", self.source, content)

    @property
    def heard(self) -> dict[str, Any]:
        """What every signal carries, as keyword arguments."""
        return {
            "source": self.source,
            "dedup_key": self.dedup_key,
            "occurred_at": self.occurred_at,
            "subject": self.subject,
        }


def event_type_of(event: Fields) -> str:
    """The type that an event names. Raises FieldError (``unknown_schema``) for anything in neither envelope."""
    version = event.get("specversion")
    if version is not None and not str(version).startswith("1"):
        raise FieldError("unknown_schema", f"specversion is {shown(version)}: expected CloudEvents 1.0")
    if event.has("eventType") or (event.has("type") and (version is not None or event.has("source"))):
        return event.text("eventType", "type")
    if event.has("$schema") and event.has("properties"):
        raise FieldError("unknown_schema", "a JSON schema describes events and is none: there is nothing to read")
    schema = event.get("schemaId")
    named = f"schemaId {shown(schema)}" if schema is not None else f"an object with {_keys(event)}"
    raise FieldError(
        "unknown_schema",
        f"{named} is no event: expected Event Grid (eventType, topic, eventTime, data), "
        "CloudEvents 1.0 (specversion, type, source, time, data), or a body of another channel "
        "(an alert, a registry's web hook, an export of Defender for Cloud, telemetry)",
    )


def _keys(event: Fields) -> str:
    keys = ", ".join(sorted(event.values)[:KEYS_SHOWN_MAX])
    return f"the keys {shown(keys)}" if keys else "no keys"


def read_envelope(event: Fields) -> Envelope:
    """The envelope of an event in either schema. Raises FieldError that names the field.

    A dead-lettered CloudEvent keeps neither ``specversion`` nor ``time``: then ``publishTime`` dates it.
    """
    return Envelope(
        type=event_type_of(event),
        source=event.arm_id("topic", "source"),
        event_id=event.optional_text("id"),
        occurred_at=event.time("eventTime", "time", "publishTime"),
        subject=event.optional_text("subject"),
        data=_data_of(event),
    )


def _data_of(event: Fields) -> Any:
    """The data: an object, the JSON text of one, or (CloudEvents, binary data) that text in base 64."""
    data = event.get("data")
    if data is None and isinstance(encoded := event.get("data_base64"), str):
        try:
            data = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError) as error:  # ValueError: neither ASCII nor, decoded, UTF-8
            raise FieldError(
                "malformed_field", "data_base64 holds no text in base 64: expected a JSON object"
            ) from error
    return object_in(data) if isinstance(data, str) else data


def opened(element: Element) -> list[Element]:
    """What is to be read of one element: itself, the event inside a dead letter or a namespace's delivery, the items of a
    list as Azure's APIs answer it, or the body of an HTTP sample.
    """
    if not isinstance(element, dict):
        return [element]
    fields = Fields.of(element)
    if _WRAPPED_BY & fields.values.keys() and isinstance(fields.get("event"), dict):
        return [fields.get("event")]
    if isinstance(fields.get("value"), list) and fields.values.keys() <= _LIST_KEYS:
        return [event for item in flatten(fields.get("value")) for event in opened(item)]
    request = fields.get("request")
    message = Fields.of(request) if isinstance(request, dict) else fields
    if not message.has("headers"):
        return [element]
    return _body_of(message)


def _body_of(message: Fields) -> list[Element]:
    body = message.get("body")
    if isinstance(body, dict | list):
        return flatten(body)
    if isinstance(body, str) and body.strip():
        return elements(body.encode())
    file = message.optional_text("bodyFile")
    todo = f"read the file {shown(file)} instead" if file else "there is no event in it"
    raise FieldError("not_actionable", f"an HTTP request without a body of its own: {todo}")
