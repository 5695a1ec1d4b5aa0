"""Mutations of the product and of the example: each breaks one thing that matters, and the story has to notice.

A mutation is one replacement in a copy of the repository; the text that it replaces must stand there exactly once, so that
a mutation cannot quietly stop mutating.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


PARTS = ["shared", "handlers", "local", "emitter", "examples", "function_app.py", "host.json", "pyproject.toml"]


@dataclass(frozen=True)
class Mutation:
    """``old`` becomes ``new`` in ``file``; ``noticed`` is what the story says about it."""

    name: str
    file: str
    old: str
    new: str
    noticed: str


MUTATIONS = [
    Mutation(
        "labels shuffled",
        "examples/flight_delays/data.py",
        'label=(joined["arr_delay"] > LATE_MINUTES).astype(int),',
        'label=(joined["arr_delay"] > LATE_MINUTES).astype(int).sample(frac=1, random_state=0).to_numpy(),',
        "version 1 ended as rejected",
    ),
    Mutation(
        "deduplication off",
        "shared/domain/ids.py",
        'return derive("signal", source.lower(), event_id)',
        'import itertools; globals().setdefault("_n", itertools.count()); return derive("signal", event_id, next(globals()["_n"]))',
        "each registration, delivered twice, was decided on at most once",
    ),
    Mutation(
        "rollback command dropped",
        "shared/services/execute.py",
        "        if isinstance(row.outcome, Started) and isinstance(command, WorkspaceCommand):",
        "        if isinstance(command, RollBackTraffic):\n            return Succeeded()\n"
        "        if isinstance(row.outcome, Started) and isinstance(command, WorkspaceCommand):",
        "waited 30 s in vain for: traffic {'version-2': 100}",
    ),
    Mutation(
        "version 3 identical to version 2",
        "local/story/chapters.py",
        '"inference": story.broken}',
        '"inference": "vectorised"}',
        "version 3 ended as serving",
    ),
    Mutation(
        "freeze ignored",
        "shared/domain/budget_facts.py",
        "return now < self.until and not self.lifted_by",
        "return False",
        "in vain for: WindowClosed: hold, because budget_freeze",
    ),
]


def mutated_copy(folder: Path, mutation: Mutation) -> Path:
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    target = folder / mutation.file
    text = target.read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, f"{mutation.file} no longer holds what {mutation.name} replaces"
    target.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    return folder


@pytest.mark.mutation
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_story_notices(tmp_path, environment, mutation):
    copy = mutated_copy(tmp_path / "copy", mutation)
    command = [sys.executable, "-m", "local", "run", "--state", str(tmp_path / "run")]
    finished = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, timeout=600, check=False, env=environment
    )

    assert finished.returncode == 1, finished.stdout[-4000:]
    assert "Not every step happened" in finished.stdout
    assert mutation.noticed in " ".join(finished.stdout.split()), finished.stdout[-6000:]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_still_replaces_what_it_names(mutation):
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
