"""An HTTPS server that answers what a test wrote down, so that adapters are tested at the wire."""

import asyncio
import base64
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from azure.core.credentials import AccessToken
from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """ARM's error body."""
    return Answer(status, {"error": {"code": code, "message": message}}, headers)


class ScriptedAzure:
    """Answers by method and the end of the path; several answers are used in turn, the last one for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._script: list[tuple[str, re.Pattern[str], list[Answer]]] = []

    def reset(self) -> None:
        self.asked.clear()
        self._script.clear()

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._script.insert(0, (method, re.compile(f".*{path}$"), list(answers)))

    def writes(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method != "GET"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        path = request.url.path
        self.asked.append(Asked(request.method, path, dict(request.query_params), _parsed(raw), dict(request.headers)))
        answer = self._answer(request.method, path)
        await asyncio.sleep(answer.delay_seconds)
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        if isinstance(answer.body, str):
            content = answer.body.encode()
        await Response(content, answer.status, answer.headers, "application/json")(scope, receive, send)

    def _answer(self, method: str, path: str) -> Answer:
        for scripted, pattern, answers in self._script:
            if scripted == method and pattern.match(path):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return refusal(404, "ResourceNotFound", f"nothing at {method} {path}")


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode()


@contextmanager
def serving(app: Any, folder: Path) -> Iterator[tuple[str, Path]]:
    """An HTTPS server on loopback: its address and the file with its certificate authority."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    ca_file, chain, key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    authority.cert_pem.write_to_path(ca_file)
    chain.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(key)
    listener = socket.create_server(("127.0.0.1", 0))
    # Else the end of an answer waits for an acknowledgement of its beginning, as asyncio knows no protocol of this socket.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app,
        log_level="error",
        ssl_certfile=str(chain),
        ssl_keyfile=str(key),
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)  # noqa: TID251 - a real server starts in real time
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", ca_file
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()


class StaticCredential:
    """A token that looks like Entra's, for whatever audience is asked."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        claims = {"tid": "tenant", "oid": "app", "aud": scopes[0].removesuffix("/.default"), "exp": 9999999999}
        token = f"{_base64({'alg': 'none'})}.{_base64(claims)}.c2ln"
        return AccessToken(token, 9999999999)


def _base64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def cloud_of(url: str) -> dict[str, str]:
    return {
        "azure_portal": "https://portal.azure.com/",
        "resource_manager": url,
        "active_directory": url,
        "aml_resource_id": "https://ml.azure.com",
        "storage_endpoint": "core.windows.net",
        "registry_discovery_endpoint": f"{url}/",
    }
