"""Mutations of the product that only a crash brings to light: the crash test has to notice each.

A mutation is one replacement in a copy of the repository; the text that it replaces must stand there exactly once, so that
a mutation cannot quietly stop mutating. ``noticed`` is how the crash test's finding begins.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.azurite import INSTALLED, PATH_SETTING, find

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["shared", "handlers", "local", "tests", "function_app.py", "host.json", "pyproject.toml"]
KILLS = "8"
PATIENCE = "120"


@dataclass(frozen=True)
class Mutation:
    """``old`` becomes ``new`` in ``file``."""

    name: str
    file: str
    old: str
    new: str
    noticed: str


MUTATIONS = [
    Mutation(
        "answered before it is stored",
        "handlers/event_grid.py",
        '    await (await application()).ingest.take("event_grid", body, parse(body, "event_grid"))',
        "    import asyncio\n"
        '    work = (await application()).ingest.take("event_grid", body, parse(body, "event_grid"))\n'
        '    globals().setdefault("_later", []).append(asyncio.create_task(work))',
        "lost: signal",
    ),
    Mutation(
        "a claim keeps nobody out",
        "shared/adapters/azure_tables_outbox.py",
        "    return due_at is None or due_at <= now",
        "    return True",
        "doubled: notice",
    ),
    Mutation(
        "the sweep sends nothing again",
        "shared/services/sweep.py",
        "        rows = await self._store.sendable(now, BATCH_MAX)",
        "        rows = []",
        "not finished in time (killed): open|",
    ),
]


def mutated_copy(folder: Path, mutation: Mutation) -> Path:
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    target = folder / mutation.file
    text = target.read_text(encoding="utf-8")
    target.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    return folder


@pytest.mark.crash
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_crash_test_notices(tmp_path, mutation):
    (tmp_path / "copy").mkdir()
    copy = mutated_copy(tmp_path / "copy", mutation)
    command = [sys.executable, "-m", "tests.crash", "--kills", KILLS, "--patience", PATIENCE]
    assert find() is not None, "Azurite is missing: python -m local.azurite install"
    environment = {**os.environ, PATH_SETTING: os.environ.get(PATH_SETTING) or str(INSTALLED), "PYTHONPATH": str(copy)}
    finished = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, timeout=900, check=False, env=environment
    )

    assert finished.returncode == 1, finished.stdout[-4000:] + finished.stderr[-4000:]
    assert mutation.noticed in finished.stdout, finished.stdout[-6000:]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_still_replaces_what_it_names(mutation):
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
