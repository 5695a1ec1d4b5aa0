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
_AWAY = frozenset({401, 403, 408, 429, 500, 502, 503, 504})
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
            if pause is None or _is_final(error):
                raise _classified(error) from error
        await jittered(pause)
    raise AssertionError("the last try returns or raises")


async def jittered(seconds: float) -> None:
    """Sleep between half of a time and one and a half of it, so that rivals do not meet again."""
    await asyncio.sleep(seconds * (0.5 + secrets.randbelow(1000) / 1000))


def _is_final(error: AzureError) -> bool:
    if isinstance(error, ClientAuthenticationError):
        return True
    return isinstance(error, HttpResponseError) and error.status_code not in _AWAY - {401, 403, None}


def _classified(error: AzureError) -> Exception:
    known = isinstance(error, HttpResponseError) and not isinstance(error, ClientAuthenticationError)
    if known and error.status_code not in _AWAY and _code(error) not in _NOT_SET_UP:  # type: ignore[attr-defined]
        return error
    return StoreUnavailableError(f"Azure storage cannot be used: {error.message}")


def _code(error: AzureError) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code))
