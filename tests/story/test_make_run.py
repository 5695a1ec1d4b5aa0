"""The main job as a user runs it: real processes, real data, judged by the target's journal and the ledger."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.openapi import closure, documents

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.story
def test_the_closed_loop_happens_from_the_first_version_to_the_rollback(tmp_path, environment):
    command = [sys.executable, "-m", "local", "run", "--state", str(tmp_path / "run")]
    finished = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False, env=environment
    )

    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]
    assert "Every step happened" in finished.stdout
    assert "AUC on the same later flights" in finished.stdout
    assert "NO  " not in finished.stdout
    said = closure.read(tmp_path / "run" / "azure" / "exchanges.jsonl")
    assert closure.problems(said) == []
    assert closure.other_versions(said) <= documents.other_versions()
