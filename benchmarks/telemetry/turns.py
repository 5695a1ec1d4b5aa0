"""Taking turns: every round each method does its work once, here or in another process, and tells what a unit cost.

Owns the rounds and the ratios between methods. A ratio is the median of the rounds' own ratios, so that a busy machine,
which slows a whole round, changes none. Knows nothing of what the methods do.
"""

import gc
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import process_time

from benchmarks.timing import Measured

ROUNDS = 7

Turn = Callable[[], float]  # does its work once, and answers with the seconds that one unit took


@dataclass(frozen=True, slots=True)
class Comparison:
    """What each method cost, round by round."""

    costs: Mapping[str, Measured]

    def ratio(self, dearer: str, cheaper: str) -> float:
        """How many times dearer one method is than another, in the middle of the rounds."""
        pairs = zip(self.costs[dearer].seconds, self.costs[cheaper].seconds, strict=True)
        return median(one / other for one, other in pairs)

    def microseconds(self, method: str) -> float:
        """What a unit cost, in the middle of the rounds."""
        return self.costs[method].median * 1e6


def timed(work: Callable[[], int], clock: Callable[[], float] = process_time) -> Turn:
    """A turn of this process, from work that answers with how many units it did. What counts is the process's own time."""

    def turn() -> float:
        gc.collect()
        began = clock()
        units = work()
        return (clock() - began) / units

    return turn


def interleaved(turns: Mapping[str, Turn], rounds: int) -> Comparison:
    """What each method costs. Each has one turn that does not count; then every round begins with another one."""
    for name, turn in turns.items():
        told(f"warming up: {name}")
        turn()
    names, seconds = list(turns), {name: list[float]() for name in turns}
    for number in range(rounds):
        told(f"round {number + 1} of {rounds}")
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(turns[name]())
    told("")
    return Comparison({name: Measured(tuple(found)) for name, found in seconds.items()})


def told(text: str) -> None:
    """Say on standard error how far it is, over what was said before."""
    end = "" if sys.stderr.isatty() else "\n"
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    if text or start:
        print(f"{start}{text}", end=end, file=sys.stderr, flush=True)
