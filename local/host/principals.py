"""Who is signed in: stands in for App Service authentication ("Easy Auth") in front of the app.

Owns the identity headers. In Azure the platform drops them from every request and adds its own, so that an app may
trust them; the same holds here. Header names and the claims document: azure-docs
app-service/configure-authentication-user-identities.md. People sign in by naming themselves: for one machine only.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WHO_HEADER = "x-local-user"
WHO_SETTING = "LOCAL_SIGNED_IN_AS"
_PLATFORM_HEADERS = ("x-ms-client-principal", "x-ms-token-aad-")
_NAME_CLAIM = "preferred_username"
_OBJECT_ID_CLAIM = "http://schemas.microsoft.com/identity/claims/objectidentifier"


class UnknownUserError(Exception):
    """Nobody of this name is in the file of users."""


@dataclass(frozen=True, slots=True)
class User:
    """A person: Entra object id, object ids of their groups, and the app roles they hold."""

    name: str
    id: str
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def headers(self) -> dict[str, str]:
        """What App Service adds to the requests of this person."""
        claims = [(_NAME_CLAIM, self.name), ("name", self.name), (_OBJECT_ID_CLAIM, self.id)]
        claims += [("groups", group) for group in self.groups] + [("roles", role) for role in self.roles]
        principal = {
            "auth_typ": "aad",
            "claims": [{"typ": kind, "val": value} for kind, value in claims],
            "name_typ": _NAME_CLAIM,
            "role_typ": "roles",
        }
        return {
            "x-ms-client-principal-id": self.id,
            "x-ms-client-principal-name": self.name,
            "x-ms-client-principal-idp": "aad",
            "x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode(),
        }


class Users:
    """The people who can sign in on this machine, and the one who is signed in unless a request says otherwise."""

    def __init__(self, known: Mapping[str, User], signed_in_as: str = "") -> None:
        self._known = known
        self._signed_in_as = signed_in_as
        if signed_in_as:
            self._user(signed_in_as)

    def replace_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers (lower-case names) as the app may see them: identity headers are ours or absent.

        Raises:
            UnknownUserError: the request names somebody whom nobody knows.
        """
        kept = {name: value for name, value in headers.items() if not name.startswith((*_PLATFORM_HEADERS, WHO_HEADER))}
        name = headers.get(WHO_HEADER, self._signed_in_as)
        return kept | self._user(name).headers() if name else kept

    def _user(self, name: str) -> User:
        if name not in self._known:
            raise UnknownUserError(f"{name!r} is not in the file of users")
        return self._known[name]


def read_users(path: Path | None, signed_in_as: str = "") -> Users:
    """Users from a JSON file ``{name: {"id", "groups"?, "roles"?}}``; without a file nobody can sign in.

    Raises:
        UnknownUserError: the one who is to be signed in is not in the file.
        ValueError: the file is not JSON of this shape.
        OSError: the file cannot be read.
    """
    content: Any = json.loads(path.read_bytes()) if path else {}
    try:
        known = {name: _user_of(name, entry) for name, entry in content.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} must hold {{name: {{id, groups}}}}: {error!r}") from error
    return Users(known, signed_in_as)


def _user_of(name: str, entry: Mapping[str, Any]) -> User:
    return User(name, str(entry["id"]), tuple(entry.get("groups", ())), tuple(entry.get("roles", ())))
