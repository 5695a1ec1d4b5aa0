"""What each rule says and may order, read off its functions and those that they call.

Owns the graph of calls between the modules of ``rules`` (and ``guards``). Knows nothing of signals.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import get_args

from local.reference.sources import ROOT, RULES, Source, called, calls, sources, texts, used
from shared.domain.decisions import Verdict
from shared.domain.effects import AnyCommand

COMMANDS = frozenset(kind.__name__ for kind in get_args(AnyCommand))
VERDICTS: tuple[str, ...] = get_args(Verdict)
BESIDE = ("guards", "relief_guards", "situation")  # of the core, whose functions rules use in order to answer


@dataclass(frozen=True, slots=True)
class Said:
    """What one function says by itself, and the functions that it uses."""

    orders: frozenset[str]
    verdicts: frozenset[str]
    codes: frozenset[str]
    uses: frozenset[str]


@cache
def modules() -> dict[str, Source]:
    """Every module of the rules, by name."""
    return {source.name: source for source in sources(RULES)}


@cache
def functions() -> dict[str, Said]:
    """Every function of the rules and of what stands beside them, as ``module.function``."""
    beside = [Source(ROOT / "shared" / "domain" / f"{name}.py") for name in BESIDE]
    return {
        f"{source.name}.{name}": _said(source, node)
        for source in (*modules().values(), *beside)
        for name, node in source.functions.items()
    }


def _said(source: Source, node: ast.AST) -> Said:
    stated: dict[str, set[str]] = defaultdict(set)
    for call in calls(node):
        first = call.args[0] if call.args else None
        name = called(call)
        if name == "tell":
            stated["orders"].add("Notify")
        elif name == "ignore":
            stated["verdicts"].add("suppress")
        elif name == "because" and first:
            stated["codes"].update(texts(first))
        elif name == "Ruling" and first:
            stated["verdicts"].update(text for text in texts(first) if text in VERDICTS)
        elif name == "order" and isinstance(first, ast.Name) and first.id in COMMANDS:
            stated["orders"].add(first.id)
    uses = (".".join(name.split(".")[-2:]) for name in used(source, node))
    orders, verdicts, codes = (frozenset(stated[key]) for key in ("orders", "verdicts", "codes"))
    return Said(orders, verdicts, codes, frozenset(uses) - {source.name})


def reached(entries: Iterable[str]) -> frozenset[str]:
    """These functions and all that they use, directly or not."""
    known, found, ahead = functions(), set[str](), list(entries)
    while ahead:
        name = ahead.pop()
        if name in known and name not in found:
            found.add(name)
            ahead.extend(known[name].uses)
    return frozenset(found)


def of_module(module: str) -> list[str]:
    """The functions of a module."""
    return [name for name in functions() if name.partition(".")[0] == module]


def may_order(entries: Iterable[str]) -> list[str]:
    """The kinds of commands that these functions can lead to."""
    return sorted({order for name in reached(entries) for order in functions()[name].orders})


def codes_of(module: str) -> list[str]:
    """The codes of the reasons that a module gives itself."""
    return sorted({code for name in of_module(module) for code in functions()[name].codes})


def verdicts_of(module: str) -> list[str]:
    """The verdicts that a module gives itself, in the usual order."""
    given = {verdict for name in of_module(module) for verdict in functions()[name].verdicts}
    return [verdict for verdict in VERDICTS if verdict in given]


def asked_by(module: str) -> list[str]:
    """The other rules that use a function of this one."""
    own = set(of_module(module))
    others = (name for name, said in functions().items() if said.uses & own)
    return sorted({name.partition(".")[0] for name in others} & modules().keys() - {module})
