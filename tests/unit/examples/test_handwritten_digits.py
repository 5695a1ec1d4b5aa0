"""The example of a vision model: its jobs, its scoring script, and the drift of images that are taken in bad light."""

import importlib
import importlib.util
import json
import struct
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from shared.telemetry.drift import psi
from shared.telemetry.profiles import profile_from_tags

EXAMPLE = Path(__file__).parents[3] / "examples" / "handwritten_digits"
POLICY = Path(__file__).parents[3] / "examples" / "flight_delays"
MODULES = ["digit_images", "digit_files", "train_digits", "evaluate_digits", "score_digits"]


@pytest.fixture(scope="module")
def data():
    spec = importlib.util.spec_from_file_location("handwritten_digits_data", EXAMPLE / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def src():
    """The code folder as a job sees it: first on the path, modules imported by their plain names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE / "src")
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


class Log:
    """What a job logs to MLflow, without a server."""

    def __init__(self):
        self.metrics, self.tags = {}, {}

    def start_run(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def log_metrics(self, metrics):
        self.metrics |= metrics

    def set_tags(self, tags):
        self.tags |= tags


@pytest.fixture(scope="module")
def trained(src, data, tmp_path_factory):
    """The folder of labelled images, the model folder, and what training logged."""
    folder, log = tmp_path_factory.mktemp("digits"), Log()
    data.write_labelled(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(src.train_digits, "mlflow", log)
        src.train_digits.main(["--data", str(folder), "--model-output", str(folder / "model")])
    return SimpleNamespace(folder=folder, model=folder / "model", log=log)


def test_training_is_good_enough_for_its_policy_and_leaves_a_profile(trained):
    assert trained.log.metrics["accuracy_holdout"] > 0.93
    profile = profile_from_tags(trained.log.tags)
    assert profile.rows == 800
    assert set(profile.inputs) == {"brightness", "contrast", "ink", "row_of_ink", "column_of_ink"}
    assert all(len(text) < 1000 for text in trained.log.tags.values())


def test_evaluation_measures_images_that_no_model_trained_on(src, trained, monkeypatch):
    log = Log()
    monkeypatch.setattr(src.evaluate_digits, "mlflow", log)
    model = str(trained.model)
    src.evaluate_digits.main(["--model", model, "--champion", model, "--data", str(trained.folder)])
    assert log.metrics["accuracy"] == trained.log.metrics["accuracy_holdout"]
    assert log.metrics["accuracy_vs_champion"] == 0
    with pytest.raises(FileNotFoundError, match=r"digits\.joblib"):
        src.evaluate_digits.accuracies(trained.folder, trained.folder / "nothing", "")


class Recorder:
    def __init__(self):
        self.calls = []

    def collect(self, *call):
        self.calls.append(call)


@pytest.fixture
def serving(src, trained, monkeypatch):
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(trained.model))
    src.score_digits.init()
    src.score_digits.serving.collector = recorder = Recorder()
    yield SimpleNamespace(run=src.score_digits.run, recorder=recorder)
    src.score_digits.serving.model = src.score_digits.serving.collector = None


def test_scoring_answers_a_digit_for_each_image_and_records_numbers_not_pixels(serving, data):
    rows = data.request_rows(data.production_images(20), "2025-03-03T12:00:00Z")
    answer = serving.run(json.dumps({"request_id": "r1", "rows": rows}))
    assert all(digit in range(10) for digit in answer["predictions"])
    ((features, predictions, times, request_id),) = serving.recorder.calls
    assert len(features) == len(predictions) == len(times) == 20
    assert set(features[0]) == {"brightness", "contrast", "ink", "row_of_ink", "column_of_ink"}
    assert times[0] == "2025-03-03T12:00:00Z"
    assert request_id == "r1"


def test_a_request_without_an_id_is_recorded_without_one(serving, data):
    rows = data.request_rows(data.production_images(2), "2025-03-03T12:00:00Z")
    serving.run(json.dumps({"rows": rows}))
    ((*_, request_id),) = serving.recorder.calls
    assert request_id is None


def test_a_request_without_images_is_answered_and_records_nothing(serving):
    assert serving.run('{"rows": []}') == {"predictions": []}
    assert serving.recorder.calls == []


def test_an_image_of_another_size_is_refused(serving):
    with pytest.raises(ValueError, match="reshape"):
        serving.run('{"rows": [{"image": [1, 2, 3]}]}')


def test_the_request_beside_the_policy_is_one_that_the_endpoint_answers(serving):
    request = (POLICY / "sample_digits.json").read_text(encoding="utf-8")
    assert len(serving.run(request)["predictions"]) == len(json.loads(request)["rows"])


def shares_of_drift(src, data, trained, light):
    """The stability index of each statistic, of a day's images in so much light."""
    profile = profile_from_tags(trained.log.tags)
    images = src.digit_images.images_of(data.production_images(250, light=light))
    found = {}
    for name, values in src.digit_images.statistics(images).items():
        reference = profile.features[name]
        bins = np.searchsorted(reference.edges_array, values, side="left")
        found[name] = psi(reference.bin_counts, np.bincount(bins, minlength=reference.bins))
    return found


def test_bad_light_is_drift_by_the_policy_and_good_light_is_none(src, data, trained):
    good, bad = (shares_of_drift(src, data, trained, light) for light in (1.0, data.DIM))
    assert max(good.values()) < 0.25
    assert {name for name, score in bad.items() if score > 0.25} == {"brightness", "contrast", "ink"}


def test_an_image_is_kept_as_a_grey_png_of_its_pixels(data):
    (image,) = data.production_images(1)
    body = data.png(image)
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", body[16:24]) == (8, 8)
    start = body.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", body[start - 8 : start - 4])
    lines = zlib.decompress(body[start : start + length])
    assert [pixel // 16 for at in range(0, 72, 9) for pixel in lines[at + 1 : at + 9]] == [min(15, p) for p in image]


def test_a_probe_has_a_time_of_its_own_since_the_present_would_close_every_window_of_the_past():
    rows = json.loads((POLICY / "sample_digits.json").read_text(encoding="utf-8"))["rows"]
    assert {row["event_time"] for row in rows} == {"2025-03-02T12:00:00Z"}
    policy = yaml.safe_load((POLICY / "policy.yaml").read_text(encoding="utf-8"))
    digits = next(known for known in policy["workloads"] if known["name"] == "handwritten-digits")
    probed = len(rows) * digits["promotion"]["rollout"]["probe_requests"]
    assert probed < digits["monitoring"][0]["min_rows"]
