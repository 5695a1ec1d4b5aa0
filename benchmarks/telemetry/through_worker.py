"""Goal 3: through Microsoft's worker library, packed and one message a row, with the stock converter and with ours."""

from collections.abc import Iterator

from benchmarks.telemetry.reading import rows as shown
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.turns import interleaved
from benchmarks.telemetry.verdicts import Reading
from shared.settings import FAST_EVENT_HUB_CONVERTER

FLOOR = "typed parse"
FORMATS = ("Z", "offset", "no zone")


def measure(run: Run) -> Iterator[Reading | str]:
    """Two processes of the same app: one with the stock Event Hub converter, one with the setting that replaces it."""
    stock = run.peer("functions")
    fast = run.peer("functions", settings=((FAST_EVENT_HUB_CONVERTER, "1"),))
    turns = {
        f"packed: {FLOOR}": stock.turn("packed, typed parse"),
        "packed: app": stock.turn("packed"),
        "packed: idle": stock.turn("packed, idle"),
        f"unpacked: {FLOOR}": stock.turn("unpacked, typed parse"),
        "unpacked: docs style": stock.turn("unpacked, docs style"),
        "unpacked: app, stock converter": stock.turn("unpacked"),
        "unpacked: app, fast converter": fast.turn("unpacked"),
    }
    for written in FORMATS:
        turns[f"unpacked: idle, stock converter, {written}"] = stock.turn(f"idle, {written}")
        turns[f"unpacked: idle, fast converter, {written}"] = fast.turn(f"idle, {written}")
    found = interleaved(turns, run.rounds)
    yield from shown("256 rows in an invocation; typed parse: without worker", found, f"unpacked: {FLOOR}")
    yield Reading("packed_docs", found.ratio("unpacked: docs style", "packed: app"))
    yield Reading("packed_floor", found.ratio("packed: app", f"packed: {FLOOR}"))
    yield Reading("unpacked_floor", found.ratio("unpacked: app, fast converter", f"unpacked: {FLOOR}"))
