"""A peer in a process of its own, which takes a turn whenever it is asked to.

Owns the other end of ``serve``'s conversation. A peer that dies, or does not answer in time, is missing.
"""

import json
import os
import select
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.telemetry.peers.environments import ROOT, STATE, PeerMissingError
from benchmarks.telemetry.turns import Turn

ANSWER_SECONDS_MAX = 180

# A thread each, and no word to anybody: some peers report that they are used.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "PYTHONWARNINGS": "ignore",
}


class PeerProcess:
    """One peer, from its start until ``close``."""

    def __init__(
        self, python: Path, module: str, folder: Path, log: Path, settings: dict[str, str] | None = None
    ) -> None:
        environment = os.environ | QUIET | {"PYTHONPATH": str(ROOT)} | (settings or {})  # noqa: TID251  # inherited
        self._module, self._log = module, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(  # noqa: S603  # what we installed
                [str(python), "-m", "benchmarks.telemetry.peers.serve", module, str(folder)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
            )

    def __enter__(self) -> Self:
        try:
            self._answer()
        except PeerMissingError:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def turn(self, name: str) -> Turn:
        """One of its turns, to be taken among those of others."""
        return lambda: float(self._asked({"turn": name})["seconds"])

    def figure(self, name: str) -> float:
        """One of its figures. Raises PeerMissingError."""
        return float(self._asked({"figure": name})["value"])

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _asked(self, question: Mapping[str, str]) -> dict[str, Any]:
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._missing("ended") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        answers = self._process.stdout
        if answers is None or not select.select([answers], [], [], ANSWER_SECONDS_MAX)[0]:
            raise self._missing(f"gave no answer in {ANSWER_SECONDS_MAX} s")
        line = answers.readline()
        if not line:
            raise self._missing("ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def _missing(self, what: str) -> PeerMissingError:
        said = self._log.read_text(encoding="utf-8").strip().splitlines()[-5:]
        return PeerMissingError("\n".join([f"the peer {self._module} {what}; its last words:", *said]))


def log_of(name: str, state: Path = STATE) -> Path:
    """Where a peer's own words go."""
    return state / "logs" / f"{name}.log"
