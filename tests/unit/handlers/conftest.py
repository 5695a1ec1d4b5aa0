"""The process's application on a store of its own, and requests as the Functions host makes them."""

import base64
import json
import shutil
from pathlib import Path
from urllib.parse import urlencode

import azure.functions as func
import pytest

from shared import runtime

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "flight_delays"
GROUP = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """The settings of an installation; the process has no application yet."""
    for name in ("policy.yaml", "sample_request.json"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    monkeypatch.setenv("OUTERLOOP_POLICY", str(tmp_path / "policy.yaml"))
    monkeypatch.setenv("OUTERLOOP_STORE", str(tmp_path / "outerloop.db"))
    monkeypatch.setenv("OUTERLOOP_SIGNING_KEY", "a long random text")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")
    monkeypatch.setattr(runtime, "_process", runtime._Process())
    return monkeypatch


@pytest.fixture
async def app(environment):
    """The application that the handlers will find."""
    app = await runtime.application()
    yield app
    await app.store.close()


@pytest.fixture
def request_of():
    """Builds an HTTP request."""

    def build(method, body=b"", headers=None, token=""):
        return func.HttpRequest(
            method=method,
            url=f"http://localhost/api/{token}",
            headers=headers or {},
            route_params={"token": token},
            body=body,
        )

    return build


@pytest.fixture
def signed_in():
    """The headers of somebody whom the platform has recognised."""

    def build(name="eve@contoso.com", groups=(GROUP,)):
        claims = [{"typ": "groups", "val": group} for group in groups]
        principal = base64.b64encode(json.dumps({"claims": claims}).encode()).decode()
        return {"X-MS-CLIENT-PRINCIPAL-NAME": name, "X-MS-CLIENT-PRINCIPAL": principal}

    return build


@pytest.fixture
def post_of(request_of, signed_in):
    """Builds the request that a browser makes of a form."""

    def build(token, fields, headers=None):
        known = signed_in() if headers is None else headers
        typed = {**known, "Content-Type": "application/x-www-form-urlencoded"}
        return request_of("POST", urlencode(fields).encode(), typed, token)

    return build


@pytest.fixture
def commit(app):
    """Writes an evaluation on top of the facts as they are."""

    async def write(evaluation):
        stored = await app.store.facts(evaluation.decision.subject)
        await app.store.commit(evaluation, stored.etag)

    return write
