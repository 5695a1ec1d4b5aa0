"""How commands print: JSON for machines, tables and indented lines for people.

Owns the terminal. Control characters in what came from outside are shown, never obeyed.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from shared.rendering.plain import plain

Row = Sequence[object]


def print_json(value: Any) -> None:
    """One value, indented."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """One value on one line."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False))


def print_line(text: str, indent: int = 0) -> None:
    """One line, indented by so many steps of two spaces."""
    typer.echo("  " * indent + _harmless(text))


def print_table(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """A table as wide as the terminal; long cells are folded."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  # only people's output needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_harmless(str(cell))) for cell in row))
    Console(highlight=False).print(table)


def _harmless(text: str) -> str:
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
