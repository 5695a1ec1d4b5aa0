"""Azurite, Microsoft's emulator of Azure storage, as a process of ours.

Owns where it is installed (from npm, into a folder that is not versioned), how it starts and how it ends. Knows nothing
of what is kept in it. Each process has an account key of its own, made when it starts.
``python -m local.azurite install`` installs it; ``python -m local.azurite run FOLDER`` runs it and prints its address.
"""

import argparse
import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

VERSION = "3.35.0"  # later ones ask for a newer Node.js than Functions tools need
INSTALLED = Path(__file__).parents[1] / ".state" / "azurite"
PATH_SETTING = "OUTERLOOP_AZURITE"
ACCOUNT = "outerloop"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
PAUSE_SECONDS = 0.05
SERVICES = ("blob", "queue", "table")

_SCRIPT = Path("node_modules") / "azurite" / "dist" / "src" / "azurite.js"


class AzuriteError(RuntimeError):
    """Azurite cannot be installed or started; the text says why."""


def find(folder: Path = INSTALLED) -> Path | None:
    """The script of an installed Azurite: in the folder that the setting names, else in the given one."""
    script = Path(os.environ.get(PATH_SETTING) or folder) / _SCRIPT
    return script if script.is_file() and shutil.which("node") else None


def install(folder: Path = INSTALLED) -> Path:
    """Install Azurite from npm unless it is there; returns its script. Raises AzuriteError."""
    known = find(folder)
    if known is not None:
        return known
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", f"azurite@{VERSION}"]
    try:
        subprocess.run([*command, "--prefix", str(folder.resolve())], check=True, cwd=folder)
    except (OSError, subprocess.CalledProcessError) as error:
        raise AzuriteError(f"npm could not install azurite@{VERSION}: {error}") from error
    found = find(folder)
    if found is None:
        raise AzuriteError(f"npm left no {folder / _SCRIPT}")
    return found


class Azurite:
    """One running Azurite, which keeps its data in a folder, or in memory when there is none."""

    def __init__(self, script: Path, log: Path, data: Path | None = None) -> None:
        self.script, self._log, self._data = script, log, data
        self._key = base64.b64encode(secrets.token_bytes(32)).decode()
        self._ports = {service: _free_port() for service in SERVICES}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def connection_string(self) -> str:
        """The address of the account, for any Azure SDK."""
        endpoints = [
            f"{service.capitalize()}Endpoint=http://127.0.0.1:{port}/{ACCOUNT}" for service, port in self._ports.items()
        ]
        parts = ["DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={self._key}", *endpoints]
        return ";".join(parts) + ";"

    def start(self) -> None:
        """Start the process and wait until it listens; also again, on the same ports and data. Raises AzuriteError."""
        ports = [argument for name, port in self._ports.items() for argument in (f"--{name}Port", str(port))]
        data = ["--location", str(self._data)] if self._data else ["--inMemoryPersistence"]
        command = ["node", str(self.script), "--silent", "--disableTelemetry", "--skipApiVersionCheck", *data, *ports]
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{self._key}"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not all(_listens(port) for port in self._ports.values()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AzuriteError(f"azurite did not start: see {self._log}")
            time.sleep(PAUSE_SECONDS)

    def wait(self) -> None:
        """Return when it has ended of its own accord."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Ask it to end, which makes it write what it holds, and wait. Stopping twice does no harm."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    azurite = Azurite(install(), folder / "azurite.log", folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        azurite.start()
        print(azurite.connection_string, flush=True)
        azurite.wait()
    except KeyboardInterrupt:
        pass
    finally:
        azurite.stop()


def main() -> None:
    """Install Azurite, or run it until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.azurite", description=main.__doc__)
    parser.add_argument("command", choices=["install", "run"])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(".state") / "storage")
    arguments = parser.parse_args()
    if arguments.command == "install":
        print(install())
    else:
        _run(arguments.folder)


if __name__ == "__main__":
    main()
