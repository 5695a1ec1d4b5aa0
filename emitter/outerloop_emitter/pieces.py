"""Calls as pieces: rows of one correlation id and one moment, each row already JSON.

Pure. Owns which rows share an event and under which correlation id; it knows nothing of CloudEvents or of messages.

An event has one `time`, so rows of different UTC hours never share one: a piece lies in one window of whole hours.
A call whose rows lie in several hours, or that has more than `EVENT_ROWS_MAX`, becomes several pieces with
correlation ids of their own, `<id>_0`, `<id>_1`, … The same count and event times give the same pieces, so labels find
their rows. Calls without a correlation id cannot be asked for by anyone: their rows share pieces, minute by minute.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .calls import Call, Content, content_of
from .plain import finite

EVENT_ROWS_MAX = 10_000

_HOUR = {"minute": 0, "second": 0, "microsecond": 0}
_MINUTE = {"second": 0, "microsecond": 0}
_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class Piece:
    """Rows for one inputs event and one outputs event, or labels for one event when `inputs` is None.

    `correlation_id` is empty for rows of several calls, or of one that has none. `size` is in bytes, with commas.
    """

    correlation_id: str
    time: datetime
    inputs: list[bytes] | None
    values: list[bytes]
    size: int = field(default=0)

    def __post_init__(self) -> None:
        inputs = self.inputs or []
        self.size = sum(map(len, self.values)) + len(self.values) + sum(map(len, inputs)) + len(inputs)

    def __add__(self, other: "Piece") -> "Piece":
        """Both pieces' rows under the earlier time."""
        self.inputs = (self.inputs or []) + (other.inputs or [])
        self.values += other.values
        self.size += other.size
        self.time = min(self.time, other.time)
        return self


def pieces_of(call: Call) -> list[Piece]:
    """The pieces of one call, in the order of their hours.

    Raises:
        ValueError: an event time is not ISO 8601, or the values cannot be written.
        OverflowError: an event time lies outside of all years.
    """
    content = content_of(call)
    if content.times is None:
        groups = [(datetime.fromtimestamp(call.received_at, UTC), list(range(len(content.values))))]
    else:
        groups = list(_by_hour([_utc(text) for text in content.times]))
    parts = [(time, part) for time, rows in groups for part in _parts(rows)]
    ids = [call.correlation_id] if len(parts) == 1 else [_part_id(call.correlation_id, k) for k in range(len(parts))]
    return [_piece(content, own, time, part) for own, (time, part) in zip(ids, parts, strict=True)]


def shared(pieces: Iterable[Piece], bytes_max: int) -> list[Piece]:
    """The same rows, those of calls without a correlation id together in pieces of at most so many bytes."""
    result: list[Piece] = []
    open_pieces: dict[datetime, int] = {}
    for piece in pieces:
        minute = piece.time.replace(**_MINUTE)  # type: ignore[arg-type]
        at = open_pieces.get(minute) if not piece.correlation_id and piece.inputs is not None else None
        if at is not None and _fits(result[at], piece, bytes_max):
            result[at] += piece
            continue
        if not piece.correlation_id and piece.inputs is not None:
            open_pieces[minute] = len(result)
        result.append(piece)
    return result


def _fits(piece: Piece, other: Piece, bytes_max: int) -> bool:
    return piece.size + other.size <= bytes_max and len(piece.values) + len(other.values) <= EVENT_ROWS_MAX


def _by_hour(times: list[datetime]) -> Iterator[tuple[datetime, list[int]]]:
    """The rows of each UTC hour, under the earliest time among them."""
    hours: dict[datetime, list[int]] = {}
    for index, time in enumerate(times):
        hours.setdefault(time.replace(**_HOUR), []).append(index)  # type: ignore[arg-type]
    for _, rows in sorted(hours.items()):
        yield min(times[row] for row in rows), rows


def _parts(rows: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(rows), EVENT_ROWS_MAX):
        yield rows[start : start + EVENT_ROWS_MAX]


def _part_id(correlation_id: str, number: int) -> str:
    return f"{correlation_id}_{number}" if correlation_id else ""


def _piece(content: Content, correlation_id: str, time: datetime, rows: list[int]) -> Piece:
    if content.rows is None:
        return Piece(correlation_id, time, None, [_written({"label": content.values[row]}) for row in rows])
    inputs = [_written(content.rows[row]) for row in rows]
    return Piece(correlation_id, time, inputs, [_written({"prediction": content.values[row]}) for row in rows])


def _written(row: dict[str, Any]) -> bytes:
    """One row as JSON; lone surrogates become question marks, numbers that JSON lacks become null."""
    try:
        text = _JSON.encode(row)
    except (TypeError, ValueError, RecursionError):
        text = _JSON.encode(finite(row))
    return text.encode("utf-8", "replace")


def _utc(text: str) -> datetime:
    """An event time; without an offset it is taken for UTC."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
