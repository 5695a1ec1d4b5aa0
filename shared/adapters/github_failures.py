"""What GitHub's refusals mean: which permission is missing, which file is wrong, and when it may be asked again.

Owns the reading of status codes and of rate limit headers (docs.github.com, REST API: rate limits, best practices).
Reasons are for a person, and never hold the token.
"""

from datetime import UTC, datetime

from shared.adapters.rest_calls import Answer
from shared.domain.outcomes import Failed, Unknown

TOKEN_SETTING = "OUTERLOOP_GITHUB_TOKEN"  # noqa: S105 - the name of a setting, not its value
EPOCH_DIGITS = 10  # of a moment of this and the next two centuries, in seconds


def classify(answer: Answer, now: datetime, needs: str) -> Failed | Unknown:
    """The outcome that a refusal stands for. ``needs`` is the permission that the call needs, in words."""
    said = f"HTTP {answer.status}: {answer.said}"
    if answer.status == 429 or (answer.status == 403 and _is_throttled(answer)):
        until = _again_at(answer, now)
        return Failed(retryable=True, reason=f"GitHub throttles until {until:%H:%M:%S} UTC. {said}", until=until)
    match answer.status:
        case 301 | 302 | 307 | 308:
            reason = f"the repository has another name now: correct it in the policy. {said}"
        case 401:
            reason = f"GitHub does not take the token: {TOKEN_SETTING} is wrong or has expired. {said}"
        case 403:
            reason = f"the token of {TOKEN_SETTING} may not do this: it needs {needs}. {said}"
        case 404:
            reason = f"GitHub shows no such repository, workflow or run; is it spelt right, and has the token of {TOKEN_SETTING} {needs}? {said}"
        case 422:
            reason = f"GitHub refused the order: the workflow has to listen to this event, to be on this ref, and to declare these inputs. {said}"
        case _ if answer.may_be_done:
            return Unknown(reason=f"GitHub failed in mid-order. {said}")
        case _:
            reason = f"GitHub answered {said}"
    asked = answer.asked_until(now) if answer.is_transient else None
    return Failed(retryable=answer.is_transient, reason=reason, until=asked)


def _is_throttled(answer: Answer) -> bool:
    headers = answer.headers
    spent = headers.get("x-ratelimit-remaining") == "0"
    return spent or "retry-after" in headers or "rate limit" in answer.said.lower()


def _again_at(answer: Answer, now: datetime) -> datetime:
    """By ``Retry-After``, else by the moment at which the limit begins anew."""
    reset, is_spent = answer.headers.get("x-ratelimit-reset", ""), answer.headers.get("x-ratelimit-remaining") == "0"
    if "retry-after" not in answer.headers and is_spent and reset.isdigit() and len(reset) <= EPOCH_DIGITS:
        return max(datetime.fromtimestamp(int(reset), UTC), now)
    return answer.again_at(now)
