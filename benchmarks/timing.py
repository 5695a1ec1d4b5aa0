"""Measuring several things against each other: interleaved, so that a busy machine slows all of them alike.

Owns the rounds, the medians and their spread. Knows nothing of what is measured.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Measured:
    """What one thing cost, in seconds for one unit, a figure for each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The cost in the middle."""
        return median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Between which costs the middle half of the rounds lies."""
        if len(self.seconds) == 1:
            return self.seconds[0], self.seconds[0]
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return low, high


def interleaved(
    tasks: Mapping[int, Callable[[], int]], rounds: int, clock: Callable[[], float] = perf_counter
) -> dict[int, Measured]:
    """The cost of each task per unit. A task returns how many units it did; every round begins with another one.

    With ``time.process_time`` as its clock, what counts is the work of this process, and not how long it had to wait.
    """
    for task in tasks.values():
        task()
    seconds: dict[int, list[float]] = {name: [] for name in tasks}
    names = list(tasks)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            began = clock()
            units = tasks[name]()
            seconds[name].append((clock() - began) / units)
    return {name: Measured(tuple(found)) for name, found in seconds.items()}
