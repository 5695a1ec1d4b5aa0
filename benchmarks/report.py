"""What was measured, as a table for people and as an exit code for machines.

Owns the comparison with ``goals.toml``. Knows nothing of how the figures came about.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import Measured

GOALS = Path(__file__).with_name("goals.toml")


@dataclass(frozen=True, slots=True)
class Series:
    """One thing, measured at several sizes, and how many times dearer the largest may be than the smallest."""

    name: str
    by_size: Mapping[int, Measured]
    ratio_max: float

    @property
    def ratio(self) -> float:
        """How many times dearer the largest is than the smallest."""
        return self.by_size[max(self.by_size)].median / self.by_size[min(self.by_size)].median

    @property
    def met(self) -> bool:
        """Whether that is within the goal."""
        return self.ratio <= self.ratio_max


def goals(benchmark: str) -> dict[str, float]:
    """The goals of a benchmark. Raises KeyError when it has none."""
    return dict(tomllib.loads(GOALS.read_text(encoding="utf-8"))[benchmark])


def table(several: Sequence[Series]) -> str:
    """One row for each size of each series, in microseconds, and the verdict behind the last."""
    lines = [f"{'':<38}{'rules':>7}{'median':>12}{'middle half':>22}{'ratio':>8}"]
    for series in several:
        base = series.by_size[min(series.by_size)].median
        for size, measured in sorted(series.by_size.items()):
            low, high = measured.spread
            middle = f"{low * 1e6:,.1f} to {high * 1e6:,.1f}"
            lines.append(
                f"{series.name:<38}{size:>7,}{measured.median * 1e6:>9,.1f} µs{middle:>22}{measured.median / base:>8.2f}"
            )
        lines.append(f"{'':<38}goal: at most {series.ratio_max:g}: {'met' if series.met else 'MISSED'}")
    return "\n".join(lines)
