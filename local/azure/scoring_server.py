"""One deployment's process: loads a scoring script, calls init() once and then run() for each POST /score.

Owns the contract of Azure ML's inference server (azureml-inference-server-http): liveness at GET /, the raw body as
text into run(), its result out as JSON, an exception as 500. It knows nothing of endpoints, keys or traffic, and only
the standard library, so that it never gets in the way of what the script imports. It ends when its standard input
closes, which is how it dies with whoever started it.
"""

import argparse
import importlib.util
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

BODY_BYTES_MAX = 5 * 1024 * 1024
IDLE_SECONDS_MAX = 120.0  # longer than the router keeps an idle connection, so that it never reuses a dead one


class ScoringServer(ThreadingHTTPServer):
    """Answers on loopback, many connections at once; run() is called by one request at a time."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, run: Callable[[str], Any]) -> None:
        super().__init__(("127.0.0.1", 0), ScoringHandler)
        self._run = run
        self._run_lock = threading.Lock()

    def score(self, body: str) -> tuple[bytes, float]:
        """The JSON that run() answered and the milliseconds it took; raises whatever run() raised."""
        with self._run_lock:
            started = time.perf_counter()
            result = self._run(body)
            took_ms = (time.perf_counter() - started) * 1000
        return json.dumps(result).encode(), took_ms


class ScoringHandler(BaseHTTPRequestHandler):
    """One keep-alive connection."""

    server: ScoringServer
    protocol_version = "HTTP/1.1"
    server_version = "outerloop-scoring"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet
    timeout = IDLE_SECONDS_MAX

    def do_GET(self) -> None:
        """Liveness and readiness, both at /."""
        if self.path == "/":
            self._answer(200, b"Healthy", "text/plain")
        else:
            self._answer(404, b"Not found", "text/plain")

    def do_POST(self) -> None:
        """Score one request; 404 elsewhere than /score, 411 without a length, 413 over 5 MB, 400 unless UTF-8."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._refuse(411, b"A Content-Length is required")
        elif int(length) > BODY_BYTES_MAX:
            self._refuse(413, b"The request is over 5 MB")
        else:
            body = self.rfile.read(int(length))
            if self.path == "/score":
                self._score(body)
            else:
                self._answer(404, b"Not found", "text/plain")

    def _score(self, body: bytes) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            self._answer(400, b"The request is not UTF-8", "text/plain")
            return
        try:
            result, took_ms = self.server.score(text)
        except Exception as error:  # noqa: BLE001 -- whatever the script raises is its answer, and goes to its log
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}".encode()
            self._answer(500, message, "text/plain", {"x-ms-run-function-failed": "True"})
        else:
            headers = {"x-ms-run-function-failed": "False", "x-ms-run-fn-exec-ms": f"{took_ms:.3f}"}
            self._answer(200, result, "application/json", headers)

    def _refuse(self, status: int, message: bytes) -> None:
        self.close_connection = True  # the unread body would be taken for the next request
        self._answer(status, message, "text/plain", {"Connection": "close"})

    def _answer(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the router writes the traffic log, and a line for each request would fill the disk."""


def load_script(code: Path, script: str) -> ModuleType:
    """Import `code/script`, its own folder and `code` importable first; raises what the script raises."""
    path = code / script
    sys.path[:0] = list(dict.fromkeys([str(path.parent), str(code)]))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _die_with_parent() -> None:
    """Block on standard input, and end at once when it closes: nobody is left to ask for anything."""
    while os.read(0, 1024):
        pass
    os._exit(3)


def _leave(_signal: int, _frame: object) -> None:
    sys.exit(0)  # unlike a kill, this lets the script's atexit hooks send what they still hold


def main() -> None:
    """Serve until told to stop; the port goes to --ready-fd as one line, once init() has returned."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--code", type=Path, required=True)
    parser.add_argument("--script", required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    threading.Thread(target=_die_with_parent, daemon=True).start()
    script = load_script(options.code, options.script)
    if hasattr(script, "init"):
        script.init()
    server = ScoringServer(script.run)
    with os.fdopen(options.ready_fd, "w", encoding="ascii") as ready:
        ready.write(f"{server.server_port}\n")
    server.serve_forever(poll_interval=60)


if __name__ == "__main__":
    main()
