"""The front door of the local Azure Resource Manager: tokens, case-insensitive routing, and errors in ARM's shape.

Owns how a request becomes a call of a handler and how its answer goes back. What each resource does is in the modules
that hand their routes to :class:`Arm`. Registry calls come through ``/mferp/managementfrontend``, as the SDK sends them.
"""

import base64
import binascii
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.azure.errors import ArmError, not_found
from local.azure.references import SCOPE_PATTERN, Scope

_LOG = logging.getLogger(__name__)
_AUDIENCES = {
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://ml.azure.com",  # the MLflow endpoint and pipeline jobs ask for this one
}


@dataclass(frozen=True)
class ArmRequest:
    """What a handler sees: the names in the path, and the body already parsed. ``base_url`` is ours, for links.

    Names of headers are in small letters; ``audience`` is whom the caller's token is for.
    """

    base_url: str
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Any]
    found_scope: Scope | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    audience: str = ""

    @property
    def scope(self) -> Scope:
        """The workspace or registry that the path names.

        Raises:
            ArmError: 400 when the path names none.
        """
        if not self.found_scope:
            raise ArmError(400, "BadRequest", f"No workspace in {self.path}")
        return self.found_scope


@dataclass(frozen=True)
class ArmAnswer:
    """A body (None: no content), a status and headers."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[ArmRequest], Awaitable[ArmAnswer]]


@dataclass(frozen=True)
class ArmRoute:
    """A method, a path template such as ``{scope}/models/{name}``, and who answers."""

    method: str
    template: str
    handler: Handler


class Routed(Protocol):
    """A part of the local Azure that answers ARM requests."""

    def routes(self) -> list[ArmRoute]:
        """What it answers."""
        ...


class Arm:
    """Dispatches to routes; the first that matches wins. Scopes not in ``scopes`` are answered 404."""

    def __init__(self, scopes: Mapping[str, Scope], audience: str, routes: Iterable[ArmRoute]) -> None:
        self._scopes = scopes
        self._audiences = _AUDIENCES | {audience.rstrip("/")}
        self._routes = [(route, _pattern(route.template)) for route in routes]

    @property
    def templates(self) -> list[tuple[str, str]]:
        """Method and path template of everything that is answered."""
        return [(route.method, route.template) for route, _ in self._routes]

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request; a refusal becomes ARM's error body."""
        try:
            audience = self._authorize(request.headers.get("authorization", ""))
            answer = await self._dispatch(request, audience)
        except ArmError as error:
            return JSONResponse(error.body(), error.status)
        except Exception as error:  # noqa: BLE001 - the client must get ARM's shape; the log gets the trace
            _LOG.exception("%s %s", request.method, request.url.path)
            return JSONResponse(ArmError(500, "InternalServerError", repr(error)).body(), 500)
        if answer.body is None:
            return Response(status_code=answer.status, headers=dict(answer.headers))
        return JSONResponse(answer.body, answer.status, headers=dict(answer.headers))

    def _authorize(self, header: str) -> str:
        """Whom the token is for, when that is us."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ArmError(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        audience = str(_claims(token).get("aud", "")).rstrip("/")
        if audience not in self._audiences:
            raise ArmError(401, "InvalidAuthenticationTokenAudience", f"The access token is for {audience!r}.")
        return audience

    async def _dispatch(self, request: Request, audience: str) -> ArmAnswer:
        path = request.url.path.rstrip("/")
        if path.startswith("/subscriptions/") and not request.query_params.get("api-version"):
            message = "The api-version query parameter (?api-version=) is required for all requests."
            raise ArmError(400, "MissingApiVersionParameter", message)
        for route, pattern in self._routes:
            found = pattern.fullmatch(path)
            if found and route.method == request.method:
                return await route.handler(await self._parse(request, path, found.groupdict(), audience))
        raise not_found("Resource", f"{request.method} {path}")

    async def _parse(self, request: Request, path: str, names: dict[str, Any], audience: str) -> ArmRequest:
        return ArmRequest(
            base_url=f"{request.url.scheme}://{request.url.netloc}",
            path=path,
            names=names,
            query=request.query_params,
            body=_body(await request.body()),
            found_scope=self._scope(names),
            headers=dict(request.headers),
            audience=audience,
        )

    def _scope(self, names: dict[str, Any]) -> Scope | None:
        if "scope_name" not in names:
            return None
        parts = (names["subscription"], names["group"], names["scope_kind"].lower(), names["scope_name"])
        asked = Scope(*parts)
        known = self._scopes.get(asked.key)
        if not known:
            raise not_found("The Resource", f"'{asked.kind}/{asked.name}' under resource group '{asked.group}'")
        return known


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.sub(r"\\{(\w+)\\}", _group, re.escape(template))
    return re.compile(escaped, re.IGNORECASE)


def _group(found: re.Match[str]) -> str:
    return rf"(?:/mferp/managementfrontend)?{SCOPE_PATTERN}" if found[1] == "scope" else rf"(?P<{found[1]}>[^/]+)"


def _body(raw: bytes) -> dict[str, Any]:
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ArmError(400, "InvalidRequestContent", f"The request content was invalid: {error}") from error
    if not isinstance(body, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content must be an object.")
    return body


def _claims(token: str) -> dict[str, Any]:
    # Signatures are not checked: tokens come from our own identity endpoint, and what we prove is who they are for.
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error) as error:
        raise ArmError(401, "InvalidAuthenticationToken", "The access token is not a JWT.") from error
    return claims if isinstance(claims, dict) else {}
