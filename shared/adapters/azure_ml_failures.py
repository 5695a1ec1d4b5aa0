"""What a failed call to Azure means: no effect and why, or an effect that nobody knows of.

Owns the classification of exceptions of azure.core, azure.identity and azure.ai.ml. Knows nothing of how calls are made.
Reasons are for a person: they name the resource and the permission to check, never a token or a key.
"""

import logging
from typing import Any

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.adapters.arm_names import MalformedNameError, brief
from shared.adapters.retry_after import asked_seconds
from shared.domain.commands import Command, ShareEnvironment, ShareModel
from shared.domain.outcomes import ASKED_SECONDS, Failed, Unknown

TEXT_MAX = 600
VALIDATION_ERRORS = frozenset({"ValidationException", "ValidationError"})  # by name: importing them costs a second
RETRYABLE_STATUSES = frozenset({408, 409, 429})
REFUSED_STATUSES = frozenset({401, 403})

log = logging.getLogger(__name__)


def classify(problem: Exception, command: Command | None) -> Failed | Unknown:
    """The outcome that an exception stands for; ``command`` is None when data were only read.

    A ``Failed`` that may be tried again has ``retry_after_seconds`` in its data where Azure named a time.
    ``Unknown`` when a write may have arrived, or when the exception is not one that Azure's libraries are known to raise.
    """
    if isinstance(problem, HttpResponseError) and problem.status_code is not None:
        return _answered(problem, command)
    if isinstance(problem, ClientAuthenticationError):
        return Failed(retryable=True, reason=f"no token was issued; check the app's managed identity: {_text(problem)}")
    if isinstance(problem, ServiceRequestError):
        return Failed(retryable=True, reason=f"Azure was not reached, nothing was sent: {_text(problem)}")
    refused = problem if isinstance(problem, MalformedNameError) else _validation(problem)
    if refused is not None:
        return Failed(retryable=False, reason=_text(refused))
    return Unknown(reason=f"{type(problem).__name__}: {_text(problem)}")


def failed_read(problem: Exception, what: str) -> Failed:
    """What it means that ``what`` could not be read: a read has no effect that could be unknown. It is logged."""
    outcome = classify(problem, None)
    log.warning("%s could not be read: %s", what, outcome.reason)
    return outcome if isinstance(outcome, Failed) else Failed(retryable=True, reason=outcome.reason)


def is_transient(problem: Exception) -> bool:
    """Whether a read that failed like this says nothing about the operation that it asked for."""
    if isinstance(problem, HttpResponseError) and problem.status_code is not None:
        return _is_retryable(problem.status_code)
    return isinstance(problem, (ServiceRequestError, ServiceResponseError, ClientAuthenticationError))


def is_refused(problem: Exception) -> bool:
    """Whether whoever asked may not: of what was asked about, that says nothing either."""
    return isinstance(problem, HttpResponseError) and problem.status_code in REFUSED_STATUSES


def retry_after_seconds(problem: Exception) -> float | None:
    """How long Azure asks to wait, from ``x-ms-retry-after-ms`` or ``Retry-After`` in seconds; None when it does not say.

    No longer than ``retry_after.SECONDS_MAX``.
    """
    return asked_seconds(getattr(getattr(problem, "response", None), "headers", None) or {})


def _answered(problem: HttpResponseError, command: Command | None) -> Failed:
    status = problem.status_code or 0
    said = f"HTTP {status}: {told(problem)}"
    where = _resource(problem)
    match status:
        case 401:
            reason = f"not signed in at {where}; check the identity's tenant and the token's audience. {said}"
        case 403:
            reason = f"not permitted on {where}; check that the app's identity has {_role(command)}. {said}"
        case 404:
            reason = f"not found: {where}. {said}"
        case 409:
            reason = f"busy: another change of {where} is under way. {said}"
        case 429:
            reason = f"throttled at {where}, retry-after {retry_after_seconds(problem) or 'not given'} s. {said}"
        case _:
            reason = f"{where} answered {said}"
    wait = retry_after_seconds(problem) if _is_retryable(status) else None
    return Failed(retryable=_is_retryable(status), reason=reason, data={} if wait is None else {ASKED_SECONDS: wait})


def _is_retryable(status: int) -> bool:
    return status in RETRYABLE_STATUSES or status >= 500


def _role(command: Command | None) -> str:
    if isinstance(command, ShareModel | ShareEnvironment):
        return "the role 'AzureML Registry User' on the registry and 'AzureML Data Scientist' on the workspace"
    return "the role 'AzureML Data Scientist' on the workspace"


def _resource(problem: HttpResponseError) -> str:
    request: Any = getattr(problem.response, "request", None)
    return brief(str(getattr(request, "url", "") or "Azure"))


def told(problem: HttpResponseError) -> str:
    """Azure's own code and message, from the error body that ARM documents; else the exception's text."""
    response: Any = problem.response
    try:
        error = response.json()["error"]
        return f"{error['code']}: {error['message']}"[:TEXT_MAX]
    except (ValueError, KeyError, TypeError, AttributeError):
        return _text(problem)


def _validation(problem: BaseException | None) -> BaseException | None:
    """What azure-ai-ml found wrong with an order before it sent it, if it did.

    It wraps its ValidationException, or marshmallow's error, into an MlException whose text is laid out for a terminal.
    """
    if problem is None or {kind.__name__ for kind in type(problem).__mro__} & VALIDATION_ERRORS:
        return problem
    is_wrapped = type(problem).__name__ in {"MlException", "UserErrorException"}
    return _validation(problem.__context__) if is_wrapped else None


def _text(problem: BaseException) -> str:
    return " ".join(str(getattr(problem, "message", "") or problem).split())[:TEXT_MAX]
