"""Shared access signatures: says why a token is not good enough, or nothing.

Format: "Generate SAS token" of the Event Hubs documentation, `SharedAccessSignature sr=..&sig=..&se=..&skn=..`, where
`sig` is the base64 HMAC-SHA256 of the quoted resource, a newline and the expiry in epoch seconds. The namespace has one
root key that is good for every hub; scopes of hubs are not looked at.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import unquote

from local.azure.event_hubs.messages import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_NAME = "Root"
TOKEN_TYPE = "servicebus.windows.net:sastoken"  # noqa: S105  the name of a format
_PREFIX = "SharedAccessSignature "
_PARTS = {"sr", "sig", "se", "skn"}


class TokenRefusal(Enum):
    """Why a token lets nobody in; the words reach the SDK's error."""

    MALFORMED = "MalformedToken: The token is not a shared access signature."
    UNKNOWN_KEY_NAME = "InvalidSignature: The token names a key that does not exist."
    WRONG_SIGNATURE = "InvalidSignature: The token has an invalid signature."
    EXPIRED = "ExpiredToken: The token has expired."


def refusal(token: str, key: str, now_s: float) -> TokenRefusal | None:
    """Why the token is refused at this time (epoch seconds), or None when it is good."""
    parts = dict(pair.partition("=")[::2] for pair in token.removeprefix(_PREFIX).split("&"))
    if not token.startswith(_PREFIX) or not parts.keys() >= _PARTS or not parts["se"].isdecimal():
        return TokenRefusal.MALFORMED
    if unquote(parts["skn"]) != KEY_NAME:
        return TokenRefusal.UNKNOWN_KEY_NAME
    signed = f"{parts['sr']}\n{parts['se']}".encode()
    expected = base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest())
    if not hmac.compare_digest(expected, unquote(parts["sig"]).encode()):
        return TokenRefusal.WRONG_SIGNATURE
    return TokenRefusal.EXPIRED if int(parts["se"]) <= now_s else None


class Door:
    """One connection's way in: shut until the peer puts a good token on `$cbs`, then open while the connection lasts."""

    def __init__(self, key: str, now_s: Callable[[], float]) -> None:
        self._key = key
        self._now_s = now_s
        self.is_open = False

    def put_token(self, request: Request) -> Reply:
        """202 opens the door, 401 says why not; only shared access signatures are looked at."""
        if request.application_properties.get("type") != TOKEN_TYPE:
            return Reply(401, TokenRefusal.MALFORMED.value)
        refused = refusal(str(request.value), self._key, self._now_s())
        if refused:
            return Reply(401, refused.value)
        self.is_open = True
        return Reply(202, "Accepted")
