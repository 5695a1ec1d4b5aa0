"""What every HTTP entry of the host needs: the body under a cap, headers in one form, and the check of the key.

Owns these three. Knows no function and no route.
"""

import hmac

from starlette.requests import Request

BODY_BYTES_MAX = 8 * 1024 * 1024  # Azure takes 100 MB; nothing that this app is sent comes near even this
KEY_HEADER = "x-functions-key"


class BodyTooLargeError(Exception):
    """The body exceeds ``BODY_BYTES_MAX``; the rest of it was not read."""


async def read_body(request: Request) -> bytes:
    """The whole body.

    Raises:
        BodyTooLargeError: it is, or says that it is, larger than ``BODY_BYTES_MAX``.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > BODY_BYTES_MAX:
        raise BodyTooLargeError
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise BodyTooLargeError
    return bytes(body)


def joined_headers(request: Request) -> dict[str, str]:
    """The headers by lower-case name; repeated ones are joined as HTTP allows (RFC 9110, and 6265 for cookies)."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        separator = "; " if name == "cookie" else ", "
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    return joined


def holds_key(request: Request, key: str) -> bool:
    """Whether the request carries the key, as ``?code=`` or as the header ``x-functions-key``."""
    offered = request.query_params.get("code") or request.headers.get(KEY_HEADER, "")
    return hmac.compare_digest(offered.encode(), key.encode())
