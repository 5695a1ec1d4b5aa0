"""An opt-in: messages of an Event Hub reach a handler at a tenth of what Microsoft's converter takes for them.

Owns the two methods of azure-functions that are replaced, and how they are known again. The stock converter tries up to
sixteen formats on each message's ``EnqueuedTimeUtc``, and wraps each of its properties twice: 20 to 140 µs a message. Ours makes
the usual batch in one pass; everything that is not as usual goes to the stock converter, and so becomes, or raises, what it
makes of it. With any other azure-functions than those that it was compared with, it stays out. Imported only where the
setting asks for it.
"""

import inspect
import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import msgspec
from azure.functions import EventHubEvent

from shared.settings import FAST_EVENT_HUB_CONVERTER

PARSE, DECODE = "_parse_datetime", "decode_multiple_events"
CALLED = ("_parse_datetime_utc", "_parse_datetime_local", "encode", "_decode_typed_data")
VERSIONS = ("1.26.0", "2.3.0")
SOURCE = "56d9332e1a75e2ea62c50e954578d4635f4658a3f155eec94e1cf0b678271f21"

logger = logging.getLogger(__name__)

ParseTime = Callable[[str | None], datetime | None]
Decode = Callable[[Any, Mapping[str, Any]], list[EventHubEvent]]

# What ``fromisoformat`` reads as the stock parser does: both cut a fraction after the sixth digit.
_usual = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]00:00)?", re.ASCII).fullmatch


class Properties(
    msgspec.Struct, gc=False, rename={"key": "PartitionKey", "number": "SequenceNumber", "offset": "Offset"}
):
    """The properties that the host gives each message. Others are not looked at, as the stock converter does not."""

    time: str | None = msgspec.field(name="EnqueuedTimeUtc", default=None)
    key: str | None = None
    number: int | None = None
    offset: str | int | None = None


_PROPERTIES = msgspec.json.Decoder(list[Properties])


def faster_time(stock: ParseTime) -> ParseTime:
    """A parser that answers what the stock one does, and asks it only for times that are not of the usual kind."""

    def parse(text: str | None) -> datetime | None:
        if isinstance(text, str) and _usual(text):
            try:
                return datetime.fromisoformat(text)
            except ValueError:  # such as the 30th of February: the stock parser says so in its own words
                pass
        return stock(text)

    return parse


def faster_batch(stock: Decode, parse: ParseTime) -> Decode:
    """A converter of batches that makes what the stock one makes, and leaves to it what is not of the usual kind."""

    def decode(data: Any, trigger_metadata: Mapping[str, Any]) -> list[EventHubEvent]:
        try:
            bodies, properties = _bodies(data), _properties(trigger_metadata)
            # Text in the annotation of an event, a number in the stock converter.
            offsets: list[Any] = [None if each.offset is None else int(each.offset) for each in properties]
            times = [parse(each.time) for each in properties]
        except (msgspec.MsgspecError, ValueError, TypeError, KeyError):  # the stock converter says it in its own words
            return stock(data, trigger_metadata)
        if bodies is None or len(bodies) != len(properties):
            return stock(data, trigger_metadata)
        return [
            EventHubEvent(
                body=body,
                trigger_metadata=trigger_metadata,
                enqueued_time=time,
                partition_key=each.key,
                sequence_number=each.number,
                offset=offset,
                iothub_metadata={},
            )
            for body, each, time, offset in zip(bodies, properties, times, offsets, strict=True)
        ]

    return decode


def _bodies(data: Any) -> list[bytes] | None:
    if data.type == "collection_string":
        return [text.encode() for text in data.value.string]
    return list(data.value.bytes) if data.type == "collection_bytes" else None


def _properties(trigger_metadata: Mapping[str, Any]) -> list[Properties]:
    """The properties of each message. Raises ValueError for those of an IoT hub, which are named by their devices."""
    text = trigger_metadata["SystemPropertiesArray"].value
    if "iothub-" in text or "\\" in text:  # a name may be spelled with escapes
        raise ValueError("properties that are looked for by name")
    return _PROPERTIES.decode(text)


def refusal(installed: str, read_source: Callable[[], str]) -> str:
    """Why nothing may be replaced in this release, by the digest of what would be replaced; empty when it may."""
    if installed not in VERSIONS:
        return f"azure-functions {installed} is not one of {', '.join(VERSIONS)}"
    try:
        source = read_source()
    except (ImportError, AttributeError, OSError, TypeError) as error:  # it is not there, or without its source
        return f"the code of azure-functions {installed} cannot be compared: {error}"
    return "" if source == SOURCE else f"azure-functions {installed} converts by other code than was compared"


def source_digest() -> str:
    """Names the code that is replaced, and the code that it calls. May raise what reading the code of others raises."""
    from azure.functions import _utils  # noqa: PLC0415  # a private: another release may have none

    converter = _converter()
    parts = [converter, *(getattr(converter, name) for name in (PARSE, *CALLED)), EventHubEvent.__init__]
    texts = [inspect.getsource(each) for each in (*parts, _utils.try_parse_datetime_with_formats)]
    return sha256("".join(texts).encode()).hexdigest()


def replaced_in(converter: Any) -> None:
    """Replace both methods of a converter; what they do not take themselves goes to those that it had."""
    parse = faster_time(getattr(converter, PARSE))
    decode = faster_batch(getattr(converter, DECODE), parse)
    setattr(converter, PARSE, staticmethod(parse))
    setattr(converter, DECODE, staticmethod(decode))


def install() -> str:
    """Replace both methods of the Event Hub trigger; why they were not replaced, else empty. A refusal is logged as a warning."""
    refused = refusal(version("azure-functions"), source_digest)
    if refused:
        logger.warning("%s is set and the stock converter stays: %s", FAST_EVENT_HUB_CONVERTER, refused)
    else:
        replaced_in(_converter())
    return refused


def _converter() -> Any:
    from azure.functions.eventhub import EventHubTriggerConverter  # noqa: PLC0415  # as above

    return EventHubTriggerConverter
