"""Reading our own modules as text: functions, imports, the names that a piece of code uses.

Owns the walk over syntax trees. Imports none of what it reads, and knows nothing of signals or rules.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "shared" / "domain" / "rules"
SCENARIOS = ROOT / "tests" / "scenarios"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module, as it is written."""

    path: Path

    @property
    def name(self) -> str:
        """The module's own name, without its package."""
        return self.path.stem

    @property
    def place(self) -> str:
        """Where it lies, from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def tree(self) -> ast.Module:
        """What is written there."""
        return ast.parse(self.path.read_text(encoding="utf-8"), filename=str(self.path))

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions of the module by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, Function)}

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name stands for, with dots: ``blame`` is ``shared.domain.rules.attribution.blame``."""
        return {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }

    @property
    def sentence(self) -> str:
        """What the module says of itself first."""
        return first_sentence(ast.get_docstring(self.tree) or "")


def first_sentence(text: str) -> str:
    """Everything before the first full stop that ends a sentence, in one line and with plain code marks."""
    line = " ".join(text.split("\n\n", maxsplit=1)[0].split()).replace("``", "`")
    head, dot, _ = line.partition(". ")
    return f"{head}." if dot else line


def sources(folder: Path) -> list[Source]:
    """The modules of a folder and of those in it, by path."""
    return [Source(path) for path in sorted(folder.rglob("*.py")) if path.stem != "__init__"]


def used(source: Source, node: ast.AST) -> Iterator[str]:
    """The dotted names that a piece of code uses: imported ones in full, those of the module by its own name."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in source.imports:
            yield f"{source.imports[part.value.id]}.{part.attr}"
        elif isinstance(part, ast.Name) and part.id in source.imports:
            yield source.imports[part.id]
        elif isinstance(part, ast.Name) and part.id in source.functions:
            yield f"{source.name}.{part.id}"


def texts(node: ast.AST) -> list[str]:
    """The constant texts in a piece of code."""
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def called(node: ast.Call) -> str:
    """The last part of what a call calls."""
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """Every call in a piece of code."""
    return (part for part in ast.walk(node) if isinstance(part, ast.Call))
