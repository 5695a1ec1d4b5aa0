"""The batch workload of the example: what is written about forms, and how two versions are compared on them."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

EXAMPLE = Path(__file__).parents[3] / "examples" / "handwritten_digits"
MODULES = ["digit_images", "digit_files", "train_digits", "score_scans", "compare_scans"]
LABELLED = 300


@pytest.fixture(scope="module")
def data():
    spec = importlib.util.spec_from_file_location("scanned_forms_data", EXAMPLE / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Log:
    """What a job logs to MLflow, without a server."""

    def __init__(self):
        self.metrics = {}

    def start_run(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def log_metrics(self, metrics):
        self.metrics |= metrics

    def set_tags(self, tags):
        pass


@pytest.fixture(scope="module")
def log():
    return Log()


@pytest.fixture(scope="module")
def src(log):
    """The code folder as a job sees it: first on the path, modules imported by their plain names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE / "src")
        patch.setitem(sys.modules, "mlflow", log)
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def reading(src, data, tmp_path_factory):
    """The scoring script, ready to read forms."""
    folder = tmp_path_factory.mktemp("forms")
    data.write_labelled(folder)
    lines = (folder / "digits.csv").read_text().splitlines()[:LABELLED]
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    src.train_digits.main(["--data", str(folder), "--model-output", str(folder / "model")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZUREML_MODEL_DIR", str(folder / "model"))
        src.score_scans.init()
    return src.score_scans


@pytest.fixture
def night(data, tmp_path):
    """Two forms of three fields each."""
    folder = tmp_path / "night"
    folder.mkdir()
    images = data.production_images(6)
    for number in range(2):
        lines = [",".join(map(str, image)) for image in images[number * 3 : number * 3 + 3]]
        (folder / f"form-{number}.csv").write_text("\n".join(lines) + "\n")
    return folder


def table(**rows):
    """Predictions of one form by line: a digit and a chance."""
    return {("form-0.csv", line.removeprefix("line_")): row for line, row in rows.items()}


def test_a_form_becomes_a_row_for_each_field(reading, night):
    rows = [row.split(",") for row in reading.run([str(path) for path in sorted(night.iterdir())])]
    assert [row[:2] for row in rows] == [[f"form-{form}.csv", str(line)] for form in range(2) for line in range(3)]
    assert all(digit in "0123456789" and 0.1 <= float(chance) <= 1 for _, _, digit, chance in rows)


def test_an_empty_form_has_no_rows(reading, tmp_path):
    (tmp_path / "empty.csv").write_text("\n")
    assert reading.run([str(tmp_path / "empty.csv")]) == []


def test_what_is_no_form_raises_so_that_its_mini_batch_counts_as_failed(reading, tmp_path):
    (tmp_path / "note.txt").write_text("1,2,3\n")
    with pytest.raises(ValueError, match="reshape"):
        reading.run([str(tmp_path / "note.txt")])


def test_two_versions_are_compared_row_by_row(src):
    old = table(line_0=("7", 0.9), line_1=("1", 0.8), line_2=("3", 0.7), line_3=("3", 0.5))
    new = table(line_0=("7", 0.8), line_1=("7", 0.8), line_2=("3", 0.7), line_3=("3", 0.5))
    assert src.compare_scans.compare(4, new, old) == {
        "rows": 4.0,
        "rows_champion": 4.0,
        "failed_share": 0.0,
        "rows_vs_champion": 1.0,
        "differing_vs_champion": 0.25,
        "chance_difference_vs_champion": pytest.approx(0.025),
    }


def test_a_row_that_only_one_of_them_wrote_differs(src):
    old = table(line_0=("7", 0.9), line_1=("1", 0.8))
    measured = src.compare_scans.compare(2, table(line_0=("7", 0.9)), old)
    assert (measured["failed_share"], measured["rows_vs_champion"], measured["differing_vs_champion"]) == (
        0.5,
        0.5,
        0.5,
    )


def test_a_first_version_is_measured_alone(src):
    assert src.compare_scans.compare(2, table(line_0=("7", 0.9)), None) == {"rows": 1.0, "failed_share": 0.5}


def test_of_nothing_to_score_no_share_is_told(src):
    assert src.compare_scans.compare(0, {}, {}) == {"rows": 0.0, "rows_champion": 0.0}


def test_the_job_logs_what_it_compared(src, log, reading, night, tmp_path):
    rows = reading.run([str(path) for path in sorted(night.iterdir())])
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "predictions.csv").write_text("\n".join(rows) + "\n")
    places = ["--data", str(night), "--candidate", str(tmp_path / "new"), "--champion", str(tmp_path / "old")]
    src.compare_scans.main(places)
    assert (log.metrics["rows"], log.metrics["differing_vs_champion"]) == (6.0, 0.0)


def test_the_component_offers_what_the_loop_gives_it():
    document = yaml.safe_load((EXAMPLE / "compare.yml").read_text(encoding="utf-8"))
    assert set(document["inputs"]) == {"data", "candidate", "champion"}
    assert document["inputs"]["champion"]["optional"]
