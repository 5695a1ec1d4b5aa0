"""The example's jobs and endpoint: what they log, what they compare, what they hand to the collector."""

import importlib
import json
import threading
from contextlib import nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "flight_delays"


class Tracking(HTTPServer):
    """The few answers of an MLflow tracking server that a job needs, and what it logged."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), TrackingRequest)
        self.metrics, self.tags, self.runs, self.tokens = {}, {}, set(), set()

    def log(self, batch):
        self.runs.add(batch["run_id"])
        self.metrics |= {metric["key"]: metric["value"] for metric in batch.get("metrics", [])}
        self.tags |= {tag["key"]: tag["value"] for tag in batch.get("tags", [])}


class TrackingRequest(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.tokens.add(self.headers["Authorization"])
        if self.path.endswith("/log-batch"):
            self.server.log(json.loads(body))
        info = {
            "run_id": "run-1",
            "experiment_id": "0",
            "status": "RUNNING",
            "start_time": 1,
            "lifecycle_stage": "active",
        }
        answer = json.dumps({"run": {"info": info, "data": {}}, "run_info": info}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815  the name that http.server calls

    def log_message(self, *_):
        """Keep the test output quiet."""


@pytest.fixture
def tracking(monkeypatch):
    with Tracking() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("MLFLOW_RUN_ID", "run-1")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        yield server
        server.shutdown()
        thread.join()


def test_evaluate_against_itself_gives_no_difference(src, folder, trained):
    rows = src.evaluate.comparison_rows(folder, trained.model, trained.model, "holdout")

    measured = src.evaluate.compare(trained.model, trained.model, rows)

    assert measured["auc_vs_champion"] == 0
    assert measured["auc"] == pytest.approx(trained.metrics["auc_holdout"])


def test_later_rows_come_from_months_that_neither_model_trained_on(src, folder, trained):
    rows = src.evaluate.comparison_rows(folder, trained.model, None, "later")
    champion = replace(trained.model, training_months=["2013-02"])

    assert set(rows["event_time"].str[:7]) == {"2013-02"}
    assert src.evaluate.comparison_rows(folder, trained.model, champion, "later") is None


def test_without_later_rows_there_is_no_auc(src, trained):
    assert src.evaluate.compare(trained.model, None, None) == {"rows": 0.0}


def test_the_jobs_log_to_the_run_that_the_environment_names(src, folder, trained, tmp_path, tracking):
    model = str(tmp_path / "model")

    src.train.main(["--data", str(folder), "--months", "1", "--model-output", model])

    assert tracking.metrics == pytest.approx(trained.metrics)
    assert tracking.tags == trained.tags

    src.evaluate.main(["--model", model, "--champion", "", "--data", str(folder), "--on", "later"])

    assert 0.6 < tracking.metrics["auc"] < 0.8
    assert "auc_champion" not in tracking.metrics
    assert (tracking.runs, tracking.tokens) == ({"run-1"}, {"Bearer secret"})


def test_a_champion_folder_without_a_model_is_an_error_rather_than_no_champion(src, folder, trained, tmp_path):
    trained.model.save(tmp_path / "model")
    (tmp_path / "nothing").mkdir()

    with pytest.raises(FileNotFoundError, match=r"no model\.json"):
        src.evaluate.main(
            ["--model", str(tmp_path / "model"), "--champion", str(tmp_path / "nothing"), "--data", str(folder)]
        )


def test_the_endpoint_serves_a_nested_model_and_hands_rows_to_the_collector(
    src, trained, complete, tmp_path, monkeypatch
):
    trained.model.save(tmp_path / "1" / "model")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    recorded = []

    src.score.init()
    src.score.serving.collector = SimpleNamespace(collect=lambda *call: recorded.append(call), request=nullcontext)
    answer = src.score.run(json.dumps({"request_id": "r1", "rows": complete}))

    assert answer == {"predictions": pytest.approx(trained.model.answer(complete))}
    [(features, predictions, event_times, correlation_id)] = recorded
    assert features[0].keys() == set(src.flight_features.FEATURES)
    assert predictions == answer["predictions"]
    assert event_times[0] == complete[0]["event_time"]
    assert correlation_id == "r1"


def test_a_request_without_an_id_is_recorded_without_one(src, trained, complete, monkeypatch):
    """An id that nobody keeps finds no label, and costs the loop an event of its own."""
    recorded = []
    collector = SimpleNamespace(collect=lambda *call: recorded.append(call), request=nullcontext)
    monkeypatch.setattr(src.score, "serving", src.score.Serving(trained.model, collector))

    src.score.run(json.dumps({"rows": complete}))

    [(*_, correlation_id)] = recorded
    assert correlation_id is None


@pytest.mark.filterwarnings("ignore")  # of the SDK's own schema library
def test_the_files_for_azure_load_with_its_sdk():
    ml = importlib.import_module("azure.ai.ml")  # takes a second; only this test needs it
    train = ml.load_component(EXAMPLE / "train.yml")
    evaluate = ml.load_component(EXAMPLE / "evaluate.yml")
    job = ml.load_job(EXAMPLE / "train_job.yml")
    deployment = ml.load_online_deployment(EXAMPLE / "deployment.yml")

    assert train.outputs["model"].type == "custom_model"
    assert set(evaluate.inputs) == {"model", "champion", "data", "on"}
    assert evaluate.inputs["champion"].optional
    assert job.jobs["train"].component == f"{train.name}@latest"
    assert ml.load_environment(EXAMPLE / "environment.yml").name == "flight-env"
    assert deployment.endpoint_name == ml.load_online_endpoint(EXAMPLE / "endpoint.yml").name
