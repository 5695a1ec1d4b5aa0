"""Which story shows what: the tests of ``tests/scenarios`` that are marked with a rule's name, and the rows of the design.

Owns reading the marks and the rows. Whether a story really meets the rule that it names is checked when it is played (``tests/scenarios``).
"""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from local.reference.sources import ROOT, SCENARIOS, Function, Source, called, sources, texts

MARK = "rule"
ROWS = SCENARIOS / "design_rows.toml"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the design, and the tests that show it as ``file::test``."""

    section: str
    says: str
    tests: tuple[str, ...]


def design_rows() -> list[Row]:
    """Every row of the design that has a story, in its order."""
    read = tomllib.loads(ROWS.read_text(encoding="utf-8"))["row"]
    return [Row(row["section"], row["says"], tuple(row["tests"])) for row in read]


def exists(test: str) -> bool:
    """Whether a test that is named as ``file::test`` is there."""
    place, _, name = test.partition("::")
    return (ROOT / place).is_file() and name in Source(ROOT / place).functions


def by_rule() -> dict[str, list[str]]:
    """For each rule the stories that are marked with it, as ``file::test``."""
    found: dict[str, list[str]] = {}
    for source in sources(SCENARIOS):
        for name, node in source.functions.items():
            for rule in _marks(node):
                found.setdefault(rule, []).append(f"{source.place}::{name}")
    return found


def _marks(node: Function) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and called(decorator) == MARK:
            yield from texts(decorator)
