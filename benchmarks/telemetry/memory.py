"""Goal 7, memory: what each further model takes in a process that has counted rows of it.

`python -m benchmarks.telemetry.memory FEW MANY` is a process of its own, so that nothing else is counted: it prints by how
many bytes it grew for each model between so many models and so many more. What it holds is what the app holds: all that is
kept ready of a model, so long as there are no more of them than the app keeps ready.
"""

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.telemetry import material, ours
from benchmarks.telemetry.models import widened
from benchmarks.telemetry.peers.environments import ROOT
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.turns import told
from benchmarks.telemetry.verdicts import Reading
from shared.telemetry.profiles import encode_profile

FEW, MANY, FEW_QUICK, MANY_QUICK = 500, 1_500, 50, 150  # within what the app keeps ready
PAGE = 4_096
STATM = Path("/proc/self/statm")


def slope(run: Run) -> Iterator[Reading | str]:
    """The growth of a process of our own."""
    few, many = (FEW_QUICK, MANY_QUICK) if run.quick else (FEW, MANY)
    told(f"memory of {many:,} models")
    command = [sys.executable, "-m", "benchmarks.telemetry.memory", str(few), str(many)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603  # ourselves
    kilobytes = float(done.stdout) / 1_024
    yield f"memory, from {few:,} models to {many:,}: {kilobytes:.1f} KB a model"
    yield Reading("rss", kilobytes)


def grown(few: int, many: int) -> float:
    """Bytes for each model between so many and so many more."""
    some = material.rows(2_048)
    base, row = material.profile_of(some), next(some.batches(1))
    stored = {material.deployment(at): encode_profile(widened(base, 1 + at / many)) for at in range(many)}
    known = ours.Known(stored)
    _hear(known, row, range(few))
    before = resident()
    _hear(known, row, range(few, many))
    return (resident() - before) / (many - few)


def _hear(known: ours.Known, row: material.Rows, numbers: range) -> None:
    for number in numbers:
        for _ in range(2):  # the first message of a deployment makes it known
            ours.state_of([material.packed(row, number)], known)


def resident() -> int:
    """The memory of this process that lies in RAM, in bytes (Linux)."""
    gc.collect()
    return int(STATM.read_text(encoding="ascii").split()[1]) * PAGE


if __name__ == "__main__":
    print(grown(int(sys.argv[1]), int(sys.argv[2])))
