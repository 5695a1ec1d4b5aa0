"""The collector's promises to a scoring script."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import collected, correlation_ids, events, rows_in
from outerloop_emitter import Collector, Limits

EMITTER = Path(__file__).parents[3] / "emitter"
ROWS = [{"distance": 1400.0}]
VARIABLES = ("OUTERLOOP_DEPLOYMENT_ID", "OUTERLOOP_TELEMETRY_CONNECTION", "OUTERLOOP_TELEMETRY_HUB")
PATIENT = Limits(linger_seconds=60)
PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def collector(sent):
    collector = Collector("/deployments/blue", sent.append, PATIENT)
    yield collector
    collector.close(1)


def python(code, **options):
    """What a fresh interpreter prints that finds the emitter, and nothing else of ours."""
    run = [sys.executable, "-c", code]
    return subprocess.run(run, cwd=EMITTER, capture_output=True, text=True, check=True, timeout=60, **options).stdout


def test_what_was_collected_is_sent_in_order_by_close(collector, sent):
    for number in range(20):
        collector.collect(ROWS, [0.5], correlation_id=f"c{number}")
    collector.close(PATIENCE_SECONDS)
    assert correlation_ids(sent) == [f"c{number}" for number in range(20)]
    assert (collector.sent, collector.dropped, collector.waiting) == (20, 0, 0)


def test_calls_that_wait_together_leave_in_one_message(collector, sent):
    for number in range(20):
        collector.collect(ROWS, [0.5], correlation_id=f"c{number}")
    collector.collect_labels("c0", [1])
    assert collector.flush(PATIENCE_SECONDS)
    assert len(sent) == 1


def test_labels_follow_under_the_correlation_id_of_their_rows(collector, sent):
    collector.collect(ROWS * 2, [0.25, 0.75], correlation_id="c")
    collector.collect_labels("c", np.array([0, 1]))
    collector.close(PATIENCE_SECONDS)
    assert collected(sent, "model_outputs") == {("c", 0): {"prediction": 0.25}, ("c", 1): {"prediction": 0.75}}
    assert collected(sent, "ground_truth") == {("c", 0): {"label": 0}, ("c", 1): {"label": 1}}
    assert collector.sent == 4


def test_messages_leave_without_being_asked_for(sent):
    collector = Collector("/d", sent.append, Limits(linger_seconds=0.01))
    collector.collect(ROWS, [0.5])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not sent and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert len(sent) == 1
    collector.close(1)


def test_much_leaves_at_once_though_it_may_linger(collector, sent):
    for _ in range(3):
        collector.collect([{"text": "x" * 10_000} for _ in range(40)], [0.5] * 40)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not sent and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert sent


def test_publishing_happens_in_one_other_thread():
    threads = set()
    collector = Collector("/d", lambda _: threads.add(threading.current_thread()))
    for _ in range(3):
        collector.collect(ROWS, [0.5])
        collector.flush(PATIENCE_SECONDS)
    collector.close(1)
    assert len(threads - {threading.current_thread()}) == len(threads) == 1


def test_rows_may_change_in_depth_after_they_were_collected(collector, sent):
    rows, predictions = [{"distance": 1.0, "path": ["JFK"]}], [0.5]
    collector.collect(rows, predictions)
    rows[0]["distance"] = 2.0
    rows[0]["path"].append("LAX")
    predictions[0] = 0.75
    collector.close(PATIENCE_SECONDS)
    inputs, outputs = events(sent)
    assert inputs["data"] == [{"distance": 1.0, "path": ["JFK"]}]
    assert outputs["data"] == [{"prediction": 0.5}]


@pytest.mark.parametrize(
    ("rows", "predictions"),
    [
        (pd.DataFrame({"distance": [1400.0, 2.5]}), pd.Series([0.25, 0.75])),
        (({"distance": value} for value in (1400.0, 2.5)), (0.25, 0.75)),
        ([{"distance": np.float64(1400)}, {"distance": np.float32(2.5)}], np.array([0.25, 0.75])),
    ],
    ids=["pandas", "iterables", "numpy"],
)
def test_whatever_holds_rows_is_read(collector, sent, rows, predictions):
    collector.collect(rows, predictions)
    collector.close(PATIENCE_SECONDS)
    inputs, outputs = events(sent)
    assert inputs["data"] == [{"distance": 1400.0}, {"distance": 2.5}]
    assert outputs["data"] == [{"prediction": 0.25}, {"prediction": 0.75}]


class Stuck:
    """A destination that holds its caller until it is released."""

    def __init__(self):
        self.entered, self.released = threading.Event(), threading.Event()
        self.messages = []

    def __call__(self, message):
        self.entered.set()
        self.released.wait(PATIENCE_SECONDS)
        self.messages.append(message)


def test_a_full_buffer_drops_the_oldest_with_a_count_and_never_waits():
    hub = Stuck()
    collector = Collector("/d", hub, Limits(rows_max=5, linger_seconds=0.0))
    collector.collect(ROWS, [0.5], correlation_id="first")
    assert hub.entered.wait(PATIENCE_SECONDS)
    for number in range(200):
        collector.collect(ROWS, [0.5], correlation_id=str(number))
    assert collector.drops == {"buffer_full": 195}
    hub.released.set()
    collector.close(PATIENCE_SECONDS)
    assert correlation_ids(hub.messages) == ["first", *map(str, range(195, 200))]


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ((None, None), 1),
        (([1, 2], [0.5, 0.5]), 2),
        ((ROWS, [0.5, 0.5]), 1),
        ((ROWS, [0.5], ["yesterday"]), 1),
        ((ROWS, [0.5], ["0001-01-01T00:00:00+14:00"]), 1),
        ((ROWS, [0.5], 5), 1),
        ((ROWS, [0.5], None, "x" * 100_000), 1),
        ((object(), object(), object(), object()), 1),
    ],
    ids=range(8),
)
def test_bad_arguments_are_counted_not_raised(collector, sent, arguments, rows):
    collector.collect(*arguments)
    collector.collect(ROWS, [0.5], correlation_id="good")
    collector.close(PATIENCE_SECONDS)
    assert collector.drops == {"unreadable": rows}
    assert correlation_ids(sent) == ["good"]


@pytest.mark.parametrize("correlation_id", ["", None])
def test_labels_of_nobody_are_counted_not_sent(collector, sent, correlation_id):
    collector.collect_labels(correlation_id, [1, 0])
    collector.close(PATIENCE_SECONDS)
    assert (collector.drops, sent) == ({"unreadable": 2}, [])


def test_what_can_never_fit_is_dropped_without_being_copied(sent):
    collector = Collector("/d", sent.append, Limits(rows_max=3, bytes_max=2_000))
    collector.collect(ROWS * 4, [0.5] * 4)
    collector.collect([{"text": "x" * 3_000}], [0.5])
    collector.collect([{"values": np.zeros(5_000_000)}], [0.5])
    collector.close(PATIENCE_SECONDS)
    assert (collector.drops, sent) == ({"too_large": 6}, [])


def test_more_rows_than_may_wait_are_not_even_looked_at(collector):
    class Rows:
        def __len__(self):
            return 10**9

        def __iter__(self):
            raise OSError("they are read")

    collector.collect(Rows(), [])
    assert collector.drops == {"too_large": 10**9}


def test_no_rows_are_no_message_and_no_loss(collector, sent):
    collector.collect([], [])
    collector.close(PATIENCE_SECONDS)
    assert (collector.dropped, sent) == (0, [])


odd = st.recursive(
    st.none() | st.floats() | st.text() | st.binary() | st.integers() | st.datetimes() | st.just(object()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(odd, odd, st.none() | odd, st.text(max_size=3)), max_size=10))
def test_nothing_that_is_passed_raises_or_goes_uncounted(arguments):
    sent = []
    collector = Collector("/d", sent.append, Limits(linger_seconds=0.0))
    for rows, predictions, times, correlation_id in arguments:
        collector.collect(rows, predictions, times, correlation_id)
        collector.collect([{"x": rows}], [predictions], None, correlation_id)
        collector.collect_labels(correlation_id, [predictions])
    assert collector.flush(PATIENCE_SECONDS)
    collector.close(PATIENCE_SECONDS)
    assert collector.sent + collector.dropped >= 2 * len(arguments)
    assert collector.sent == rows_in(sent, "model_inputs") + rows_in(sent, "ground_truth")
    assert collector.waiting == 0


def test_many_threads_lose_and_double_nothing(sent):
    """Every row arrives exactly once, whoever collected it, while the sending thread is at work."""
    collector = Collector("/d", sent.append, Limits(linger_seconds=0.001, message_bytes_max=20_000))

    def score(worker):
        for number in range(300):
            collector.collect([{"worker": worker, "row": number}], [number], None, f"{worker}-{number}")
            if number % 3 == 0:
                collector.collect_labels(f"{worker}-{number}", [number])

    workers = [threading.Thread(target=score, args=(worker,)) for worker in range(8)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join(PATIENCE_SECONDS)
    collector.close(PATIENCE_SECONDS)
    ids = [f"{worker}-{number}" for worker in range(8) for number in range(300)]
    assert sorted(correlation_ids(sent, "model_inputs")) == sorted(ids)
    assert sorted(correlation_ids(sent, "model_outputs")) == sorted(ids)
    assert len(correlation_ids(sent, "ground_truth")) == 800
    assert (collector.sent, collector.dropped, collector.waiting) == (3_200, 0, 0)


def test_threads_at_a_full_buffer_account_for_every_row():
    sent = []
    collector = Collector("/d", sent.append, Limits(rows_max=20, bytes_max=20_000, linger_seconds=0.0))

    def score():
        for _ in range(500):
            collector.collect(ROWS, [0.5])

    workers = [threading.Thread(target=score) for _ in range(6)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join(PATIENCE_SECONDS)
    collector.close(PATIENCE_SECONDS)
    assert collector.sent + collector.dropped == 3_000
    assert collector.sent == rows_in(sent, "model_inputs")


def test_close_gives_up_after_its_timeout_and_counts_what_waited():
    hub = Stuck()
    collector = Collector("/d", hub, Limits(linger_seconds=0.0))
    collector.collect(ROWS, [0.5])
    assert hub.entered.wait(PATIENCE_SECONDS)
    collector.collect(ROWS * 3, [0.5] * 3)
    started = time.monotonic()
    collector.close(0.2)
    assert time.monotonic() - started < 5
    assert collector.drops == {"closed": 3}
    hub.released.set()


def test_what_comes_after_close_is_dropped(collector, sent):
    collector.close(1)
    collector.collect(ROWS, [0.5])
    collector.close(1)
    assert (sent, collector.drops) == ([], {"closed": 1})


@pytest.mark.parametrize("missing", VARIABLES)
def test_an_incomplete_environment_makes_a_collector_that_does_nothing(monkeypatch, missing):
    for name in set(VARIABLES) - {missing}:
        monkeypatch.setenv(name, "something")
    before = threading.active_count()
    collector = Collector.from_environment()
    collector.collect(ROWS, [0.5])
    collector.collect_labels("c", [1])
    assert collector.flush(0)
    collector.close(1)
    assert threading.active_count() == before
    assert (collector.sent, collector.dropped, collector.waiting, collector.drops) == (0, 0, 0, {})


FOREIGN = """
import sys, threading
imported = []
main = threading.get_ident()
def audit(event, arguments):
    if event == "import" and threading.get_ident() == main:
        imported.append(arguments[0].split(".")[0])
sys.addaudithook(audit)
from outerloop_emitter import Collector
collector = Collector("/d", PUBLISH)
collector.collect([{"a": 1, "b": float("nan")}, {"a": (1, b"x"), "b": "text"}], [0.5, 0.25], ["2013-02-01T05:00:00"] * 2, "c")
collector.collect_labels("c", [1, 0])
foreign = set(imported) & set(sys.modules) - sys.stdlib_module_names - {"outerloop_emitter"}  # pickle asks for Jython's org
print(sorted(foreign), flush=True)
"""


def test_constructing_and_collecting_load_nothing_but_the_standard_library():
    heavy = "print(sorted({'azure', 'numpy', 'pandas'} & set(sys.modules)))"
    assert python(FOREIGN.replace("PUBLISH", "lambda message: None") + heavy).split("\n")[:2] == ["[]", "[]"]


def test_with_a_hub_its_sdk_is_loaded_in_the_sending_thread_alone():
    environment = {
        "OUTERLOOP_TELEMETRY_CONNECTION": "Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=n;SharedAccessKey=k",
        "OUTERLOOP_TELEMETRY_HUB": "telemetry",
    }
    code = FOREIGN.replace("PUBLISH", "None") + (
        "while 'azure.eventhub' not in sys.modules: threading.Event().wait(0.01)\nprint('loaded', flush=True)"
    )
    assert python(code, env=environment).split("\n")[:2] == ["[]", "loaded"]


def test_importing_it_starts_no_thread():
    assert python("import threading, outerloop_emitter; print(threading.active_count())").strip() == "1"


def test_what_is_queued_leaves_when_the_process_ends():
    code = (
        "import outerloop_emitter, sys\n"
        "c = outerloop_emitter.Collector('/d', lambda m: print(len(m) > 0, flush=True))\n"
        "c.collect([{'a': 1}], [0.5])\n"
    )
    assert python(code).strip() == "True"


def test_an_exit_does_not_wait_for_a_hub_that_hangs():
    code = (
        "import outerloop_emitter, threading\n"
        "c = outerloop_emitter.Collector('/d', lambda m: threading.Event().wait(), outerloop_emitter.Limits(linger_seconds=0))\n"
        "c.collect([{'a': 1}], [0.5])\n"
        "print('ends')\n"
    )
    started = time.monotonic()
    assert python(code).strip() == "ends"
    assert time.monotonic() - started < 20


def test_collecting_costs_less_than_writing_the_rows_as_json(collector):
    rows = [{f"feature_{number}": number * 1.37 for number in range(12)} for _ in range(64)]

    def cheapest(work):
        costs = []
        for _ in range(50):
            started = time.perf_counter()
            work()
            costs.append(time.perf_counter() - started)
        return min(costs)

    assert cheapest(lambda: collector.collect(rows, [0.5] * 64)) < cheapest(lambda: json.dumps(rows))
