"""Rows of a table for a reference profile: CSV, JSON lines, or what the data collector wrote, a few thousand at a time.

Owns how lines become columns, and what is left out and why. One bad line never hides its neighbours. Knows nothing of
where lines come from, of bins, nor of how many rows there are: everything is a stream.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any

import msgspec

from shared.domain.observations import RowsCollected
from shared.parsing.event_hubs import read_message

ROWS_AT_A_TIME = 2_000
PREDICTION = "prediction"
DELIMITERS = ",;\t|"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_COLLECTOR_MARK = b"azureml.inference."
_INPUTS, _OUTPUTS = frozenset({"model_inputs", "inputs"}), frozenset({"model_outputs", "outputs"})


class _Typed(msgspec.Struct):
    """As much of a line as tells a collector event from a row whose text only speaks of one."""

    type: Any = None
    type_in_capitals: Any = msgspec.field(name="Type", default=None)

    @property
    def is_collected(self) -> bool:
        """Whether it is an event of the collector."""
        return str(self.type or self.type_in_capitals).lower().startswith(_COLLECTOR_MARK.decode())


_TYPED = msgspec.json.Decoder(_Typed | list[Any])


class TableError(ValueError):
    """A table that cannot be read as what it seems to be; the text says where and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows and columns count.

    ``prediction`` names the column of the model's output, in tables where inputs and output share a row. ``nulls`` are
    texts of a CSV file that stand for nothing, beside the empty one. ``since`` and ``until`` [first, end) bound the event
    time of collected rows, ``deployment`` says whose they must be.
    """

    prediction: str = PREDICTION
    exclude: frozenset[str] = frozenset()
    nulls: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    deployment: str = ""

    @property
    def is_period(self) -> bool:
        """Whether only rows that tell their time can count."""
        return self.since is not None or self.until is not None


@dataclass(slots=True)
class Chunk:
    """Some rows as columns: ``rows`` of model inputs, and any number of ``predictions``. ``left_out`` is by reason.

    ``names`` are all that were met, also those that are not wanted; ``header``: every row of the table has just these.
    """

    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    rows: int = 0
    predictions: Sequence[Any] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    deployments: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    header: tuple[str, ...] = ()


def read_table(lines: Iterable[bytes], wanted: Wanted) -> Iterator[Chunk]:
    """The rows of a table, whose first line tells what it is. Raises TableError for what is no table at all."""
    stream = iter(lines)
    first = next((line for line in stream if line.strip()), b"").removeprefix(_BYTE_ORDER_MARK)
    if not first:
        raise TableError("it is empty")
    every = chain([first], stream)
    return _json_chunks(every, wanted) if first.lstrip()[:1] in (b"{", b"[") else _csv_chunks(every, first, wanted)


def _csv_chunks(lines: Iterable[bytes], first: bytes, wanted: Wanted) -> Iterator[Chunk]:
    if wanted.is_period:
        raise TableError("rows of a CSV file tell no time: --since and --until need lines of the data collector")
    reader = csv.reader(_texts(lines), delimiter=max(DELIMITERS, key=first.decode(errors="replace").count))
    try:
        names = _header(next(reader))
        while records := list(islice(reader, ROWS_AT_A_TIME)):
            yield _csv_chunk(names, records, wanted)
    except csv.Error as error:
        raise TableError(f"line {reader.line_num}: {error}") from error


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise TableError(f"line {number}: no UTF-8 text ({error.reason} at byte {error.start})") from error


def _header(names: Sequence[str]) -> list[str]:
    found = [name.strip() for name in names]
    if "" in found:
        raise TableError(f"column {found.index('') + 1} has no name: the first line must name every column")
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise TableError(f"two columns are called {twice[0]!r}")
    return found


def _csv_chunk(names: Sequence[str], records: list[list[str]], wanted: Wanted) -> Chunk:
    whole = [record for record in records if len(record) == len(names)]
    ragged = sum(1 for record in records if record) - len(whole)
    columns: dict[str, Sequence[Any]] = {}
    for name, column in zip(names, zip(*whole, strict=True) if whole else [()] * len(names), strict=True):
        if name not in wanted.exclude:
            columns[name] = [None if not text or text in wanted.nulls else text for text in column]
    predictions = columns.pop(wanted.prediction, ())
    left_out = Counter({"more or fewer fields than the first line": ragged})
    return Chunk(columns, len(whole), predictions, left_out, names=frozenset(names), header=tuple(names))


@dataclass(slots=True)
class _Gathered:
    inputs: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[Any] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    deployments: set[str] = field(default_factory=set)

    def chunk(self, wanted: Wanted) -> Chunk:
        names = dict.fromkeys(name for row in self.inputs for name in row)
        kept = [name for name in names if name not in wanted.exclude and name != wanted.prediction]
        columns = {name: [row.get(name) for row in self.inputs] for name in kept}
        return Chunk(
            columns, len(self.inputs), self.predictions, self.left_out, frozenset(self.deployments), frozenset(names)
        )


def _json_chunks(lines: Iterable[bytes], wanted: Wanted) -> Iterator[Chunk]:
    stream = (line for line in lines if line.strip())
    while some := list(islice(stream, ROWS_AT_A_TIME)):
        gathered = _Gathered()
        for line in some:
            if _is_collected(line):
                _gather_message(gathered, line, wanted)
            else:
                _gather_line(gathered, line, wanted)
        yield gathered.chunk(wanted)


def _is_collected(line: bytes) -> bool:
    if _COLLECTOR_MARK not in line.lower():
        return False
    try:
        found = _TYPED.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True  # whoever reads such events says best what is wrong with it
    return isinstance(found, list) or found.is_collected


def _gather_line(gathered: _Gathered, line: bytes, wanted: Wanted) -> None:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        gathered.left_out["no JSON (one object a line is expected)"] += 1
        return
    for row in value if isinstance(value, list) else [value]:
        if not isinstance(row, dict):
            gathered.left_out["no JSON object"] += 1
        elif wanted.is_period:
            gathered.left_out["no time: --since and --until need lines of the data collector"] += 1
        else:
            gathered.inputs.append(row)
            if wanted.prediction in row:
                gathered.predictions.append(row[wanted.prediction])


def _gather_message(gathered: _Gathered, line: bytes, wanted: Wanted) -> None:
    telemetry = read_message(line)
    for refused in telemetry.refused:
        gathered.left_out[f"{refused.reason}: {refused.detail}"] += refused.count
    for collected in telemetry.rows:
        if _is_wanted(collected, wanted):
            gathered.deployments.add(collected.deployment.key)
            _gather_rows(gathered, collected)


def _is_wanted(collected: RowsCollected, wanted: Wanted) -> bool:
    early = wanted.since is not None and collected.at < wanted.since
    late = wanted.until is not None and collected.at >= wanted.until
    return not early and not late and wanted.deployment in ("", collected.deployment.key)


def _gather_rows(gathered: _Gathered, collected: RowsCollected) -> None:
    rows = [row for row in collected.rows if isinstance(row, dict)]
    gathered.left_out["no JSON object"] += len(collected.rows) - len(rows)
    if collected.collection in _INPUTS:
        gathered.inputs.extend({name: row[name] for name in row if name != PREDICTION} for row in rows)
    elif collected.collection in _OUTPUTS:
        gathered.predictions.extend(_output(row) for row in rows)
    else:
        gathered.left_out[f"of the collection {collected.collection}"] += len(rows)


def _output(row: Mapping[str, Any]) -> Any:
    """What production counts as the prediction of an output row: so named, else its first number."""
    if PREDICTION in row:
        return row[PREDICTION]
    return next((value for value in row.values() if isinstance(value, int | float)), None)
