"""How Azure Monitor is asked what an endpoint served: once, in a thread, within a time, and with every failure told.

Owns that, and what its clients may do by themselves: nothing. They repeat no request, since a look that failed is repeated by
the rollout, where it is counted; and they follow no redirect, since the token is for nobody else. Knows no metric and no query.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from shared.adapters.arm_session import CONNECT_TIMEOUT_SECONDS
from shared.adapters.azure_ml_inventory import failed_look
from shared.domain.outcomes import Failed

T = TypeVar("T")
USUAL_ROLE = "the role 'AzureML Data Scientist' on the workspace"  # what other reads of ours need


class UnreadableAnswerError(ValueError):
    """Azure answered, and not with what was asked for: too little, too much, or something else."""


def client_options(answer_seconds: float) -> dict[str, Any]:
    """How a client of azure-core is made to ask once, and to wait no longer than that."""
    return {
        "retry_total": 0,
        "permit_redirects": False,
        "connection_timeout": min(CONNECT_TIMEOUT_SECONDS, answer_seconds),
        "read_timeout": answer_seconds,
        "user_agent": "outerloop",
    }


async def answered(read: Callable[[], T], answer_seconds: float, role: str) -> T | Failed:
    """What the read returns. Raises nothing: whatever goes wrong is a ``Failed``, a refusal with the role that is needed."""
    try:
        async with asyncio.timeout(answer_seconds):
            return await asyncio.to_thread(_tried, read, role)
    except TimeoutError:
        return Failed(retryable=True, reason=f"Azure did not answer within {answer_seconds:g} s")


def _tried(read: Callable[[], T], role: str) -> T | Failed:
    try:
        return read()
    except UnreadableAnswerError as problem:
        return Failed(retryable=True, reason=f"Azure's answer could not be used: {problem}")
    except (KeyError, TypeError, AttributeError) as problem:  # what the clients make of an answer in another form
        text = f"Azure's answer has another form than the documented one ({type(problem).__name__}: {problem})"
        return Failed(retryable=True, reason=text)
    except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
        failed = failed_look(problem)
        reason = failed.reason.replace(USUAL_ROLE, f"the role {role}")
        return Failed(retryable=failed.retryable, reason=reason, data=failed.data)
