"""Goals, what was measured, and what is said of both.

Owns ``[[telemetry]]`` in ``goals.toml``, the table and the exit code. Knows nothing of how figures came about. A goal may
be missed for a reason that is written beside it; no reason excuses a figure that was not taken.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.report import GOALS

WIDTH = 78


class Goal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One goal: what is measured, and how much or how little of it is wanted (one of both)."""

    goal: int
    name: str
    what: str
    at_least: float | None = None
    at_most: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"goal {self.goal} {self.name} needs at_least or at_most, and not both")

    @property
    def wanted(self) -> str:
        """The limit, as people write it."""
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"

    def met(self, value: float) -> bool:
        """Whether a figure is within the limit. What is not a number never is."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)


class Reading(NamedTuple):
    """A figure that a goal asks for."""

    name: str
    value: float


class Verdict(NamedTuple):
    """A goal, and what was measured, if it was."""

    goal: Goal
    value: float | None

    @property
    def excused(self) -> bool:
        """Whether this does not fail the benchmark."""
        if self.value is None:
            return False
        return self.goal.met(self.value) or bool(self.goal.reason)

    @property
    def row(self) -> str:
        """Its row of the table."""
        shown = "none" if self.value is None else _shown(self.value)
        return f"{self.goal.goal:>2}  {self.goal.what:<{WIDTH}}{shown:>10}{self.goal.wanted:>10}  {self._said}"

    @property
    def _said(self) -> str:
        if self.value is None:
            return "NOT MEASURED"
        if self.goal.met(self.value):
            return "met, and its reason can go" if self.goal.reason else "met"
        return f"missed: {self.goal.reason}" if self.goal.reason else "MISSED"


def read_goals(path: Path = GOALS) -> list[Goal]:
    """The goals of telemetry, in order. Raises msgspec.ValidationError that says what is wrong."""
    found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8"))["telemetry"], list[Goal])
    names = [(goal.goal, goal.name) for goal in found]
    if len(set(names)) < len(names):
        raise msgspec.ValidationError("two goals have the same number and name")
    return sorted(found, key=lambda goal: goal.goal)


def judged(goals: Iterable[Goal], readings: Mapping[int, Sequence[Reading]]) -> list[Verdict]:
    """A verdict on each goal. Raises KeyError for a figure that no goal asks for: it would be judged by nobody."""
    values = {(number, name): value for number, found in readings.items() for name, value in found}
    verdicts = [Verdict(goal, values.pop((goal.goal, goal.name), None)) for goal in goals]
    if values:
        raise KeyError(f"no goal asks for {sorted(values)}")
    return verdicts


def table(verdicts: Iterable[Verdict]) -> str:
    """All goals, each with what was measured beside what was wanted."""
    head = f"{'':>2}  {'goal':<{WIDTH}}{'measured':>10}{'wanted':>10}"
    return "\n".join([head, *(verdict.row for verdict in verdicts)])


def conclusion(verdicts: Sequence[Verdict]) -> str:
    """One sentence on all of them."""
    missed = sum(not verdict.excused for verdict in verdicts)
    reasoned = sum(
        verdict.value is not None and not verdict.goal.met(verdict.value) and verdict.excused for verdict in verdicts
    )
    met = len(verdicts) - missed - reasoned
    return f"{met} goals met, {reasoned} missed for a reason that is written beside them, {missed} MISSED"


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """What the process ends with: 1 when a goal is missed without a reason, or was not measured."""
    return 0 if all(verdict.excused for verdict in verdicts) else 1


def _shown(value: float) -> str:
    return f"{value:.2e}" if 0 < abs(value) < 0.001 else f"{value:,.4f}" if abs(value) < 0.1 else f"{value:,.2f}"
