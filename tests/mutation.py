"""A bug that is planted on purpose: one replacement in a copy of the repository.

Owns the copy. The text that is replaced must stand there exactly once, so that a mutation cannot quietly stop mutating.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Mutation:
    """``old`` becomes ``new`` in ``file``; ``noticed`` is what is said of it by whoever has to notice."""

    name: str
    file: str
    old: str
    new: str
    noticed: str

    def places(self) -> int:
        """How often the text that is replaced stands in the repository's own file: once, or it mutates nothing."""
        return (ROOT / self.file).read_text(encoding="utf-8").count(self.old)


def mutated_copy(folder: Path, parts: Sequence[str], mutation: Mutation) -> Path:
    """A copy of some parts of the repository in a new folder, with the mutation in it."""
    assert mutation.places() == 1, f"{mutation.file} no longer holds what {mutation.name} replaces"
    folder.mkdir()
    for part in parts:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    target = folder / mutation.file
    target.write_text(target.read_text(encoding="utf-8").replace(mutation.old, mutation.new), encoding="utf-8")
    return folder
