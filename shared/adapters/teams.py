"""Cards to Teams channels, through the web hooks of Power Automate workflows.

Owns the addresses, which carry a signature and are secrets, and what the answers mean. Knows nothing of the card's content.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.adapters.retry_after import asked_data
from shared.domain.outcomes import Failed, Outcome, Succeeded, Unknown
from shared.domain.values import encode

if TYPE_CHECKING:
    import httpx

RETRYABLE_STATUSES = frozenset({408, 409, 429})
THROTTLED_INSIDE = "http error 429"  # connectors answer 200 and say so in the text


class TeamsWebhooks:
    """Teams channels by the names that the policy uses. ``urls`` maps a name to its workflow's address."""

    def __init__(self, urls: Mapping[str, str], timeout_seconds: float) -> None:
        self._urls = dict(urls)
        self._timeout_seconds = timeout_seconds

    async def post(self, channel: str, message: Mapping[str, Any]) -> Outcome:
        """Post one message. Raises nothing, and no reason ever holds the address."""
        import httpx  # noqa: PLC0415 - not needed before the first message

        url = self._urls.get(channel)
        if url is None:
            return Failed(retryable=False, reason=f"no Teams web hook is set for the channel {channel!r}")
        # httpx logs every address at INFO, and this one carries the signature.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            async with httpx.AsyncClient(timeout=self._timeout_seconds) as client:
                response = await client.post(url, content=encode(message), headers={"Content-Type": "application/json"})
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            return Failed(retryable=True, reason=f"Teams was not reached: {type(problem).__name__}")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return Failed(retryable=False, reason=f"the web hook set for the channel {channel!r} is not an address")
        except httpx.RequestError as problem:
            return Unknown(reason=f"no answer from Teams after sending: {type(problem).__name__}")
        return _meaning(response)


def _meaning(response: "httpx.Response") -> Outcome:
    status = response.status_code
    if THROTTLED_INSIDE in response.text.lower():
        why = "Teams throttled the message (HTTP error 429 in the answer's text)"
        return Failed(retryable=True, reason=why, data=asked_data(response.headers))
    if 200 <= status < 300:
        return Succeeded()
    if status == 413:
        return Failed(retryable=False, reason="Teams refused the message: too large (HTTP 413)")
    retryable = status in RETRYABLE_STATUSES or status >= 500
    data = asked_data(response.headers) if retryable else {}
    return Failed(retryable=retryable, reason=f"Teams answered HTTP {status}", data=data)
