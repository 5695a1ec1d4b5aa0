"""Mutations of the product that only a crash brings to light: the crash test has to notice each.
``noticed`` is how the crash test's finding begins.
"""

import os
import subprocess
import sys

import pytest

from local.azurite import INSTALLED, PATH_SETTING, find
from tests.mutation import Mutation, mutated_copy

PARTS = ["shared", "handlers", "local", "tests", "function_app.py", "host.json", "pyproject.toml"]
KILLS = "8"
PATIENCE = "120"


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


@pytest.mark.crash
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_crash_test_notices(tmp_path, mutation):
    copy = mutated_copy(tmp_path / "copy", PARTS, mutation)
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
    assert mutation.places() == 1
