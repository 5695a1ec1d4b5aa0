"""What `outerloop-emitter` costs a request, against writing the same rows as JSON; and what packing saves the loop.

Owns its rows and its rounds. Knows nothing of goals. The collector's thread sleeps while a request is timed, as it does
between two messages; what the thread itself costs is in `packing`.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from shared.parsing.event_hubs import read_message

EMITTER = Path(__file__).parents[2] / "emitter"
DEPLOYMENT = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/mlops/providers"
    "/Microsoft.MachineLearningServices/workspaces/production/onlineEndpoints/flight-delay/deployments/v3"
)
ROW_COUNTS = (1, 64)
CALLS_OF_A_ROUND = {1: 2_000, 64: 100}
ROUNDS = 15
NEVER_SECONDS = 3_600.0

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CollectCost:
    """One call to `collect`, and `json.dumps` of the same rows, in µs; `ratio` is the median of the rounds' ratios."""

    rows: int
    collect_us: float
    dumps_us: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Packing:
    """How 1,000 requests of one row reach the loop, and what each row costs to pack and to read there."""

    way: str
    messages: int
    bytes_of_a_row: float
    pack_us_of_a_row: float
    read_us_of_a_row: float


def costs(rounds: int = ROUNDS) -> tuple[CollectCost, ...]:
    """What `collect` costs a request of 1 row and of 64: 20 numbers and 5 categories each."""
    return tuple(_cost(count, rounds) for count in ROW_COUNTS)


def rows_of(count: int) -> Rows:
    """Rows as a request's JSON gives them."""
    made = [
        {f"feature_{n}": n * 1.37 + row / 3 for n in range(20)}
        | {f"category_{n}": f"C{(row + n) % 9}" for n in range(5)}
        for row in range(count)
    ]
    read: Rows = json.loads(json.dumps(made))
    return read


def packing(requests: int = 1_000) -> tuple[Packing, ...]:
    """One call a message, calls that share a message, and calls without a correlation id, which also share events."""
    _find_emitter()
    calls, messages = import_module("outerloop_emitter.calls"), import_module("outerloop_emitter.packing")
    pieces_of = import_module("outerloop_emitter.pieces").pieces_of
    source = messages.Source(DEPLOYMENT, "3")
    rows = rows_of(requests)

    def packed(start: int, stop: int, named: str) -> list[bytes]:
        taken = [
            calls.snapshot([rows[n]], [0.5], None, named and f"{named}{n:032x}", 1.8e9) for n in range(start, stop)
        ]
        pieces = [piece for call in taken for piece in pieces_of(call)]
        return [message.body for message in messages.pack(pieces, source, lambda: "0" * 36, 900_000).messages]

    return (
        _packing("each call a message", requests, lambda: [packed(n, n + 1, "c")[0] for n in range(requests)]),
        _packing("calls share messages", requests, lambda: packed(0, requests, "c")),
        _packing("no correlation ids", requests, lambda: packed(0, requests, "")),
    )


def _find_emitter() -> None:
    if str(EMITTER) not in sys.path:
        sys.path.append(str(EMITTER))


def _cost(count: int, rounds: int) -> CollectCost:
    _find_emitter()
    emitter = import_module("outerloop_emitter")
    bounds = emitter.Limits(rows_max=10**9, bytes_max=2**33, message_bytes_max=2**31, linger_seconds=NEVER_SECONDS)
    collector = emitter.Collector(DEPLOYMENT, lambda _: None, bounds)
    rows, predictions, calls = rows_of(count), [0.5] * count, CALLS_OF_A_ROUND[count]
    found: list[tuple[float, float]] = []
    for _ in range(rounds + 1):
        collect = _timed(lambda: collector.collect(rows, predictions), calls)
        found.append((collect, _timed(lambda: json.dumps(rows), calls)))
        collector.flush(NEVER_SECONDS)
    collector.close()
    if collector.dropped:
        raise RuntimeError(f"{collector.dropped} rows were dropped: that is cheaper than to collect them")
    return _cost_of(count, found[1:])  # the first round warms up


def _cost_of(rows: int, found: Sequence[tuple[float, float]]) -> CollectCost:
    return CollectCost(
        rows=rows,
        collect_us=median(collect for collect, _ in found),
        dumps_us=median(dumps for _, dumps in found),
        ratio=median(collect / dumps for collect, dumps in found),
    )


def _timed(work: Callable[[], object], times: int) -> float:
    """The cost of one, in µs."""
    began = perf_counter()
    for _ in range(times):
        work()
    return (perf_counter() - began) / times * 1e6


def _packing(way: str, requests: int, packed: Callable[[], list[bytes]]) -> Packing:
    messages = packed()
    pack = min(_timed(packed, 1) for _ in range(3)) / requests
    read = min(_timed(lambda: [read_message(message) for message in messages], 1) for _ in range(3)) / requests
    return Packing(way, len(messages), sum(map(len, messages)) / requests, pack, read)


if __name__ == "__main__":
    for cost in costs():
        print(
            f"collect, {cost.rows} rows: {cost.collect_us:.1f} µs, {cost.ratio:.2f} of json.dumps ({cost.dumps_us:.1f} µs)"
        )
    for way in packing():
        print(
            f"{way.way}: {way.messages} messages, {way.bytes_of_a_row:.0f} B, "
            f"packed in {way.pack_us_of_a_row:.1f} µs and read in {way.read_us_of_a_row:.1f} µs a row"
        )
