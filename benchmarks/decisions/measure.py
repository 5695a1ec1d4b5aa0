"""What decisions cost under 20, 200 and 2,000 rules, one series after the other.

Owns sizes and rounds.
"""

import asyncio
from collections.abc import Iterator

from benchmarks.decisions.costs import SHAPES, ThroughTheStore, core, loading
from benchmarks.report import Series, goals
from benchmarks.timing import interleaved

SIZES = (20, 200, 2_000)
ROUNDS, ROUNDS_OF_LOADING = 15, 3


def measure() -> Iterator[Series]:
    """Everything that has a goal."""
    limits = goals("decisions")
    for shape in SHAPES:
        tasks = {size: core(shape, size) for size in SIZES}
        yield Series(f"core: {shape.name}", interleaved(tasks, ROUNDS), limits["cost_ratio_max"])
    with asyncio.Runner() as runner:
        for shape in SHAPES[:2]:
            through = {size: ThroughTheStore(shape, size, runner) for size in SIZES}
            yield Series(f"store: {shape.name}", interleaved(through, ROUNDS), limits["cost_ratio_max"])
            for task in through.values():
                task.close()
    for shape in SHAPES:
        files = {size: loading(shape, size) for size in SIZES}
        yield Series(f"load: {shape.name}", interleaved(files, ROUNDS_OF_LOADING), limits["load_ratio_max"])
