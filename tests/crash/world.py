"""The processes of a crash test: an emulated storage account, the target, and the app's host, which is there to be killed.

Owns how each is started, frozen, killed and cleaned up after. Knows nothing of what is sent or of what is compared.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.azurite import Azurite, find
from local.host.event_grid import PATH
from tests.crash.load import CHANNEL, Door, Load

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 15.0
CALL_SECONDS = 6.0  # so a claim that a crash left is free after five times that


class WorldError(RuntimeError):
    """A process did not start; the text shows the end of its log."""


class Process:
    """A process in a session of its own, so that a signal reaches all that it started; its output goes to a file."""

    def __init__(self, arguments: list[str], settings: dict[str, str], log: Path) -> None:
        # azure-ai-ml leaves AZUREML_* in the environment of a process, and would trip over what another one left there.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AZUREML_", "OUTERLOOP_"))}
        self._command = [sys.executable, "-m", *arguments]
        self._environment = {**inherited, **settings, "PYTHONPATH": str(ROOT)}
        self._log = log
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again after it has ended."""
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything that it started."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, number)

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self._running is not None:
            self._running.wait()

    def stop(self) -> None:
        """Ask it to end and see to it that it does. Stopping what is not running does no harm."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._running is not None:
                self._running.wait(STOP_SECONDS_MAX)
        self.kill()
        self._running = None

    def check(self) -> None:
        """Raises WorldError when it has ended by itself."""
        if self._running is not None and self._running.poll() is not None:
            raise WorldError(f"a process ended by itself:\n{self._log.read_text(encoding='utf-8')[-3000:]}")


@dataclass(frozen=True)
class World:
    """Everything that runs, and where it is to be reached. The host is left to be started."""

    folder: Path
    azurite: Azurite
    azure: dict[str, Any]
    host: Process
    host_url: str
    key: str

    def door(self, door: Door) -> str:
        """The address that a source is given, with its key in it."""
        if door == "event_grid":
            return f"{self.host_url}{PATH}?functionName=on_event_grid&code={self.key}"
        return f"{self.host_url}/api/alerts?code={self.key}"

    def start_host(self) -> None:
        """Start the app's host and wait until it listens. Raises WorldError."""
        self.host.start()
        port = int(self.host_url.rpartition(":")[2])
        deadline = time.monotonic() + START_SECONDS_MAX
        while not _listens(port):
            self.host.check()
            if time.monotonic() > deadline:
                raise WorldError(f"the host did not listen within {START_SECONDS_MAX:.0f} s: see {self.folder}")
            time.sleep(0.05)


@contextmanager
def running(load: Load, folder: Path) -> Iterator[World]:
    """A fresh world for a load; nothing of it is left running afterwards. Raises WorldError or AzuriteError."""
    folder.mkdir(parents=True)
    script = find()
    if script is None:
        raise WorldError("Azurite is missing: python -m local.azurite install")
    azurite = Azurite(script, folder / "azurite.log", folder / "storage")
    azure_folder, seed = folder / "azure", folder / "seed.yaml"
    seed.write_text(json.dumps(load.seed(folder)), encoding="utf-8")  # JSON is YAML
    target = Process(["local.azure", "--state", str(azure_folder), "--seed", str(seed)], {}, folder / "azure.log")
    with contextlib.ExitStack() as stack:
        stack.callback(azurite.stop)
        azurite.start()
        stack.callback(target.stop)
        target.start()
        azure = _announced(target, azure_folder / "azure.json")
        port, key = _free_port(), secrets.token_urlsafe(24)
        settings = _settings(load, folder, azure, azurite) | {"LOCAL_HOST_KEY": key}
        arguments = ["local.host", "--state", str(folder / "host"), "--port", str(port), "--redeliver", "5"]
        host = Process(arguments, settings, folder / "host.log")
        stack.callback(host.stop)
        yield World(folder, azurite, azure, host, f"http://127.0.0.1:{port}", key)


def _settings(load: Load, folder: Path, azure: dict[str, Any], azurite: Azurite) -> dict[str, str]:
    policy = folder / "policy" / "policy.yaml"
    policy.parent.mkdir()
    policy.write_text(json.dumps(load.policy()), encoding="utf-8")
    (policy.parent / "request.json").write_text("{}", encoding="utf-8")
    return {
        "OUTERLOOP_POLICY": str(policy),
        "OUTERLOOP_STORE": azurite.connection_string,
        "OUTERLOOP_SIGNING_KEY": secrets.token_urlsafe(32),
        "OUTERLOOP_ARM_URL": azure["arm_url"],
        "OUTERLOOP_CALL_SECONDS": str(CALL_SECONDS),
        "OUTERLOOP_POLL_SECONDS": "0.5",
        "OUTERLOOP_SWEEP_SCHEDULE": "*/2 * * * * *",
        "OUTERLOOP_TELEMETRY_HUB": azure["hub"],
        "OUTERLOOP_TELEMETRY_CONNECTION": azure["event_hubs_connection_string"],
        f"OUTERLOOP_TEAMS_{CHANNEL.upper()}": azure["teams_urls"][CHANNEL],
        "IDENTITY_ENDPOINT": azure["identity_endpoint"],
        "IDENTITY_HEADER": azure["identity_header"],
        "REQUESTS_CA_BUNDLE": azure["ca_file"],
        "SSL_CERT_FILE": azure["ca_file"],
    }


def _announced(process: Process, file: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not file.exists():
        process.check()
        if time.monotonic() > deadline:
            raise WorldError(f"{file.name} was not written within {START_SECONDS_MAX:.0f} s")
        time.sleep(0.05)
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
