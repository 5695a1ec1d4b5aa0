"""The airline's job: what became of scored flights goes to who answered, under the ids and places of the predictions."""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from shared.parsing.event_hubs import read_message

EXAMPLE = Path(__file__).parents[3] / "examples" / "flight_delays"
EMITTER = Path(__file__).parents[3] / "emitter"
ENDPOINT = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/flights"
)
BLUE, GREEN = f"{ENDPOINT}/deployments/blue", f"{ENDPOINT}/deployments/green"
HUB = ("OUTERLOOP_TELEMETRY_CONNECTION", "OUTERLOOP_TELEMETRY_HUB")


@pytest.fixture(scope="module")
def job():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EMITTER)
        spec = importlib.util.spec_from_file_location("tell_delays", EXAMPLE / "tell_delays.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        yield module
        del sys.modules[spec.name]


@pytest.fixture
def hub(job):
    """A hub in a list: every message, and how to make a collector that sends there."""

    class Hub:
        def __init__(self):
            self.messages = []

        def collector(self, deployment):
            return job.Collector(deployment, self.messages.append)

        def rows(self, collection, field):
            """What stands under a field in the rows of a collection, by deployment, correlation id and place."""
            events = [json.loads(line) for message in self.messages for line in message.split(b"\n")]
            return {
                (event["source"], event["correlationid"], place): row[field]
                for event in events
                if event["type"] == f"azureml.inference.{collection}"
                for place, row in enumerate(event["data"])
            }

    return Hub()


def kept(rows, request_id="r1", deployment=BLUE):
    """What a caller keeps of a request."""
    return {
        "request_id": request_id,
        "deployment": deployment,
        "row_ids": [row["row_id"] for row in rows],
        "event_times": [row["event_time"] for row in rows],
    }


@pytest.fixture
def flights(data, january):
    """Fifty flights of several hours, as requests carry them."""
    return data.request_rows(january.head(50))


def test_month_files_say_of_each_flight_whether_it_was_late(job, folder, january):
    late = job.delays([folder / "2013-01.csv.gz"])

    assert late == dict(zip(january["row_id"], january["label"], strict=True))


def test_several_month_files_are_read_as_one(job, folder):
    both = job.delays(sorted(folder.iterdir()))

    assert {flight[:7] for flight in both} == {"2013-01", "2013-02"}


@pytest.fixture
def score(src, trained, hub, monkeypatch):
    """The endpoint's scoring script, which records into the hub; returns once what it recorded is there."""
    monkeypatch.setattr(src.score, "serving", src.score.Serving(trained.model, recorder := hub.collector(BLUE)))

    def run(request):
        answer = src.score.run(json.dumps(request))
        assert recorder.flush(10)
        return answer

    return run


def test_on_kubernetes_the_script_tells_of_each_request_how_it_ended(hub, src, trained, flights, monkeypatch):
    monkeypatch.setenv("OUTERLOOP_TELLS_REQUESTS", "1")
    monkeypatch.setattr(src.score, "serving", src.score.Serving(trained.model, recorder := hub.collector(BLUE)))
    src.score.run(json.dumps({"rows": flights}))
    with pytest.raises(KeyError):
        src.score.run("{}")
    assert recorder.flush(10)
    requests = [request for message in hub.messages for request in read_message(message).requests]
    assert [(request.deployment.deployment, request.failed) for request in requests] == [
        ("blue", False),
        ("blue", True),
    ]


def test_labels_meet_the_predictions_that_the_endpoint_recorded(job, hub, score, flights, folder):
    answer = score({"request_id": "r1", "rows": flights})
    late = job.delays([folder / "2013-01.csv.gz"])

    assert job.tell([kept(flights)], late, hub.collector) == 0

    predictions, labels = hub.rows("model_outputs", "prediction"), hub.rows("ground_truth", "label")
    assert len({correlation_id for _, correlation_id, _ in predictions}) > 1, "the flights lie in several hours"
    assert labels.keys() == predictions.keys()
    pairs = sorted((predictions[key], labels[key]) for key in predictions)
    assert pairs == sorted(zip(answer["predictions"], [late[row["row_id"]] for row in flights], strict=True))


def test_each_deployment_is_told_of_its_own_answers(job, hub, flights):
    late = {row["row_id"]: 1 for row in flights}
    requests = [kept(flights[:1], "r1", BLUE), kept(flights[1:3], "r2", GREEN)]

    assert job.tell(requests, late, hub.collector) == 0

    told = hub.rows("ground_truth", "label")
    assert {(deployment, correlation_id.split("_")[0]) for deployment, correlation_id, _ in told} == {
        (BLUE, "r1"),
        (GREEN, "r2"),
    }
    assert len(told) == 3


def test_a_flight_that_has_not_arrived_keeps_its_place(job, hub, flights):
    request = kept(flights[:3]) | {"event_times": [flights[0]["event_time"]] * 3}
    late = {flights[0]["row_id"]: 1, flights[2]["row_id"]: 0}

    job.tell([request], late, hub.collector)

    assert list(hub.rows("ground_truth", "label").values()) == [1, None, 0]


def test_what_no_hub_took_is_counted_and_the_job_fails(job, flights, folder, tmp_path, monkeypatch, capsys):
    for name in HUB:
        monkeypatch.delenv(name, raising=False)
    log = tmp_path / "requests.jsonl"
    log.write_text("".join(f"{json.dumps(kept(flights, name))}\n" for name in ("r1", "r2")), encoding="utf-8")

    assert job.main(["--requests", str(log), "--flights", str(folder / "2013-01.csv.gz")]) == 1
    assert "0 of 100 flights in 2 requests were told" in capsys.readouterr().out


def test_a_log_without_requests_is_told_at_once(job, folder, tmp_path):
    (log := tmp_path / "requests.jsonl").write_text("", encoding="utf-8")

    assert job.main(["--requests", str(log), "--flights", str(folder / "2013-01.csv.gz")]) == 0
