"""The processes that serve: one per online deployment, on loopback, each dying with this process.

Owns their start, readiness, address and end. It knows nothing of endpoints, keys, traffic or requests, and reads no
environment of its own: the caller says which variables a deployment sees.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

CHECKOUT = Path(__file__).resolve().parents[2]
EMITTER = CHECKOUT / "emitter"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 5.0
LOG_CHARACTERS_MAX = 4000


class DeploymentFailed(Exception):  # noqa: N818 -- a fact in the past tense, as every event here
    """A deployment did not become ready; the text is the end of its log."""


@dataclass(frozen=True)
class DeploymentKey:
    """Which deployment: lower-case ARM id of the workspace, endpoint name, deployment name."""

    workspace: str
    endpoint: str
    deployment: str

    @property
    def resource_id(self) -> str:
        """The ARM id of the deployment."""
        return f"{self.workspace}/onlineEndpoints/{self.endpoint}/deployments/{self.deployment}"


@dataclass(frozen=True)
class Serving:
    """A process that is ready, and where it answers."""

    process: asyncio.subprocess.Process
    url: str


class Deployments:
    """The running deployments of one local Azure; `environment` is what every one of them sees."""

    def __init__(self, state_dir: Path, environment: Mapping[str, str]) -> None:
        self._state_dir = state_dir / "deployments"
        self._environment = environment
        self._serving: dict[str, Serving] = {}  # by resource id, lower case

    async def start(
        self, key: DeploymentKey, code: Path, script: str, model: Path, environment: Mapping[str, str]
    ) -> None:
        """Serve `code/script` with `model` mounted; returns once it answers.

        A running deployment of the same key is replaced only after its successor is ready.

        Raises:
            DeploymentFailed: init() failed or took over 60 seconds; the predecessor, if any, goes on serving.
        """
        variables = dict(self._environment) | _platform_variables(key, model) | dict(environment)
        variables["PYTHONPATH"] = _python_path(environment.get("PYTHONPATH", self._environment.get("PYTHONPATH", "")))
        successor = await self._launch(key, code, script, variables)
        predecessor = self._serving.get(key.resource_id.lower())
        self._serving[key.resource_id.lower()] = successor
        if predecessor is not None:
            await _end(predecessor.process)

    async def stop(self, key: DeploymentKey) -> None:
        """End the process and wait for it; nothing happens when there is none."""
        serving = self._serving.pop(key.resource_id.lower(), None)
        if serving is not None:
            await _end(serving.process)

    async def stop_all(self) -> None:
        """End every process."""
        serving, self._serving = self._serving, {}
        await asyncio.gather(*(_end(each.process) for each in serving.values()))

    def url(self, key: DeploymentKey) -> str | None:
        """Where the deployment answers (no trailing slash), or None when it is not running (any more)."""
        serving = self._serving.get(key.resource_id.lower())
        return serving.url if serving is not None and serving.process.returncode is None else None

    def log_text(self, key: DeploymentKey) -> str:
        """The end of what the deployment printed, as `get-logs` shows it; empty when it never ran."""
        path = self._log_path(key)
        return path.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS_MAX:] if path.exists() else ""

    def _log_path(self, key: DeploymentKey) -> Path:
        return self._state_dir / key.workspace.rsplit("/", 1)[-1] / key.endpoint / f"{key.deployment}.log"

    async def _launch(self, key: DeploymentKey, code: Path, script: str, variables: dict[str, str]) -> Serving:
        log_path = self._log_path(key)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        process, read_fd = await _spawn(log_path, variables, code, script)
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                return Serving(process, await _first_answer(read_fd))
        except (TimeoutError, ValueError, httpx.HTTPError) as error:
            # one that closed the pipe unheard is ending by itself: a signal would race asyncio for its exit code
            await (_gone(process) if isinstance(error, ValueError) else _end(process))
            late = isinstance(error, TimeoutError)
            reason = "not ready in time" if late else f"the scoring script did not start (exit {process.returncode})"
            raise DeploymentFailed(f"{key.deployment}: {reason}\n{self.log_text(key)}") from error
        except asyncio.CancelledError:
            await _end(process)
            raise


async def _spawn(
    log_path: Path, variables: dict[str, str], code: Path, script: str
) -> tuple[asyncio.subprocess.Process, int]:
    """Start a scoring server; with it comes the descriptor on which it will report its port."""
    read_fd, write_fd = os.pipe()
    try:
        with log_path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *_command(code, script, write_fd),
                stdin=asyncio.subprocess.PIPE,  # the lifeline: it closes when this process dies, however it dies
                stdout=log,
                stderr=log,
                pass_fds=[write_fd],
                cwd=log_path.parent,
                env=variables,
            )
    except OSError:
        os.close(read_fd)
        raise
    finally:
        os.close(write_fd)
    return process, read_fd


def _command(code: Path, script: str, ready_fd: int) -> list[str]:
    server = [sys.executable, "-m", "local.azure.scoring_server"]
    return [*server, "--code", str(code.resolve()), "--script", script, "--ready-fd", str(ready_fd)]


async def _first_answer(read_fd: int) -> str:
    """Wait until the child reports its port and answers the liveness probe; ValueError when it ended before."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb")
    )
    try:
        url = f"http://127.0.0.1:{int(await reader.readline())}"
    finally:
        transport.close()
    async with httpx.AsyncClient(trust_env=False) as client:
        (await client.get(url + "/")).raise_for_status()
    return url


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    await _gone(process)


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that is ending; kill it when it takes too long."""
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _platform_variables(key: DeploymentKey, model: Path) -> dict[str, str]:
    """What Azure ML sets for every deployment, and our own resource id for the emitter."""
    return {
        "AZUREML_MODEL_DIR": str(model.resolve()),
        "AZUREML_ENDPOINT": key.endpoint,
        "AZUREML_DEPLOYMENT": key.deployment,
        "OMP_NUM_THREADS": "1",
        "OUTERLOOP_DEPLOYMENT_ID": key.resource_id,
        "PYTHONUNBUFFERED": "1",
    }


def _python_path(extra: str) -> str:
    """The emitter plays the part of an installed package; the checkout is needed to find the scoring server."""
    return os.pathsep.join(part for part in (extra, str(EMITTER), str(CHECKOUT)) if part)
