"""What a person sees while the story runs, and the timeline at its end.

Owns the layout of the terminal. Knows nothing of how the story goes on.
"""

import time

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.story.state import LoopState
from shared.domain.commands import kind_of
from shared.domain.decisions import Decision
from shared.domain.outcomes import Failed, Outcome, Skipped, Started, Succeeded, Unknown
from shared.domain.records import CommandRow

WIDTH = 150
STYLES = {"act": "green", "hold": "yellow", "escalate": "red", "suppress": "dim", "no_match": "dim"}


class Progress:
    """Lines with the seconds since the start."""

    def __init__(self) -> None:
        self._console = Console(width=WIDTH, highlight=False, soft_wrap=False)
        self._started = time.monotonic()

    def chapter(self, title: str) -> None:
        """A new part of the story begins."""
        self._console.print(f"\n[bold]{title}[/bold]")

    def say(self, text: str) -> None:
        """Something happened."""
        self._console.print(Text(f"  {time.monotonic() - self._started:6.1f} s  {text}"))

    def show(self, renderable: object) -> None:
        """A table or a line as it is."""
        self._console.print(renderable)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started


async def timeline(state: LoopState) -> Table:
    """Everything that was decided and came of it: time, signal, decision, reasons, command, outcome."""
    table = Table(title="Timeline", show_lines=False, pad_edge=False)
    for name, width in (
        ("time", 8),
        ("signal", 18),
        ("decision", 9),
        ("reasons", 62),
        ("command", 17),
        ("outcome", 26),
    ):
        table.add_column(name, width=width, overflow="fold", no_wrap=name == "time")
    for decision in await state.decisions():
        rows = await state.commands(decision)
        if _worth_a_line(decision, rows):
            _add(table, decision, rows)
    return table


def _worth_a_line(decision: Decision, rows: list[CommandRow]) -> bool:
    routine = {"waiting", "done", "no_rule", "rolled_back"}
    return bool(rows) or not {reason.code for reason in decision.reasons} <= routine


def _add(table: Table, decision: Decision, rows: list[CommandRow]) -> None:
    reasons = "; ".join(reason.text for reason in decision.reasons)
    commands = [(kind_of(row.command), describe(row.outcome)) for row in rows] or [("", "")]
    style = STYLES.get(decision.verdict, "")
    first = (f"{decision.decided_at:%H:%M:%S}", decision.cause_kind, Text(decision.verdict, style), Text(reasons))
    table.add_row(*first, commands[0][0], Text(commands[0][1]))
    for kind, outcome in commands[1:]:
        table.add_row("", "", "", "", kind, Text(outcome))


def describe(outcome: Outcome | None) -> str:
    """An outcome in a few words."""
    match outcome:
        case Succeeded():
            return "succeeded"
        case Started():
            return "started"
        case Failed() | Unknown() | Skipped():
            return f"{type(outcome).__name__.lower()}: {outcome.reason}"[:120]
        case None:
            return "pending"
