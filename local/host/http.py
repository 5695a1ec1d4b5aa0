"""HTTP triggers: the routes of the function app, their keys, and the form of requests and responses.

Owns what the real host does before and after an HTTP function: route templates, authorization levels, identity
headers, status codes for what goes wrong. Knows nothing of the meaning of a request.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local.host.bindings import Function, IndexingError
from local.host.conversion import decode, text
from local.host.invocation import Invoker
from local.host.principals import UnknownUserError, Users
from local.host.requests import BODY_BYTES_MAX, BodyTooLargeError, holds_key, joined_headers, read_body

METHODS = ("GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS")

_PARAMETER = re.compile(r"\{(\*?)(\w+)\}")
logger = logging.getLogger(__name__)


class HttpEntry:
    """Answers the requests of all HTTP functions."""

    def __init__(self, invoker: Invoker, users: Users, key: str) -> None:
        self._invoker = invoker
        self._users = users
        self._key = key

    def routes(self, functions: Iterable[Function], prefix: str) -> list[Route]:
        """One route for each path; literal paths go before those with parameters, as ASP.NET prefers them.

        Raises:
            IndexingError: two functions take the same method of a path, or a template has constraints or defaults.
        """
        by_path: dict[str, dict[str, Function]] = {}
        for function in functions:
            path = _path(function, prefix)
            for method in function.trigger.values.get("methods") or METHODS:
                other = by_path.setdefault(path, {}).setdefault(method.upper(), function)
                if other is not function:
                    raise IndexingError(f"both {other.name} and {function.name} take {method} {path}")
        paths = sorted(by_path, key=lambda path: (path.count(":path}"), path.count("{")))
        return [Route(path, _Endpoint(self, by_path[path])) for path in paths]

    async def answer(self, function: Function, request: Request) -> Response:
        """The function's response, or the host's own when the request does not get to the function."""
        if _needs_key(function) and not holds_key(request, self._key):
            return Response(status_code=401)
        try:
            headers = self._users.replace_headers(joined_headers(request))
            body = await read_body(request)
        except UnknownUserError as error:
            return PlainTextResponse(str(error), 401)
        except BodyTooLargeError:
            return PlainTextResponse(f"the body is larger than {BODY_BYTES_MAX} bytes", 413)
        return await self._invoker.finish(self._invoked(function, _argument(request, headers, body)))

    async def _invoked(self, function: Function, argument: Any) -> Response:
        try:
            return _response(await self._invoker.invoke(function, argument))
        except Exception:
            logger.exception("%s failed", function.name)
            return Response(status_code=500)


class _Endpoint:
    """The functions of one path, by method; Azure answers 404, not 405, to other methods (azure-functions-host issue 10098)."""

    def __init__(self, entry: HttpEntry, functions: Mapping[str, Function]) -> None:
        self._entry = entry
        self._functions = functions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        function = self._functions.get(scope["method"])
        if function is None:
            response = Response(status_code=404)
        else:
            response = await self._entry.answer(function, Request(scope, receive))
        await response(scope, receive, send)


def _path(function: Function, prefix: str) -> str:
    template = function.trigger.values["route"].strip("/")
    path = _PARAMETER.sub(lambda match: f"{{{match[2]}:path}}" if match[1] else f"{{{match[2]}}}", template)
    if re.search(r"[{}]", _PARAMETER.sub("", template)):
        raise IndexingError(f"function {function.name}: the local host reads {{name}} and {{*rest}}, not {template!r}")
    return "/" + "/".join(part for part in (prefix, path) if part)


def _needs_key(function: Function) -> bool:
    level = function.trigger.values.get("authLevel") or func.AuthLevel.FUNCTION.value
    return str(level).lower() != func.AuthLevel.ANONYMOUS.value


def _argument(request: Request, headers: Mapping[str, str], body: bytes) -> Any:
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        query[name] = f"{query[name]},{value}" if name in query else value
    datum = {
        "method": text(request.method),
        "url": text(str(request.url)),
        "headers": {name: text(value) for name, value in headers.items()},
        "query": {name: text(value) for name, value in query.items()},
        "params": {name: text(value) for name, value in request.path_params.items()},
        "body": Datum(body, "bytes"),
    }
    return decode("httpTrigger", Datum(datum, "http"))


def _response(result: Any) -> Response:
    """What the host sends for what the function returned; nothing is 204, a text is 200.

    Raises:
        TypeError: the function returned anything else.
    """
    if result is None:
        return Response(status_code=204)
    if isinstance(result, str):
        return PlainTextResponse(result)
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"an HTTP function returned a {type(result).__name__}")
    response = Response(result.get_body(), result.status_code)
    for name, value in result.headers.items():
        response.headers.append(name, value)
    if "content-type" not in result.headers:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        response.headers["content-type"] = f"{result.mimetype}{charset}"
    return response
