"""The wire format: pieces as messages of JSON lines, CloudEvents in the shape of Azure ML's data collector.

Pure: it is given the ids. The shape follows the samples of azureml-assets' model monitoring tests
(`azureml.inference.model_inputs` and `model_outputs`, `contentrange` "bytes 0-88/89", `time` in whole seconds). It
knows nothing of calls, queues, threads or Event Hubs.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from .pieces import Piece, shared

AGENT = "outerloop-emitter/0.2.0"
LINES_MAX = 4_000  # the loop reads at most 5,000 of one message
GENERATED_ID = "0" * 40  # what an id of our own may take
ENVELOPE_BYTES = 800  # of an event besides its rows, source and correlation id: an upper bound


@dataclass(frozen=True, slots=True)
class Source:
    """What every event of a deployment says of itself."""

    deployment_resource_id: str
    model_version: str


@dataclass(frozen=True, slots=True)
class Message:
    """One Event Hubs message. `rows` are those whose inputs, or labels, are in it."""

    body: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class Packed:
    """The messages of some calls, and how many rows are larger than a message."""

    messages: list[Message]
    too_large: int


def pack(pieces: Iterable[Piece], source: Source, new_id: Callable[[], str], message_bytes_max: int) -> Packed:
    """As few messages as hold the pieces in their order; the lines of one piece stay together where they fit."""
    writer = _Writer(source, new_id, message_bytes_max)
    room = message_bytes_max - writer.envelopes_bytes(GENERATED_ID)
    units = [unit for piece in shared(pieces, room) for unit in writer.units(piece)]
    return Packed(list(_messages(units, message_bytes_max)), writer.too_large)


@dataclass(frozen=True, slots=True)
class _Unit:
    """Lines that share a message."""

    lines: list[bytes]
    rows: int
    size: int


class _Writer:
    """Writes the events of one deployment."""

    def __init__(self, source: Source, new_id: Callable[[], str], bytes_max: int) -> None:
        self.too_large = 0
        self._source_json = _json(source.deployment_resource_id)
        self._version_json = _json(source.model_version)
        self._new_id = new_id
        self._bytes_max = bytes_max

    def envelopes_bytes(self, correlation_id: str) -> int:
        """What the two events of a piece take besides their rows: an upper bound."""
        named = len(self._source_json.encode()) + len(self._version_json.encode())
        return 2 * (ENVELOPE_BYTES + named + 2 * len(_json(correlation_id).encode("utf-8", "replace")))

    def units(self, piece: Piece) -> Iterator[_Unit]:
        """The piece's lines: all together, else its outputs whole and its inputs in parts, else halves of it."""
        correlation_id = piece.correlation_id or self._new_id()
        rows, room = len(piece.values), self._bytes_max - self.envelopes_bytes(correlation_id)
        if piece.size <= room:
            yield self._whole(piece, correlation_id)
        elif piece.inputs is not None and sum(map(len, piece.values)) + rows <= room:
            yield self._unit("model_outputs", piece.values, piece.time, correlation_id, 0)
            yield from self._inputs(piece.inputs, piece.time, correlation_id, room)
        elif rows == 1:
            self.too_large += 1
        else:
            yield from self._halves(piece, correlation_id)

    def _whole(self, piece: Piece, correlation_id: str) -> _Unit:
        rows = len(piece.values)
        if piece.inputs is None:
            return self._unit("ground_truth", piece.values, piece.time, correlation_id, rows)
        lines = [
            self._event("model_inputs", piece.inputs, piece.time, correlation_id),
            self._event("model_outputs", piece.values, piece.time, correlation_id),
        ]
        return _Unit(lines, rows, sum(map(len, lines)) + 2)

    def _inputs(self, inputs: list[bytes], time: datetime, correlation_id: str, room: int) -> Iterator[_Unit]:
        """The inputs in events of correlation ids of their own: their row numbers are not those of the call."""
        for number, part in enumerate(self._parts(inputs, room)):
            yield self._unit("model_inputs", part, time, f"{correlation_id}_inputs{number}", len(part))

    def _parts(self, inputs: list[bytes], room: int) -> Iterator[list[bytes]]:
        part: list[bytes] = []
        size = 0
        for row in inputs:
            if len(row) + 1 > room:
                self.too_large += 1
                continue
            if size + len(row) + 1 > room:
                yield part
                part, size = [], 0
            part.append(row)
            size += len(row) + 1
        if part:
            yield part

    def _halves(self, piece: Piece, correlation_id: str) -> Iterator[_Unit]:
        middle = len(piece.values) // 2
        for number, half in enumerate((slice(None, middle), slice(middle, None))):
            inputs = None if piece.inputs is None else piece.inputs[half]
            yield from self.units(Piece(f"{correlation_id}_{number}", piece.time, inputs, piece.values[half]))

    def _unit(self, collection: str, rows: list[bytes], time: datetime, correlation_id: str, count: int) -> _Unit:
        line = self._event(collection, rows, time, correlation_id)
        return _Unit([line], count, len(line) + 1)

    def _event(self, collection: str, rows: list[bytes], time: datetime, correlation_id: str) -> bytes:
        data = b"[" + b",".join(rows) + b"]"
        correlation = _json(correlation_id)
        envelope = (
            f'{{"specversion":"1.0","id":{_json(self._new_id())},"source":{self._source_json},'
            f'"type":"azureml.inference.{collection}","datacontenttype":"application/json",'
            f'"time":"{_time(time)}","modelversion":{self._version_json},'
            f'"contentrange":"bytes 0-{len(data) - 1}/{len(data)}","correlationid":{correlation},'
            f'"xrequestid":{correlation},"collectdatatype":"pandas.core.frame.DataFrame","agent":"{AGENT}","data":'
        )
        return envelope.encode("utf-8", "replace") + data + b"}"


def _messages(units: Iterable[_Unit], bytes_max: int) -> Iterator[Message]:
    lines: list[bytes] = []
    rows = size = 0
    for unit in units:
        if lines and (size + unit.size > bytes_max or len(lines) + len(unit.lines) > LINES_MAX):
            yield Message(b"\n".join(lines), rows)
            lines, rows, size = [], 0, 0
        lines += unit.lines
        rows += unit.rows
        size += unit.size
    if lines:
        yield Message(b"\n".join(lines), rows)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _time(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
