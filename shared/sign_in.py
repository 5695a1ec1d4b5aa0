"""Who is asking, as the platform's authentication (Easy Auth) tells in headers.

Owns the reading of those headers. They may only be believed when the platform strips what a client sends, which it does only
while authentication is on: so without that proof nobody is signed in. Source of the format: App Service,
"Work with user identities" (X-MS-CLIENT-PRINCIPAL is base64 of {"claims": [{"typ", "val"}]}).
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

GROUP_CLAIMS = frozenset({"groups", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"})


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person and the Entra groups that they are in."""

    name: str
    groups: tuple[str, ...]


class SignInError(PermissionError):
    """Nobody is signed in, or nothing proves that the platform checked."""


def person_of(headers: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Person:
    """The person behind a request. Raises SignInError that says what to switch on."""
    values = os.environ if environment is None else environment  # noqa: TID251  # set by the platform, not by us
    if values.get("WEBSITE_AUTH_ENABLED", "").lower() != "true":
        raise SignInError(
            "authentication is not switched on for this app, so nobody can be recognised: switch it on (Easy Auth)"
        )
    known = {key.lower(): value for key, value in headers.items()}
    name = known.get("x-ms-client-principal-name", "")
    if not name:
        raise SignInError("sign in first")
    return Person(name, _groups(known.get("x-ms-client-principal", "")))


def _groups(principal: str) -> tuple[str, ...]:
    try:
        claims = json.loads(base64.b64decode(principal, validate=True))["claims"]
        found = [claim["val"] for claim in claims if claim["typ"] in GROUP_CLAIMS]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        return ()
    return tuple(group for group in found if isinstance(group, str))
