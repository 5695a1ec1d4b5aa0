"""A wire in front of a local peer, on which a test can refuse, lose, cut short and rewrite what passes.

Owns the connection. It knows no command and no adapter: which request is to be hit is said by method and path.
"""

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

OWN = {"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Request:
    """Which requests are hit: by method and the end of the path, as a pattern."""

    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        return re.fullmatch(self.method, method) is not None and re.fullmatch(f".*{self.path}", path) is not None


ANY = Request(".*", "")


@dataclass
class Fault:
    """What becomes of the next request that matches, after ``skipped`` others that do. Used up once it was played."""

    on: Request
    status: int | None = None  # refused with this status, and never passed on
    headers: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False  # passed on and done; the connection ends without an answer
    is_cut: bool = False  # the same, in the middle of the answer
    change: Callable[[Any], Any] | None = None  # the answer's document becomes another one
    bytes_kept: int | None = None  # the answer is whole by its own account, and has only so many bytes
    skipped: int = 0
    without: str = ""  # a header that the answer lacks, in lower case
    error: dict[str, Any] | None = None  # what a refusal says, instead of that the wire says so

    def refusal(self) -> tuple[int, bytes, dict[str, str]]:
        error = self.error or {"code": f"Fault{self.status}", "message": "the wire says so"}
        return self.status, json.dumps({"error": error}).encode(), {"content-type": "application/json", **self.headers}


class FaultyWire:
    """What is to go wrong, and what was asked."""

    def __init__(self, target: str, ca_file: str | None) -> None:
        self.url = ""
        self.asked: list[str] = []
        self._target = target
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        verify = ssl.create_default_context(cafile=ca_file) if ca_file else False
        self._client = httpx.Client(verify=verify, timeout=30, trust_env=False)

    def play(self, *faults: Fault) -> None:
        """These, instead of whatever is left of others."""
        with self._lock:
            self._faults = list(faults)

    def is_played(self) -> bool:
        """Whether every fault met its request."""
        with self._lock:
            return not self._faults

    def take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.asked.append(f"{method} {path}")
            fault = next((each for each in self._faults if each.on.matches(method, path)), None)
            if fault and fault.skipped:
                fault.skipped -= 1
                return None
            if fault:
                self._faults.remove(fault)
            return fault

    def pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "accept-encoding"}
        answer = self._client.request(handler.command, self._target + handler.path, content=body, headers=headers)
        told = {name: value for name, value in answer.headers.items() if name not in OWN}
        length = answer.headers.get("content-length", "0") if handler.command == "HEAD" else str(len(answer.content))
        return answer.status_code, answer.content, {**told, "content-length": length}

    def close(self) -> None:
        self._client.close()


def _handler(wire: FaultyWire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fault = wire.take(self.command, self.path.partition("?")[0]) or Fault(ANY)
            status, content, headers = fault.refusal() if fault.status else wire.pass_on(self, body)
            if fault.is_lost:
                self.close_connection = True
                return
            if fault.change:
                content = json.dumps(fault.change(json.loads(content or b"null"))).encode()
            content = content[: fault.bytes_kept]
            headers = {name: value for name, value in headers.items() if name != fault.without}
            if self.command != "HEAD":
                headers = {**headers, "content-length": str(len(content))}
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[: len(content) // 2] if fault.is_cut else content)
            self.close_connection |= fault.is_cut and bool(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - names that http.server calls

        def log_message(self, *_: Any) -> None:
            """Tests say what they saw."""

    return Handler


@contextmanager
def wired(target: str, ca_file: str | None) -> Iterator[FaultyWire]:
    """The wire before a local peer, whose certificate it shows as its own; without one, neither speaks TLS."""
    wire = FaultyWire(target, ca_file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(wire))
    server.daemon_threads = True
    server.socket.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # else each handshake waits for acknowledgements
    if ca_file:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = Path(ca_file).parent
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wire.url = f"{'https' if ca_file else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        wire.close()
