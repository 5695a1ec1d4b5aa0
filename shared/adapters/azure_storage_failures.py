"""What a failed call to Azure storage means, and how often it is made again.

Owns the classification (refused, away, a bug of ours) and the bounded, jittered pauses between tries. The SDKs' own
retries are off: a write whose answer was lost must be known as such by whoever made it. Knows no table or queue.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.ports import StoreUnavailableError

T = TypeVar("T")

PAUSES_SECONDS = (0.1, 0.3, 0.9, 2.0)  # between five tries
ABSENT = 404
REFUSED = frozenset({ABSENT, 409, 412})  # the row is not as the write requires it to be
_LATER = frozenset({408, 429})
_SHUT_OUT = frozenset({401, 403})
_NOT_SET_UP = frozenset(
    {"TableNotFound", "TableBeingDeleted", "ContainerNotFound", "QueueNotFound", "QueueBeingDeleted"}
)


def is_refusal(error: HttpResponseError) -> bool:
    """Whether the row was not as the write required it to be: somebody else wrote first."""
    return error.status_code in REFUSED and _code(error) not in _NOT_SET_UP


async def patiently(call: Callable[[int], Awaitable[T]], pauses: tuple[float, ...] = PAUSES_SECONDS) -> T:
    """The result of a call that is made again while storage is away; it is told which try this is, from 0.

    Raises StoreUnavailableError when the tries run out or the app is not let in. What is a bug of ours is raised as it is.
    """
    for attempt, pause in enumerate((*pauses, None)):
        try:
            return await call(attempt)
        except AzureError as error:
            if pause is None or not _is_passing(error):
                raise _classified(error) from error
        await jittered(pause)
    raise AssertionError("the last try returns or raises")


async def jittered(seconds: float) -> None:
    """Sleep between half of a time and one and a half of it, so that rivals do not meet again."""
    await asyncio.sleep(seconds * (0.5 + secrets.randbelow(1000) / 1000))


def _is_passing(error: AzureError) -> bool:
    """Whether the same call may succeed a moment later: no answer, a garbled one, or one that says so."""
    if isinstance(error, ClientAuthenticationError):
        return False
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return status is None or status < 400 or status in _LATER or status >= 500


def _classified(error: AzureError) -> Exception:
    if isinstance(error, HttpResponseError) and not _is_passing(error):
        shut_out = isinstance(error, ClientAuthenticationError) or error.status_code in _SHUT_OUT
        if not shut_out and _code(error) not in _NOT_SET_UP:
            return error
    return StoreUnavailableError(f"Azure storage cannot be used: {error.message}")


def _code(error: AzureError) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code))
