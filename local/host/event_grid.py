"""The Event Grid webhook: what Azure's extension answers between Event Grid and the Event Grid triggers.

Owns the key, both handshakes, both envelopes and the status codes, which decide whether Event Grid sends again: 400
and 401 are final, 404 and 500 are not. Behaviour: Azure/azure-functions-eventgrid-extension. It calls a function once
for each event, and knows nothing of the events' meaning.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any

from azure.functions.meta import Datum
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.host.bindings import Function
from local.host.conversion import decode
from local.host.invocation import Invoker
from local.host.requests import BodyTooLargeError, holds_key, read_body

PATH = "/runtime/webhooks/eventgrid"
TRIGGER = "eventGridTrigger"

logger = logging.getLogger(__name__)


class MalformedDeliveryError(Exception):
    """The body is not JSON, or is neither an event nor an array of events."""


class EventGridEntry:
    """Answers what Event Grid posts for any of the functions."""

    def __init__(self, functions: Iterable[Function], invoker: Invoker, key: str) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._invoker = invoker
        self._key = key

    def route(self) -> Route:
        """The one route of all Event Grid triggers; the query names the function."""
        return Route(PATH, self.answer, methods=["POST", "OPTIONS"])

    async def answer(self, request: Request) -> Response:
        """Answer a handshake or a delivery."""
        if not holds_key(request, self._key):
            return Response(status_code=401)
        name = request.query_params.get("functionName", "")
        function = self._functions.get(name.lower())
        if function is None:
            return PlainTextResponse(f"cannot find function: '{name}'", 404)
        if request.method == "OPTIONS":
            return _allowed(request)
        try:
            return await self._posted(function, request)
        except MalformedDeliveryError as error:
            return PlainTextResponse(str(error), 400)
        except BodyTooLargeError:
            return Response(status_code=413)

    async def _posted(self, function: Function, request: Request) -> Response:
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation":
                return _validated(_events(await read_body(request)))
            case "notification":
                events = _events(await read_body(request))
                return await self._invoker.finish(self._delivered(function, events))
            case "unsubscribe":
                return Response(status_code=202)
            case kind:
                return PlainTextResponse(f"the header aeg-event-type is missing or unknown: {kind!r}", 400)

    async def _delivered(self, function: Function, events: list[dict[str, Any]]) -> Response:
        """202 when every event was taken; otherwise 500, and Event Grid sends all of them again."""
        taken = await asyncio.gather(*(self._taken(function, event) for event in events))
        if all(taken):
            return Response(status_code=202)
        return PlainTextResponse(f"{taken.count(False)} of {len(taken)} events failed", 500)

    async def _taken(self, function: Function, event: dict[str, Any]) -> bool:
        try:
            argument = decode(TRIGGER, Datum(json.dumps(event), "json"))
        except (ValueError, TypeError) as error:  # a time that is none: the worker fails the invocation, and so do we
            logger.warning("%s cannot be given the event %s: %s", function.name, event.get("id"), error)
            return False
        return await self._invoker.succeeds(function, argument)


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise MalformedDeliveryError(f"the body is not JSON: {error}") from error
    events = content if isinstance(content, list) else [content]
    if not all(isinstance(event, dict) for event in events):
        raise MalformedDeliveryError("the body is neither an event nor an array of events")
    return events


def _validated(events: list[dict[str, Any]]) -> Response:
    try:
        return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
    except (IndexError, KeyError, TypeError) as error:
        raise MalformedDeliveryError("the validation event has no data.validationCode") from error


def _allowed(request: Request) -> Response:
    """The handshake of CloudEvents (http-webhook.md, section 4): whoever holds the key may send, as fast as it asks."""
    allowed = {
        "WebHook-Allowed-Origin": request.headers.get("webhook-request-origin", "*"),
        "WebHook-Allowed-Rate": request.headers.get("webhook-request-rate", "*"),
    }
    return Response(status_code=200, headers=allowed)
