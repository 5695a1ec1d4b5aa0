import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.story.run_folder import MARK, RunFolderError, held
from local.story.world import World, write_settings

ROOT = Path(__file__).resolve().parents[3]


def test_a_new_folder_is_made_and_given_as_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with held(Path("deep/run")) as folder:
        assert folder == tmp_path / "deep" / "run"
        assert [file.name for file in folder.iterdir()] == [MARK]


def test_an_empty_folder_is_taken(tmp_path):
    with held(tmp_path) as folder:
        assert folder == tmp_path


def test_what_an_earlier_run_left_is_removed(tmp_path):
    with held(tmp_path) as folder:
        (folder / "azure" / "jobs").mkdir(parents=True)
        (folder / "outerloop.db").write_text("old", encoding="utf-8")
    with held(tmp_path) as folder:
        assert [file.name for file in folder.iterdir()] == [MARK]


def test_a_link_in_the_folder_is_removed_and_not_followed(tmp_path):
    kept = tmp_path / "elsewhere" / "kept.txt"
    kept.parent.mkdir()
    kept.write_text("mine", encoding="utf-8")
    with held(tmp_path / "run") as folder:
        (folder / "data").symlink_to(kept.parent)
    with held(tmp_path / "run") as folder:
        assert not (folder / "data").exists()
    assert kept.read_text(encoding="utf-8") == "mine"


def test_a_folder_with_anything_that_no_run_left_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"thesis\.tex, which no run left there"), held(tmp_path):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_in_which_a_run_is_going_on_is_refused_and_untouched(tmp_path):
    with held(tmp_path) as folder:
        (folder / "outerloop.db").write_text("alive", encoding="utf-8")
        with pytest.raises(RunFolderError, match=rf"another run is going on .*process {os.getpid()}"), held(tmp_path):
            pass
        assert (folder / "outerloop.db").read_text(encoding="utf-8") == "alive"


def test_a_run_that_failed_leaves_the_folder_to_the_next(tmp_path):
    with pytest.raises(ValueError, match="broken"), held(tmp_path):
        raise ValueError("broken")
    with held(tmp_path):
        pass


def test_an_error_of_the_run_itself_is_not_blamed_on_the_folder(tmp_path):
    with pytest.raises(PermissionError), held(tmp_path):
        raise PermissionError("something else")


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_where_no_folder_can_be_the_reason_is_said(tmp_path, place):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(RunFolderError, match=r"cannot be used .*Not a directory.*make run STATE="),
        held(tmp_path / place),
    ):
        pass


def test_the_command_ends_with_one_line_and_1_where_the_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    command = [sys.executable, "-m", "local", "run", "--state", str(tmp_path)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1
    assert "no run left there" in finished.stderr


def test_the_settings_to_source_are_our_own_and_private(tmp_path):
    settings = {"OUTERLOOP_STORE": "/a path/it's.db", "SSL_CERT_FILE": "ca.pem", "IDENTITY_HEADER": "secret"}
    world = World(tmp_path, {}, "http://127.0.0.1:1", settings)
    write_settings(world)
    shown = subprocess.run(
        ["/bin/sh", "-c", f'. {world.settings_file}; echo "$OUTERLOOP_STORE"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "/a path/it's.db\n"
    assert "SSL_CERT_FILE" not in world.settings_file.read_text(encoding="utf-8")
    assert "secret" not in world.settings_file.read_text(encoding="utf-8")
    assert world.settings_file.stat().st_mode & 0o777 == 0o600
