"""Microsoft's own worker indexes and invokes the function app of this repository, and agrees with the local host.

The worker library runs on Python 3.13 only and is no dependency of ours: elsewhere these tests are skipped, but not
in CI on 3.13 and above. Each app gets a process of its own.
"""

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.host_under_test import PREAMBLE
from tests.contracts.test_local_host import EVERY_TRIGGER
from tests.contracts.test_local_host_bindings import REFUSED

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("worker_driver.py")

# What this repository's app declares: name to trigger type. Edit it together with handlers/.
FUNCTIONS = {
    "on_event_grid": "eventGridTrigger",
    "on_telemetry": "eventHubTrigger",
    "execute_command": "queueTrigger",
    "sweep": "timerTrigger",
    "show_approval": "httpTrigger",
    "answer_approval": "httpTrigger",
    "dashboard": "httpTrigger",
    "receive_alerts": "httpTrigger",
    "receive_events": "httpTrigger",
    "receive_registry_webhook": "httpTrigger",
    "status": "httpTrigger",
    "workload": "httpTrigger",
    "drift_plot": "httpTrigger",
}
SETTINGS = {
    "OUTERLOOP_POLICY": str(ROOT / "examples" / "flight_delays" / "policy.yaml"),
    "OUTERLOOP_SIGNING_KEY": "signs nothing that anybody sees",
}
IN_CI = bool(os.environ.get("CI"))  # noqa: TID251 - CI says so in the environment only


@pytest.fixture(scope="module", autouse=True)
def worker() -> None:
    """The worker library, or the reason why there is none."""
    suited = sys.version_info >= (3, 13)
    if suited and importlib.util.find_spec("azure_functions_runtime"):
        return
    reason = "azure-functions-runtime is not installed" if suited else "azure-functions-runtime needs Python 3.13"
    if suited and IN_CI:
        pytest.fail(f"{reason}: CI must not pass without Microsoft's worker")
    pytest.skip(reason)


def drive(folder: Path, **settings: str) -> dict[str, Any]:
    """What the worker made of the app in a folder."""
    command = [sys.executable, str(DRIVER), str(folder)]
    environment = os.environ | settings  # noqa: TID251 - a process inherits one
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def write(folder: Path, source: str) -> Path:
    (folder / "function_app.py").write_text(PREAMBLE + textwrap.dedent(source))
    return folder


def test_the_worker_indexes_and_invokes_an_app_with_every_trigger(tmp_path: Path) -> None:
    answer = drive(write(tmp_path, EVERY_TRIGGER))
    assert answer["index"] == {
        "hello": "httpTrigger",
        "on_event": "eventGridTrigger",
        "on_telemetry": "eventHubTrigger",
        "execute": "queueTrigger",
        "sweep": "timerTrigger",
    }
    assert answer["results"] == {name: {"ok": True} for name in answer["index"]} | {
        "hello": {"ok": True, "status": 200}
    }


@pytest.mark.parametrize("source", [source for source, _ in REFUSED.values()], ids=REFUSED.keys())
def test_what_the_local_host_refuses_the_worker_refuses_too(tmp_path: Path, source: str) -> None:
    assert drive(write(tmp_path, source)).get("refused")


def test_the_hub_of_platform_events_is_a_function_only_where_it_is_set(tmp_path: Path) -> None:
    hub = {"OUTERLOOP_PLATFORM_HUB": "platform", "OUTERLOOP_PLATFORM_CONNECTION": "Endpoint=sb://somewhere/"}
    answer = drive(ROOT, **SETTINGS, **hub, OUTERLOOP_STORE=str(tmp_path / "store.db"))
    assert answer.get("index") == FUNCTIONS | {"on_platform_events": "eventHubTrigger"}, answer
    assert answer["results"]["on_platform_events"]["ok"], answer


def test_with_the_fast_converter_the_worker_invokes_everything_as_before(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    answer = drive(ROOT, **SETTINGS, OUTERLOOP_FAST_EVENT_HUB_CONVERTER="1", OUTERLOOP_STORE=store)
    assert answer.get("index") == FUNCTIONS, answer
    assert answer["results"]["on_telemetry"] == {"ok": True}


def test_a_failing_function_is_seen_by_the_driver(tmp_path: Path) -> None:
    source = """
    @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
    def sweep(timer: func.TimerRequest) -> None:
        raise RuntimeError("on purpose")
    """
    result = drive(write(tmp_path, source))["results"]["sweep"]
    assert not result["ok"]
    assert "on purpose" in result["error"]


def test_the_worker_indexes_and_invokes_the_app_of_this_repository(tmp_path: Path) -> None:
    answer = drive(ROOT, **SETTINGS, OUTERLOOP_STORE=str(tmp_path / "store.db"))
    assert answer.get("index") == FUNCTIONS, answer
    failed = {name: result for name, result in answer["results"].items() if not result["ok"]}
    assert failed == {}
    assert all(result.get("status", 200) < 500 for result in answer["results"].values())
