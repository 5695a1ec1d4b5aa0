"""An Event Grid custom topic with the input schema CloudEvents v1.0, which keeps what it was sent.

Owns the checks that the real topic makes of a publish request (event-grid-how-tos post-to-custom-topic, "Response"): 200,
400 for events that are none, 401 for a key or token that is wrong, 404 for another path, 413 over 1 MiB. It delivers to
nobody: subscribers of a test look at what arrived. Knows nothing of what events say.
"""

import base64
import binascii
import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

API_VERSION = "2018-01-01"
AUDIENCE = "https://eventgrid.azure.net"
BATCH_BYTES_MAX = 1024 * 1024
BATCH_TYPE = "application/cloudevents-batch+json"
EVENT_TYPE = "application/cloudevents+json"
KEPT_MAX = 10_000
REQUIRED = ("id", "source", "specversion", "type")


class Topic:
    """One topic; ``key`` opens it, and so does a token for Event Grid."""

    path = "/api/events"

    def __init__(self) -> None:
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.received: list[dict[str, Any]] = []

    @property
    def routes(self) -> list[Route]:
        """What to mount into a Starlette application that is served with TLS."""
        return [Route(self.path, self._take, methods=["POST"])]

    async def _take(self, request: Request) -> Response:
        """All events of a request are kept, or none."""
        if not self._may_send(request):
            return _refusal(401, "Unauthorized", "The key or the token is not valid for this topic.")
        if request.query_params.get("api-version") != API_VERSION:
            return _refusal(400, "BadRequest", f"The api-version must be {API_VERSION}.")
        body = await request.body()
        if len(body) > BATCH_BYTES_MAX:
            return _refusal(413, "PayloadTooLarge", "The request is larger than 1 MB.")
        try:
            events = read_events(request.headers.get("content-type", ""), body)
        except ValueError as error:
            return _refusal(400, "BadRequest", str(error))
        self.received = [*self.received, *events][-KEPT_MAX:]
        return Response(status_code=200)

    def _may_send(self, request: Request) -> bool:
        shown = request.headers.get("aeg-sas-key")
        if shown is not None:
            return secrets.compare_digest(shown.encode(), self.key.encode())
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and _audience(token) == AUDIENCE


def read_events(content_type: str, body: bytes) -> list[dict[str, Any]]:
    """The CloudEvents of a request; ValueError says what the topic would not take."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {BATCH_TYPE, EVENT_TYPE}:
        raise ValueError(f"This topic takes CloudEvents v1.0 as {BATCH_TYPE} or {EVENT_TYPE}, not {kind or 'nothing'}.")
    found = json.loads(body)
    events = found if kind == BATCH_TYPE else [found]
    if not isinstance(events, list) or not events:
        raise ValueError("A batch is an array of events.")
    for event in events:
        _check(event)
    return events


def _check(event: Any) -> None:
    if not isinstance(event, dict):
        raise ValueError("An event is an object.")  # noqa: TRY004  # what a client sent, not what we were called with
    missing = [name for name in REQUIRED if not isinstance(event.get(name), str) or not event[name]]
    if missing:
        raise ValueError(f"The attribute {missing[0]} is required.")
    if event["specversion"] != "1.0":
        raise ValueError("The specversion must be 1.0.")
    wrong = [name for name in event if not (name.isascii() and name.isalnum() and name == name.lower())]
    if [name for name in wrong if name != "data_base64"]:
        raise ValueError(f"The attribute name {wrong[0]} must be lower-case letters and digits.")


def _audience(token: str) -> str:
    # As in ``arm``: what is proved is whom a token is for, not who signed it.
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return ""
    return str(claims.get("aud", "")).rstrip("/") if isinstance(claims, dict) else ""


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
