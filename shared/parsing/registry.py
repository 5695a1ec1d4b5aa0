"""What container registries say: by Event Grid, and by the registry's own web hooks.

Owns the notification that both carry (action, target, request). Knows nothing of envelopes.
Wire formats: Microsoft Learn, Azure Container Registry as an Event Grid source and webhook reference; Azure/acr, quarantine.

With quarantine on, the web hook ``quarantine`` comes in the place of the push, and that of the push when the scan has passed
(Azure/acr, docs/preview/quarantine); Event Grid has no event for it, and does not say when it tells of the push.
``registry`` is the login server that was asked (both ways tell it), else the name in the event's topic.
"""

from typing import Any

from shared.domain import ids
from shared.domain.platform_signals import ImageDeleted, ImagePushed, ImageQuarantined, ImageSignal
from shared.domain.signals import Signal
from shared.parsing.bodies import Parsed, parse_each
from shared.parsing.envelopes import Envelope
from shared.parsing.fields import FieldError, Fields, shown

SIGNAL_BY_ACTION: dict[str, type[ImageSignal]] = {
    "push": ImagePushed,
    "delete": ImageDeleted,
    "quarantine": ImageQuarantined,
}
TEST_ACTION = "ping"
OTHER_ACTIONS = frozenset({TEST_ACTION, "chart_push", "chart_delete"})


def image_pushed(event: Envelope) -> tuple[Signal, ...]:
    """An image was pushed; ``tag`` may be missing."""
    return (ImagePushed(**event.heard, **_image_of(event)),)


def image_deleted(event: Envelope) -> tuple[Signal, ...]:
    """An image was deleted; a deletion by digest has no tag."""
    return (ImageDeleted(**event.heard, **_image_of(event)),)


def parse_webhooks(body: bytes) -> tuple[Parsed, ...]:
    """The signals of a registry's web hook delivery."""
    return parse_each(body, read_webhook)


def is_webhook(element: Fields) -> bool:
    """Whether an element looks like a registry's web hook: an action of theirs, or one on a target."""
    action = element.get("action")
    if not isinstance(action, str) or element.has("eventType"):
        return False
    known = action.strip().lower() in SIGNAL_BY_ACTION.keys() | OTHER_ACTIONS
    return isinstance(element.get("target"), dict) or (known and element.has("timestamp"))


def read_webhook(element: Fields) -> tuple[Signal, ...]:
    """The signal of one web hook. Raises FieldError; a test (``ping``) is ``not_actionable``."""
    action = element.text("action")
    signal = SIGNAL_BY_ACTION.get(action.lower())
    if action.lower() == TEST_ACTION:
        raise FieldError("not_actionable", "a test of the web hook (ping): there is nothing to do")
    if signal is None:
        known = ", ".join(SIGNAL_BY_ACTION)
        raise FieldError(
            "unknown_event_type", f"the action {shown(action)} is not one that is read here: expected {known}"
        )
    return (_hooked(signal, element),)


def _hooked(signal: type[ImageSignal], element: Fields) -> ImageSignal:
    registry = element.part("request").text("host").lower()
    image, at = _image(element.part("target")), element.time("timestamp")
    named = element.optional_text("id") or ids.derive(
        "content", element.text("action").lower(), at.isoformat(), *image.values()
    )
    heard: dict[str, Any] = {
        "source": registry,
        "dedup_key": ids.dedup_key(registry, named),
        "occurred_at": at,
        "subject": f"{image['repository']}:{image['tag'] or image['digest']}",
        "registry": registry,
    }
    return ImagePushed(**heard, **image, hooked=True) if signal is ImagePushed else signal(**heard, **image)


def _image_of(event: Envelope) -> dict[str, Any]:
    data = event.fields
    request = data.get("request")
    host = Fields.of(request).optional_text("host").lower() if isinstance(request, dict) else ""
    return {"registry": host or event.source.rpartition("/")[2]} | _image(data.part("target"))


def _image(target: Fields) -> dict[str, Any]:
    image = {
        "repository": target.text("repository"),
        "digest": target.optional_text("digest"),
        "tag": target.optional_text("tag"),
    }
    if not image["digest"] and not image["tag"]:
        raise FieldError("missing_field", f"{target.path}digest and tag are missing: expected one, to tell the image")
    return image
