"""Files of rows into a reference profile, in two passes: one for the edges, one for the counts.

Owns opening, unpacking and progress. What rows and bins are is ``parsing``'s and ``telemetry``'s to say. Memory is bounded:
the first pass keeps a sample, the second nothing but counts.
"""

import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from rich.console import Console
from rich.progress import Progress, TaskID

from shared.cli.problems import CommandError
from shared.parsing.reference_rows import Chunk, TableError, Wanted, read_table
from shared.telemetry.building import Choices, Outline, Tally, outline
from shared.telemetry.column_sample import ColumnSample
from shared.telemetry.profiles import PREDICTION, ReferenceProfile

LINE_BYTES_MAX = 16 * 1024 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be read, and how. Of more rows than ``rows_max`` an even sample, drawn by ``seed``, gives the edges."""

    files: list[Path]
    wanted: Wanted
    choices: Choices
    rows_max: int
    seed: int


@dataclass(frozen=True, slots=True)
class Built:
    """A profile, and what a person should know of how it came about."""

    profile: ReferenceProfile
    sampled_rows: int  # 0 when the edges come from all rows
    seed: int
    left_out: dict[str, int]
    type_errors: dict[str, int]
    notes: dict[str, str]
    deployments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Met:
    """What the first pass learns beside the samples."""

    names: set[str] = field(default_factory=set)
    deployments: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    header: tuple[Path, frozenset[str]] | None = None


def build(request: Request) -> Built:
    """The reference profile of some files. Raises CommandError, ProfileError or OSError."""
    random = np.random.default_rng(request.seed)
    inputs, outputs = (ColumnSample(request.rows_max, each) for each in random.spawn(2))
    met = _Met()
    for file, chunk in _chunks(request, "reading for the edges"):
        _meet(met, file, chunk)
        inputs.add(chunk.columns, chunk.rows)
        outputs.add({PREDICTION: chunk.predictions}, len(chunk.predictions))
    _check(request, met, inputs.rows, outputs.rows)
    found = outline(inputs.columns(), outputs.columns().get(PREDICTION, []), request.choices)
    tally = _counted(request, found)
    if (tally.rows, tally.predictions) != (inputs.rows, outputs.rows):
        raise CommandError("a file changed while it was read: try again")
    sampled = 0 if inputs.is_everything and outputs.is_everything else min(request.rows_max, len(_longest(inputs)))
    return Built(
        profile=tally.profile(),
        sampled_rows=sampled,
        seed=request.seed,
        left_out={reason: count for reason, count in sorted(met.left_out.items()) if count},
        type_errors={name: count for name, count in sorted(tally.type_errors.items()) if count},
        notes=dict(found.notes),
        deployments=sorted(met.deployments),
    )


def _longest(sample: ColumnSample) -> list[object]:
    return max(sample.columns().values(), key=len, default=[])


def _counted(request: Request, found: Outline) -> Tally:
    tally = Tally(found.profile)
    for _, chunk in _chunks(request, "counting"):
        tally.add(chunk.columns, chunk.rows)
        tally.add_predictions(chunk.predictions)
    return tally


def _meet(met: _Met, file: Path, chunk: Chunk) -> None:
    met.names |= chunk.names
    met.deployments |= chunk.deployments
    met.left_out.update(chunk.left_out)
    if not chunk.header:
        return
    first, names = met.header = met.header or (file, frozenset(chunk.header))
    if names != set(chunk.header):
        differ = ", ".join(sorted(names.symmetric_difference(chunk.header)))
        raise CommandError(f"{file} has other columns than {first}, they differ in {differ}")


def _check(request: Request, met: _Met, rows: int, predictions: int) -> None:
    """Whether what was asked for is there. Raises CommandError."""
    if not rows and not predictions:
        reasons = "; ".join(f"{count} {reason}" for reason, count in met.left_out.items() if count)
        raise CommandError(f"there is no row to count{': left out were ' + reasons if reasons else ''}")
    if len(met.deployments) > 1:
        raise CommandError(
            f"rows of several deployments: choose with --deployment, of {', '.join(sorted(met.deployments))}"
        )
    wanted, choices = request.wanted, request.choices
    named = {"--prediction": {wanted.prediction} - {PREDICTION}, "--exclude": wanted.exclude}
    named |= {"--categorical": choices.categorical, "--numeric": choices.numeric}
    for option, names in named.items():
        for name in sorted(set(names) - met.names):
            raise CommandError(f"{option} {name}: there is no such column, only {', '.join(sorted(met.names))}")


def _chunks(request: Request, doing: str) -> Iterator[tuple[Path, Chunk]]:
    with _progress(request.files, doing) as (bar, task):
        for file in request.files:
            with file.open("rb") as stream:
                try:
                    for chunk in read_table(_lines(file, stream, bar, task), request.wanted):
                        yield file, chunk
                except (TableError, EOFError, gzip.BadGzipFile, zlib.error) as error:
                    raise CommandError(f"{file}: {error}") from error


def _lines(file: Path, stream: BinaryIO, bar: Progress, task: TaskID) -> Iterator[bytes]:
    packed = stream.read(len(_GZIP)) == _GZIP
    stream.seek(0)
    content = cast("BinaryIO", gzip.GzipFile(fileobj=stream)) if packed else stream
    at = 0
    while line := content.readline(LINE_BYTES_MAX):
        if len(line) == LINE_BYTES_MAX:
            raise CommandError(f"{file}: a line of more than {LINE_BYTES_MAX} bytes")
        yield line
        bar.advance(task, stream.tell() - at)
        at = stream.tell()


@contextmanager
def _progress(files: list[Path], doing: str) -> Iterator[tuple[Progress, TaskID]]:
    """A bar of bytes on standard error, only for people, gone when it is done."""
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with bar:
        yield bar, bar.add_task(doing, total=sum(file.stat().st_size for file in files))
