"""What was measured, as a table for people and as an exit code for machines.

Owns the comparison with ``goals.toml``. Knows nothing of how the figures came about.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import mean, median
from typing import Protocol

from benchmarks.timing import Measured

GOALS = Path(__file__).with_name("goals.toml")


HEADER = f"{'':<42}{'size':>10}{'median':>13}{'middle half':>22}{'ratio':>8}"


class Line(Protocol):
    """Something that was measured: its rows of the table, and whether its goal, if it has one, is met."""

    @property
    def rows(self) -> list[str]:
        """The rows, the verdict last."""
        ...

    @property
    def met(self) -> bool:
        """Whether it is within the goal."""
        ...


@dataclass(frozen=True, slots=True)
class Series:
    """One thing, measured at several sizes, and how many times dearer the largest may be than the smallest."""

    name: str
    by_size: Mapping[int, Measured]
    ratio_max: float

    @property
    def ratio(self) -> float:
        """How many times dearer the largest is than the smallest."""
        return self._against_the_smallest(max(self.by_size))

    @property
    def met(self) -> bool:
        """Whether that is within the goal."""
        return self.ratio <= self.ratio_max

    @property
    def rows(self) -> list[str]:
        """One row for each size, and the verdict."""
        found = []
        for size, measured in sorted(self.by_size.items()):
            ratio = self._against_the_smallest(size)
            found.append(_row(self.name, f"{size:,}", measured.median, measured.spread, ratio))
        return [*found, _verdict(self.ratio_max, self.met)]

    def _against_the_smallest(self, size: int) -> float:
        return self.by_size[size].median / self.by_size[min(self.by_size)].median


@dataclass(frozen=True, slots=True)
class Against:
    """One thing done in two ways, signal by signal in turns: seconds for each signal, in lists for each round."""

    services: list[list[float]]
    constant: list[list[float]]

    @property
    def per_second(self) -> float:
        """How many the services did in a second, one after the other."""
        return 1 / mean(chain.from_iterable(self.services))

    def lines(self, name: str, ratios_max: Mapping[float, float | None]) -> "list[Quantile]":
        """The comparison at some quantiles, each with its goal or none."""
        return [Quantile(name, self, quantile, most) for quantile, most in ratios_max.items()]


@dataclass(frozen=True, slots=True)
class Quantile:
    """Two ways compared at a quantile: the median of the rounds' own ratios, or, far out, the ratio over all rounds."""

    name: str
    against: Against
    quantile: float
    ratio_max: float | None

    @property
    def ratio(self) -> float:
        """How many times dearer the services are than the same calls with a constant decision."""
        services, constant = self._figures(self.against.services), self._figures(self.against.constant)
        return median(one / other for one, other in zip(services, constant, strict=True))

    @property
    def met(self) -> bool:
        """Whether that is within the goal."""
        return self.ratio_max is None or self.ratio <= self.ratio_max

    @property
    def rows(self) -> list[str]:
        """One row for each way, and the verdict."""
        name = f"{self.name}, p{self.quantile * 100:g}"
        services, constant = (
            Measured(self._figures(self.against.services)),
            Measured(self._figures(self.against.constant)),
        )
        return [
            _row(name, "constant", constant.median, constant.spread, 1.0),
            _row(name, "services", services.median, services.spread, self.ratio),
            *([] if self.ratio_max is None else [_verdict(self.ratio_max, self.met)]),
        ]

    def _figures(self, rounds: list[list[float]]) -> tuple[float, ...]:
        if self.quantile > 1 / 2:  # a round is too short to tell
            rounds = [list(chain.from_iterable(rounds))]
        return tuple(quantile_of(each, self.quantile) for each in rounds)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and how large it may be at most, if that is a goal."""

    name: str
    unit: str
    value: float
    value_max: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is within the goal."""
        return self.value_max is None or self.value <= self.value_max

    @property
    def rows(self) -> list[str]:
        """One row, and the verdict."""
        row = f"{self.name:<42}{self.unit:>10}{self.value:>13,.1f}"
        return [row] if self.value_max is None else [row, _verdict(self.value_max, self.met)]


def quantile_of(values: Sequence[float], quantile: float) -> float:
    """The value that so many of the values do not exceed."""
    return sorted(values)[min(int(quantile * len(values)), len(values) - 1)]


def goals(benchmark: str) -> dict[str, float]:
    """The goals of a benchmark. Raises KeyError when it has none."""
    return dict(tomllib.loads(GOALS.read_text(encoding="utf-8"))[benchmark])


def table(lines: Sequence[Line]) -> str:
    """The rows of everything measured, under one header."""
    return "\n".join([HEADER, *chain.from_iterable(line.rows for line in lines)])


def _row(name: str, size: str, seconds: float, spread: tuple[float, float], ratio: float) -> str:
    low, high = spread
    middle = f"{low * 1e6:,.1f} to {high * 1e6:,.1f}" if low < high else ""
    return f"{name:<42}{size:>10}{seconds * 1e6:>10,.1f} µs{middle:>22}{ratio:>8.2f}"


def _verdict(most: float, met: bool) -> str:  # noqa: FBT001  # it switches nothing but a word
    return f"{'':<42}goal: at most {most:g}: {'met' if met else 'MISSED'}"
