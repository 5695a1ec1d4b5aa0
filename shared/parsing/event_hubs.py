"""One Event Hubs message into telemetry: the hot path.

Owns how messages are wrapped, and that one bad record or line never hides its neighbours. Knows nothing of windows.
Rows whose type is known are decoded to it (``typed_events``). Else the whole message is decoded into its expected shape at once; only when anything in it is not as expected is it
read again, element by element, with keys in any case. Both ways give the same telemetry for what both can read.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from shared.domain import ids
from shared.domain.observations import Telemetry
from shared.domain.signals import Rejected, TelemetryReceived
from shared.parsing.data_collector import CollectorEvent
from shared.parsing.diagnostic_records import TRAFFIC_LOG, DiagnosticRecord, TrafficProperties
from shared.parsing.documents import BODY_BYTES_MAX, Element, elements
from shared.parsing.fields import FieldError, object_in, shown
from shared.parsing.message_content import MessageContent
from shared.parsing.traffic_records import read_traffic
from shared.parsing.typed_events import FindDecoder, read_typed


class _Item(CollectorEvent, frozen=True, gc=False):
    """Either of the two things that a message is made of."""

    records: list[DiagnosticRecord] | None = None


RECORDS = b'{"records"'  # how Azure begins a message of logs or metrics; any other beginning is read too, only later

_ONE = msgspec.json.Decoder(_Item)
_MANY = msgspec.json.Decoder(list[_Item])


def _names(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The wire's spelling of a struct's fields, by lower-case key."""
    return {field.encode_name.lower(): field.encode_name for field in msgspec.structs.fields(struct)}


_EVENT_NAMES = _names(CollectorEvent)
_RECORD_NAMES = _names(DiagnosticRecord)
_COLUMN_NAMES = _names(TrafficProperties)


def read_message(body: bytes, find: FindDecoder | None = None) -> Telemetry:
    """Everything that one message holds: requests, rows, and by reason what was refused. Never raises.

    Rows of a deployment for which ``find`` knows a decoder have its types, when all of them fit; else rows are objects.
    Logs and metrics that are not aggregated are none of these; ``read_content`` counts them.
    """
    if len(body) <= BODY_BYTES_MAX:
        requests = read_traffic(body) if body.startswith(RECORDS) else None
        if requests is not None:
            return Telemetry(requests=requests)
        rows = read_typed(body, find) if find is not None else None
        if rows is not None:
            return Telemetry(rows=rows)
    return read_content(body).telemetry()


def read_content(body: bytes) -> MessageContent:
    """Everything that one message holds, with the count of its rows by category. Never raises."""
    content = _read_as_expected(body) if len(body) <= BODY_BYTES_MAX else None
    return content if content is not None else _read_each(body)


def _read_as_expected(body: bytes) -> MessageContent | None:
    """The content of a message in which everything is as expected, else None: then it is read element by element."""
    content = MessageContent()
    try:
        as_expected = all(_taken(content, item) for item in _decode(body))
    except (FieldError, ValueError, RecursionError):  # ValueError: msgspec's errors, and bytes that are not UTF-8
        return None
    return content if as_expected else None


def _taken(content: MessageContent, item: _Item) -> bool:
    if item.records is None:
        content.add_event(item)
        return item.is_as_expected
    for record in item.records:
        content.add_record(record)
        if not record.is_as_expected:
            return False
    return True


def _decode(body: bytes) -> list[_Item]:
    text = body.strip()
    if text.startswith(b"["):
        return _MANY.decode(text)
    try:
        return [_ONE.decode(text)]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # of lines, only the first has been decoded by now
        return _ONE.decode_lines(text)


def _read_each(body: bytes) -> MessageContent:
    content = MessageContent()
    try:
        found = elements(body)
    except FieldError as error:
        _refuse(content, error)
        return content
    for element in found:
        records = _records_of(element)
        for part in [element] if records is None else records:
            _guarded(content, _add_element if records is None else _add_record, part)
    return content


def _records_of(element: Element) -> list[Any] | None:
    if not isinstance(element, dict):
        return None
    records = next((value for key, value in element.items() if key.lower() == "records"), None)
    if isinstance(records, dict):
        return [records]
    return records if isinstance(records, list) else None


def _guarded(content: MessageContent, add: Callable[[MessageContent, Element], None], part: Element) -> None:
    """Add one element or record, or count why it was refused."""
    try:
        add(content, part)
    except FieldError as error:
        _refuse(content, error)
    except msgspec.ValidationError as error:
        content.refuse("malformed_field", str(error))
    except RecursionError:
        content.refuse("malformed_field", "nested too deeply to be read")


def _refuse(content: MessageContent, error: FieldError) -> None:
    if error.reason != "not_actionable":  # an empty line or array holds nothing that could be refused
        content.refuse(error.reason, error.detail)


def _add_element(content: MessageContent, element: Element) -> None:
    if isinstance(element, FieldError):
        raise element
    if not isinstance(element, dict):
        raise FieldError("unknown_schema", f"{shown(element)} is no telemetry: expected records or a collector event")
    keys = {key.lower() for key in element}
    if "records" in keys:
        raise FieldError("malformed_field", "records is no array: expected an array of log or metric records")
    if keys & {"category", "metricname"}:
        _add_record(content, element)
    else:
        content.add_event(msgspec.convert(_spelled(element, _EVENT_NAMES), CollectorEvent))


def _add_record(content: MessageContent, raw: Element) -> None:
    if not isinstance(raw, dict):
        raise FieldError("malformed_field", f"{shown(raw)} is no record: expected a JSON object")
    fields = _spelled(raw, _RECORD_NAMES)
    columns = fields.pop("properties", None)
    if isinstance(columns, str):
        columns = object_in(columns)
    record = msgspec.convert(fields, DiagnosticRecord)
    if record.kind == TRAFFIC_LOG and isinstance(columns, dict):
        record = msgspec.convert(fields | {"properties": _spelled(columns, _COLUMN_NAMES)}, DiagnosticRecord)
    content.add_record(record)


def _spelled(raw: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The known fields of an object whose keys may be in any case, under their usual spelling."""
    return {names[key.lower()]: value for key, value in raw.items() if key.lower() in names}


def parse_message(body: bytes) -> tuple[TelemetryReceived | Rejected]:
    """One signal for one message, with the count of its rows by category; ``Rejected`` when nothing in it tells time.

    It is dated by its latest row. Its source is the first endpoint or deployment that speaks in it.
    """
    content = read_content(body)
    if content.source and content.latest is not None:
        return (
            TelemetryReceived(
                source=content.source,
                dedup_key=ids.derive("telemetry", sha256(body).hexdigest()),
                occurred_at=content.latest,
                rows_by_category=dict(content.rows_by_category),
                rejected_rows=content.refused_rows,
                events_elsewhere=content.events_elsewhere,
            ),
        )
    return (content.rejection(),)
