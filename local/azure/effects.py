"""Where the local Azure reports what it did: the journal (for those who check) and Event Grid (for those who listen).

Owns the two promises that the other modules need, so that they know neither files nor HTTP delivery.
"""

from typing import Any, Protocol

from local.azure.events import Event


class Recorder(Protocol):
    """Keeps one line for each accepted effect."""

    def record(self, effect: str, target: str, **detail: Any) -> None:
        """Append an effect, named in the past tense, and the resource that it happened to."""
        ...


class Publisher(Protocol):
    """Delivers events to the subscribers."""

    def raise_event(
        self, topic: str, event_type: str, subject: str, data: dict[str, Any], event_id: str | None = None
    ) -> Any:
        """Queue one event for delivery."""
        ...


class Effects:
    """Both of them."""

    def __init__(self, recorder: Recorder, publisher: Publisher) -> None:
        self._recorder = recorder
        self._publisher = publisher

    def record(self, effect: str, target: str, **detail: Any) -> None:
        """Journal an accepted effect."""
        self._recorder.record(effect, target, **detail)

    def repeated(self, effect: str, target: str) -> None:
        """Journal that something was asked for again that already is so; ``detail.of`` names the effect it repeats."""
        self._recorder.record("repeated", target, of=effect)

    def publish(self, event: Event) -> None:
        """Raise an event."""
        self._publisher.raise_event(event.topic, event.event_type, event.subject, event.data)
