"""Mutations of the product and of the example: each breaks one thing that matters, and the story has to notice."""

import subprocess
import sys

import pytest

from tests.mutation import Mutation, mutated_copy

PARTS = ["shared", "handlers", "local", "emitter", "examples", "function_app.py", "host.json", "pyproject.toml"]


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
        "        if isinstance(row.outcome, Started) and isinstance(command, LongCommand):",
        "        if isinstance(command, RollBackTraffic):\n            return Succeeded()\n"
        "        if isinstance(row.outcome, Started) and isinstance(command, LongCommand):",
        "waited 30 s in vain for: traffic {'version-2': 100}",
    ),
    Mutation(
        "version 3 identical to version 2",
        "local/story/chapters.py",
        '"inference": story.broken}',
        '"inference": "vectorised"}',
        "version 3 ended as serving",
    ),
]


@pytest.mark.mutation
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_story_notices(tmp_path, environment, mutation):
    copy = mutated_copy(tmp_path / "copy", PARTS, mutation)
    command = [sys.executable, "-m", "local", "run", "--state", str(tmp_path / "run")]
    finished = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, timeout=600, check=False, env=environment
    )

    assert finished.returncode == 1, finished.stdout[-4000:]
    assert "Not every step happened" in finished.stdout
    assert mutation.noticed in " ".join(finished.stdout.split()), finished.stdout[-6000:]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_still_replaces_what_it_names(mutation):
    assert mutation.places() == 1
