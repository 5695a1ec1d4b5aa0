"""river's drift detectors, one for each number, fed from JSON; and datasketches' KLL, for the bytes of its state."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasketches import kll_doubles_sketch
from river.drift import ADWIN, PageHinkley

from benchmarks.telemetry.peers.serve import Abilities, read_floats, read_messages
from benchmarks.telemetry.peers.with_json import rows_of

K = 200  # KLL's default
MESSAGES = {PageHinkley: 16, ADWIN: 8}  # of a turn


def detected(messages: list[bytes], detector: Callable[[], Any]) -> int:
    """Update a detector for each number and a counter for each category, row by row."""
    rows = [row for message in messages for row in rows_of(message)]
    updates = [
        Counter[Any]() if isinstance(value, str) else detector() for value in rows[0].values()
    ]  # counted by the row, as detectors are
    for row in rows:
        for update, value in zip(updates, row.values(), strict=True):
            if isinstance(value, str):
                update[value] += 1
            else:
                update.update(value)
    return len(rows)


def sketch_bytes(messages: list[bytes], latencies_ms: list[float]) -> int:
    """The bytes of a sketch for each number, and one for latency; none for categories."""
    rows = [row for message in messages for row in rows_of(message)]
    numeric = [name for name, value in rows[0].items() if not isinstance(value, str)]
    columns = [*([row[name] for row in rows] for name in numeric), latencies_ms]
    size = 0
    for column in columns:
        sketch = kll_doubles_sketch(K)
        sketch.update(np.array(column, dtype=np.float64))
        size += len(sketch.serialize())
    return size


def prepare(folder: Path) -> Abilities:
    """What can be asked; a window for the sketches is all rows."""
    messages = read_messages(folder / "packed")
    turns = {each.__name__: partial(detected, messages[:count], each) for each, count in MESSAGES.items()}
    latencies_ms = read_floats(folder / "latencies")
    return Abilities(turns, {"state_bytes": partial(sketch_bytes, messages, latencies_ms)})
