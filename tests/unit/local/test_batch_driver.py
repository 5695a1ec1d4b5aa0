"""What a batch deployment's scoring script is given, and what becomes of what it returns."""

import io
from types import SimpleNamespace

import pytest

from local.azure.batch_driver import files_of, main, rows_of, score_all

SCRIPT = """
import pathlib
def init():
    global seen
    seen = []
def run(mini_batch):
    seen.append(len(mini_batch))
    return [pathlib.Path(path).read_text() for path in mini_batch]
"""


@pytest.fixture
def night(tmp_path):
    """Five files to score."""
    folder = tmp_path / "night"
    (folder / "deeper").mkdir(parents=True)
    for number in range(4):
        (folder / f"{number}.txt").write_text(str(number))
    (folder / "deeper" / "4.txt").write_text("4")
    return folder


def test_every_file_is_scored_once_also_those_in_folders(night):
    assert [path.rpartition("/")[2] for path in files_of(night)] == ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"]


def test_an_input_may_be_one_file(night):
    assert files_of(night / "2.txt") == [str(night / "2.txt")]


def test_a_script_is_given_so_many_paths_at_a_time():
    given = []
    script = SimpleNamespace(run=lambda batch: given.append(batch) or batch)
    assert score_all(script, ["a", "b", "c"], 2, io.StringIO()) == 0
    assert given == [["a", "b"], ["c"]]


def test_rows_are_appended_a_line_each():
    out = io.StringIO()
    score_all(SimpleNamespace(run=lambda batch: [f"{path},1" for path in batch]), ["a", "b"], 1, out)
    assert out.getvalue() == "a,1\nb,1\n"


def test_a_frame_is_written_as_azure_writes_it():
    frame = SimpleNamespace(to_csv=lambda sep, header, index: f"a{sep}1\nb{sep}2\n" if not header and not index else "")
    assert rows_of(frame) == ["a 1", "b 2"]


def test_a_mini_batch_that_raises_counts_its_files_and_the_others_go_on(capsys):
    def run(batch):
        if "b" in batch:
            raise ValueError("no such column")
        return batch

    out = io.StringIO()
    assert score_all(SimpleNamespace(run=run), ["a", "b", "c"], 1, out) == 1
    assert out.getvalue() == "a\nc\n"
    assert "no such column" in capsys.readouterr().err


@pytest.mark.parametrize(("threshold", "ends"), [(-1, None), (5, None), (4, "5 files failed"), (0, "5 files failed")])
def test_a_run_fails_when_more_files_failed_than_allowed(night, tmp_path, monkeypatch, threshold, ends):
    (tmp_path / "broken_batch.py").write_text("def run(mini_batch):\n    raise ValueError('always')\n")
    monkeypatch.chdir(tmp_path)
    places = ["--input", str(night), "--output", str(tmp_path), "--output-file", "predictions.csv"]
    options = ["--script", "broken_batch.py", *places, "--mini-batch-size", "2", "--error-threshold", str(threshold)]
    monkeypatch.setattr("sys.argv", ["batch_driver", *options])
    if ends:
        with pytest.raises(SystemExit, match=ends):
            main()
    else:
        main()


def test_a_whole_run_writes_one_file(night, tmp_path, monkeypatch):
    (tmp_path / "whole_batch.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    places = ["--input", str(night), "--output", str(tmp_path), "--output-file", "predictions.csv"]
    options = ["--script", "whole_batch.py", *places, "--mini-batch-size", "2", "--error-threshold", "0"]
    monkeypatch.setattr("sys.argv", ["batch_driver", *options])
    main()
    assert (tmp_path / "predictions.csv").read_text() == "0\n1\n2\n3\n4\n"
