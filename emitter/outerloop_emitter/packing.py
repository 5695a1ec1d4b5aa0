"""The wire format: one call to `collect` as messages of CloudEvents in the shape of Azure ML's data collector.

Pure: it is given the time and the ids. The shape follows the samples of azureml-assets' model monitoring tests
(`azureml.inference.model_inputs` and `model_outputs`, `contentrange` "bytes 0-88/89", `time` in whole seconds). It
knows nothing of queues, threads or Event Hubs.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

AGENT = "outerloop-emitter/0.1.0"
MESSAGE_BYTES_MAX = 900_000  # Event Hubs takes 1 MB with its own framing
SPREAD_MAX = timedelta(hours=1)


@dataclass(frozen=True)
class Call:
    """One call to `collect`: rows, predictions and, unless None, event times (ISO 8601), all of one length."""

    rows: list[dict[str, Any]]
    predictions: list[float]
    event_times: list[str] | None
    correlation_id: str
    received_at: datetime


@dataclass(frozen=True)
class Source:
    """What every event of a deployment says of itself."""

    deployment_resource_id: str
    model_version: str


@dataclass(frozen=True)
class _Piece:
    rows: list[dict[str, Any]]
    predictions: list[float]
    time: datetime


def pack(call: Call, source: Source, new_id: Callable[[], str]) -> list[bytes]:
    """The messages for one call; each holds an inputs line and an outputs line of the same rows.

    Raises:
        ValueError: the lengths differ or an event time is not ISO 8601.
        TypeError: a value is not JSON and not a number.
    """
    times = call.rows if call.event_times is None else call.event_times
    if not len(call.rows) == len(call.predictions) == len(times):
        raise ValueError("rows, predictions and event times differ in length")
    if not call.rows:
        return []
    correlation_id = call.correlation_id or new_id()
    pieces = [fitting for piece in _by_hour(call) for fitting in _fitting(piece)]
    ids = [correlation_id] if len(pieces) == 1 else [f"{correlation_id}_{index}" for index in range(len(pieces))]
    return [_message(piece, source, own, new_id) for piece, own in zip(pieces, ids, strict=True)]


def _by_hour(call: Call) -> list[_Piece]:
    """One piece, or one per UTC hour when the event times are more than an hour apart."""
    if call.event_times is None:
        return [_Piece(call.rows, call.predictions, call.received_at)]
    times = [_utc(text) for text in call.event_times]
    if max(times) - min(times) <= SPREAD_MAX:
        return [_Piece(call.rows, call.predictions, min(times))]
    hours: dict[datetime, list[int]] = {}
    for index, time in enumerate(times):
        hours.setdefault(time.replace(minute=0, second=0, microsecond=0), []).append(index)
    return [
        _Piece(
            [call.rows[index] for index in indexes],
            [call.predictions[index] for index in indexes],
            min(times[index] for index in indexes),
        )
        for _, indexes in sorted(hours.items())
    ]


def _utc(text: str) -> datetime:
    """An event time; without an offset it is taken for UTC."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _fitting(piece: _Piece) -> Iterator[_Piece]:
    """The piece itself, or halves of it until each fits a message; a single row goes as it is."""
    if len(piece.rows) == 1 or len(_json(piece.rows)) + 40 * len(piece.rows) <= MESSAGE_BYTES_MAX:
        yield piece
        return
    middle = len(piece.rows) // 2
    yield from _fitting(_Piece(piece.rows[:middle], piece.predictions[:middle], piece.time))
    yield from _fitting(_Piece(piece.rows[middle:], piece.predictions[middle:], piece.time))


def _message(piece: _Piece, source: Source, correlation_id: str, new_id: Callable[[], str]) -> bytes:
    outputs = [{"prediction": prediction} for prediction in piece.predictions]
    lines = [
        _event("model_inputs", piece.rows, piece.time, source, correlation_id, new_id()),
        _event("model_outputs", outputs, piece.time, source, correlation_id, new_id()),
    ]
    return "\n".join(lines).encode()


def _event(
    collection: str, rows: list[dict[str, Any]], time: datetime, source: Source, correlation_id: str, event_id: str
) -> str:
    data = _json(rows)
    size = len(data.encode())
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": source.deployment_resource_id,
        "type": f"azureml.inference.{collection}",
        "datacontenttype": "application/json",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "modelversion": source.model_version,
        "contentrange": f"bytes 0-{size - 1}/{size}",
        "correlationid": correlation_id,
        "xrequestid": correlation_id,
        "collectdatatype": "pandas.core.frame.DataFrame",
        "agent": AGENT,
    }
    return f'{json.dumps(envelope)[:-1]}, "data": {data}}}'  # the rows are encoded once, as contentrange counts them


def _json(rows: list[dict[str, Any]]) -> str:
    """JSON without NaN; NumPy numbers count as numbers."""
    try:
        return json.dumps(rows, allow_nan=False, default=_number)
    except ValueError:
        finite = [{name: _finite(value) for name, value in row.items()} for row in rows]
        return json.dumps(finite, allow_nan=False, default=_number)


def _number(value: Any) -> float | None:
    """A NumPy scalar as a Python one; TypeError for anything else."""
    if not hasattr(value, "item"):
        raise TypeError(f"{type(value).__name__} is not JSON")
    plain = _finite(value.item())
    if not isinstance(plain, float | int | None):
        raise TypeError(f"{type(value).__name__} is not a number")
    return plain


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
