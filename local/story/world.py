"""The processes of one machine: the local Azure and the app host, each with what it needs to know of the other.

Owns starting, stopping and their files. Knows nothing of the story that is played in it.
"""

import json
import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.azurite import Azurite, install
from shared.settings import PREFIX

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "flight_delays"
DIGITS = ROOT / "examples" / "handwritten_digits"
START_SECONDS = 60.0
STOP_SECONDS = 15.0
SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mlops"
PROVIDER = f"{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/workspaces"
ENVIRONMENTS = ("dev", "stg", "prod")
DEVELOPMENT, STAGING, PRODUCTION = (f"{PROVIDER}/flights-{name}" for name in ENVIRONMENTS)
DIGITS_DEVELOPMENT, DIGITS_STAGING, DIGITS_PRODUCTION = (f"{PROVIDER}/digits-{name}" for name in ENVIRONMENTS)
PEOPLE = {
    "alice@contoso.com": {"id": "a1", "groups": ["00000000-0000-0000-0000-000000000001"]},
    "bob@contoso.com": {"id": "b2", "groups": ["00000000-0000-0000-0000-000000000001"]},
    "mallory@contoso.com": {"id": "c3", "groups": []},
}


class StoryError(AssertionError):
    """The story did not go as it should; the text says what was expected and what was seen."""


@dataclass(frozen=True)
class World:
    """The addresses of a running world. ``azure`` is the content of azure.json, ``settings`` the app's settings."""

    state: Path
    azure: dict[str, Any]
    app_url: str
    settings: dict[str, str]

    @property
    def settings_file(self) -> Path:
        """The settings of our own, to be sourced by a shell."""
        return self.state / "settings.env"

    @property
    def control_url(self) -> str:
        """The control interface of the local Azure."""
        return str(self.azure["control_url"])


@contextmanager
def running(state: Path, storage: str = "file") -> Iterator[World]:
    """A fresh world in an empty folder: its processes up and subscribed to each other, and gone afterwards.

    The app keeps its state in a file, or with ``storage`` azurite in an emulated storage account.
    """
    seed, users = _write_seed(state), state / "users.json"
    users.write_text(json.dumps(PEOPLE), encoding="utf-8")
    started: list[subprocess.Popen[bytes]] = []
    azurite = Azurite(install(), state / "azurite.log", state / "storage") if storage == "azurite" else None
    try:
        if azurite:
            azurite.start()
        azure_state, host_state = state / "azure", state / "host"
        started.append(_start(state, "azure", ["local.azure", "--state", str(azure_state), "--seed", str(seed)], {}))
        azure = _ready(started[-1], azure_state / "azure.json", state / "azure.log")
        settings = _settings(azure, azurite.connection_string if azurite else str(state / "outerloop.db"))
        arguments = ["local.host", "--state", str(host_state), "--users", str(users), "--redeliver", "3"]
        started.append(_start(state, "host", arguments, settings))
        host = _ready(started[-1], host_state / "app_host.json", state / "host.log")
        world = World(state, azure, host["url"], settings | _doors(host))
        write_settings(world)
        yield world
    finally:
        for process in reversed(started):
            _stop(process)
        if azurite:
            azurite.stop()


def write_settings(world: World) -> None:
    """What ``outerloop`` needs to look at this very loop, also after it has ended, as a file to source.

    Only our own settings: with the local Azure's certificate in their shell, people's other programs would trust nobody.
    """
    ours = sorted((name, value) for name, value in world.settings.items() if name.startswith(PREFIX))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in ours]
    world.settings_file.touch(mode=0o600)
    world.settings_file.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _doors(host: dict[str, Any]) -> dict[str, str]:
    """The addresses that a subscription and an action group are given, each with its key."""
    return {
        "STORY_EVENT_GRID_URL": str(host["event_grid_url"]).replace("{function}", "on_event_grid"),
        "STORY_ALERTS_URL": f"{host['url']}/api/alerts?code={host['key']}",
    }


def _write_seed(state: Path) -> Path:
    seed = {
        "workspaces": [DEVELOPMENT, STAGING, PRODUCTION, DIGITS_DEVELOPMENT, DIGITS_STAGING, DIGITS_PRODUCTION],
        "registries": ["contoso-registry"],
        "environments": ["flight-env", "digits-env"],
        "components": [
            *({"path": str(example / name)} for example in (EXAMPLE, DIGITS) for name in ("train.yml", "evaluate.yml")),
            {"path": str(DIGITS / "compare.yml")},
        ],
        "codes": [
            {"name": name, "version": "1", "folder": str(example / "src")}
            for name, example in (("flight-score", EXAMPLE), ("digits-score", DIGITS))
        ],
        "hubs": ["telemetry", "announcements"],
        "channels": ["mlops", "infrastructure", "annotation"],
        "exchanges": True,
    }
    path = state / "seed.yaml"
    path.write_text(json.dumps(seed, indent=1), encoding="utf-8")  # JSON is YAML
    return path


def _settings(azure: dict[str, Any], store: str) -> dict[str, str]:
    port = _free_port()
    return {
        "OUTERLOOP_POLICY": str(EXAMPLE / "policy.yaml"),
        "OUTERLOOP_POLICY_OVERLAY": str(EXAMPLE / "fast.yaml"),
        "OUTERLOOP_STORE": store,
        "OUTERLOOP_SIGNING_KEY": secrets.token_urlsafe(32),
        "OUTERLOOP_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OUTERLOOP_DASHBOARD": "open",
        "OUTERLOOP_ARM_URL": azure["arm_url"],
        "OUTERLOOP_POLL_SECONDS": "0.5",
        "OUTERLOOP_SWEEP_SCHEDULE": "* * * * * *",
        "OUTERLOOP_TELEMETRY_HUB": azure["hub"],
        "OUTERLOOP_TELEMETRY_CONNECTION": azure["event_hubs_connection_string"],
        "OUTERLOOP_PUBLISH_TOPIC": azure["topic_url"],  # by the identity, so that both ways in are used
        "OUTERLOOP_PUBLISH_HUB": "announcements",
        "OUTERLOOP_PUBLISH_HUB_CONNECTION": azure["event_hubs_connection_string"],
        **{f"OUTERLOOP_TEAMS_{name.upper()}": url for name, url in azure["teams_urls"].items()},
        "OUTERLOOP_SMTP_HOST": azure["smtp_host"],
        "OUTERLOOP_SMTP_PORT": str(azure["smtp_port"]),
        "IDENTITY_ENDPOINT": azure["identity_endpoint"],
        "IDENTITY_HEADER": azure["identity_header"],
        "REQUESTS_CA_BUNDLE": azure["ca_file"],
        "SSL_CERT_FILE": azure["ca_file"],
        "WEBSITE_AUTH_ENABLED": "True",
        "LOCAL_PORT": str(port),
    }


def _free_port() -> int:
    import socket  # noqa: PLC0415  # only needed to find a port that the app's own links can name

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(state: Path, name: str, module: list[str], settings: dict[str, str]) -> subprocess.Popen[bytes]:
    log = (state / f"{name}.log").open("wb")
    port = ["--port", settings["LOCAL_PORT"]] if "LOCAL_PORT" in settings else []
    # azure-ai-ml leaves AZUREML_* in the environment of a process, and would trip over what another one left there.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AZUREML_")}
    environment = {**inherited, **settings, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *module, *port]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _ready(process: subprocess.Popen[bytes], file: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StoryError(
                f"a process ended before it was ready; its log:\n{log.read_text(encoding='utf-8')[-3000:]}"
            )
        if file.exists():
            return dict(json.loads(file.read_text(encoding="utf-8")))
        time.sleep(0.05)
    raise StoryError(f"{file.name} was not written within {START_SECONDS:.0f} s; see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
