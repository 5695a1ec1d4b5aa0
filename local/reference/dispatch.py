"""Which functions judge which signal, read off the ``match`` statements of ``evaluate`` and ``evaluate_shared``.

They stay the places where that is said, checked for completeness by mypy; nothing is listed a second time.
"""

import ast
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, get_args

from local.reference.sources import ROOT, Source, used
from shared.domain import platform_signals, signals, telemetry_signals

EVALUATE = tuple(ROOT / "shared" / "domain" / f"{name}.py" for name in ("evaluate", "evaluate_shared"))
KINDS: tuple[type[Any], ...] = get_args(signals.Signal)
_WHERE = (signals, platform_signals, telemetry_signals)
NAMES = frozenset(kind.__name__ for kind in KINDS)
Judged = tuple[str, str]
"""The name of a signal, and the dotted name of a function of a rule."""


def handlers() -> dict[str, tuple[str, ...]]:
    """For each signal the functions of rules that judge it, as ``module.function``; none for what is only recorded."""
    found: dict[str, dict[str, None]] = {kind.__name__: {} for kind in KINDS}
    for source in map(Source, EVALUATE):
        for entry in (node for name, node in source.functions.items() if name.startswith("evaluate")):
            for signal, function in _judging(source, entry.body, NAMES, (entry.name,)):
                found[signal].setdefault(function)
    return {signal: tuple(functions) for signal, functions in found.items()}


def _judging(
    source: Source, body: Iterable[ast.stmt], heard: frozenset[str], behind: tuple[str, ...]
) -> Iterator[Judged]:
    """Who judges what, in statements that these signals reach. ``behind`` are the functions that led here."""
    for statement in body:
        if isinstance(statement, ast.Match):
            yield from _matched(source, statement, heard, behind)
            heard -= frozenset(kind for case in statement.cases for kind in _asked(case))
        elif isinstance(statement, ast.If) and (named := _named(statement.test) & heard):
            yield from _judging(source, statement.body, named, behind)
            heard -= named
        else:
            yield from _used(source, statement, heard, behind)


def _matched(source: Source, statement: ast.Match, heard: frozenset[str], behind: tuple[str, ...]) -> Iterator[Judged]:
    for case in statement.cases:
        asked = _asked(case)
        yield from _judging(source, case.body, asked & heard if asked else heard, behind)
        heard -= asked


def _used(source: Source, node: ast.AST, heard: frozenset[str], behind: tuple[str, ...]) -> Iterator[Judged]:
    for name in used(source, node):
        package, _, function = name.rpartition(".")
        if package.startswith("shared.domain.rules.") and (len(heard) < len(NAMES)):
            yield from ((signal, f"{package.rpartition('.')[2]}.{function}") for signal in sorted(heard))
        elif package == source.name and function not in behind:
            yield from _judging(source, source.functions[function].body, heard, (*behind, function))


def _asked(case: ast.match_case) -> frozenset[str]:
    return _named(case.pattern) | (_named(case.guard) if case.guard else frozenset())


def _named(node: ast.AST) -> frozenset[str]:
    """The signals that a pattern or a test names, also by the name of a union."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return frozenset(kind for name in names for kind in _kinds(name))


def _kinds(name: str) -> list[str]:
    known = next((found for where in _WHERE if (found := getattr(where, name, None))), None)
    return [kind.__name__ for kind in get_args(known)] if isinstance(known, UnionType) else [name] * (name in NAMES)
