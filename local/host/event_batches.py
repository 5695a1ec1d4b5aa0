"""A batch of Event Hubs events in the form that the host hands to Microsoft's worker.

Owns the names of the trigger metadata (azure-docs functions-bindings-event-hubs-trigger, and the converter
azure/functions/eventhub.py, which needs ``SystemPropertiesArray``). Neither receives nor calls.

All events of a batch share one ``metadata``; ``metadata["PartitionContext"]["PartitionId"]`` tells the partition.
"""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from azure.eventhub import EventData
from azure.functions.meta import Datum

from local.host.bindings import Trigger
from local.host.checkpoints import Place
from local.host.conversion import Metadata, decode, document


def batch_argument(trigger: Trigger, place: Place, events: Sequence[EventData]) -> Any:
    """A list of ``func.EventHubEvent``. Without ``data_type="binary"`` bodies travel as UTF-8 text, as in Azure."""
    bodies = [_body(event) for event in events]
    metadata = _metadata(place, events)
    if str(trigger.values.get("dataType")).lower() == "binary":
        return decode(trigger.type, Datum(SimpleNamespace(bytes=bodies), "collection_bytes"), metadata)
    texts = [body.decode(errors="replace") for body in bodies]
    return decode(trigger.type, Datum(SimpleNamespace(string=texts), "collection_string"), metadata)


def _metadata(place: Place, events: Sequence[EventData]) -> Metadata:
    system = [_system_properties(event) for event in events]
    context = {"EventHubName": place.hub, "ConsumerGroup": place.consumer_group, "PartitionId": place.partition}
    return {
        "PartitionContext": document(context),
        "SystemPropertiesArray": document(system),
        "PropertiesArray": document([_properties(event) for event in events]),
        **{f"{name}Array": document([each[name] for each in system]) for name in system[0]},
    }


def _system_properties(event: EventData) -> dict[str, Any]:
    enqueued_at = event.enqueued_time
    return {
        "SequenceNumber": event.sequence_number,
        "Offset": event.offset,
        "EnqueuedTimeUtc": enqueued_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if enqueued_at else None,
        "PartitionKey": _plain(event.partition_key),
    }


def _properties(event: EventData) -> dict[str, Any]:
    given: Mapping[Any, Any] = event.properties or {}
    return {str(_plain(name)): _plain(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    """The value as JSON can carry it; AMQP texts arrive as bytes."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _body(event: EventData) -> bytes:
    body: Any = event.body
    return body if isinstance(body, bytes) else b"".join(body)
