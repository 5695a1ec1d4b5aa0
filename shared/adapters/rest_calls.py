"""Calls to a REST service outside Azure Resource Manager: one request, one answer, no retry, no redirect.

Owns the HTTP, and what it means when no answer came. What an answer means is the service's own module's: it hands in a function.
httpx is imported with the first call: nobody needs it to decide.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.outcomes import Failed, Outcome, Started, Unknown
from shared.domain.values import encode

# 203 is not among them: there a proxy or a sign-in page answers in the service's place.
DONE = frozenset({200, 201, 202, 204})

NOT_LET_IN = frozenset({203, 302, 401, 403})  # by a token that is unknown, has ended or may not; by a sign-in page

DAY_SECONDS = 86_400
THROTTLED_FOR = timedelta(minutes=1)  # where no moment is named

Json = dict[str, Any]
log = logging.getLogger(__name__)
Headers = Callable[[], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered. ``body`` is empty when it is no JSON object."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]  # asked for in lower case
    body: Json = field(default_factory=dict)
    text: str = ""

    @property
    def said(self) -> str:
        """The service's own words, on one line."""
        message = str(self.body.get("message") or self.text)
        return " ".join(message.split())[:300]

    def again_at(self, now: datetime) -> datetime:
        """When a service that asks for time may be asked again: by ``Retry-After`` in seconds, else a little later."""
        after = self.headers.get("retry-after", "")
        return now + (timedelta(seconds=min(int(after), DAY_SECONDS)) if after.isdigit() else THROTTLED_FOR)


class CallError(Exception):
    """A call that did not do what it was for: ``outcome`` says what that means, ``answer`` is there when one came."""

    def __init__(self, outcome: Failed | Unknown, answer: Answer | None = None) -> None:
        super().__init__(outcome.reason)
        self.outcome, self.answer = outcome, answer

    @property
    def is_transient(self) -> bool:
        """Whether asking the same again may be answered."""
        return isinstance(self.outcome, Unknown) or self.outcome.retryable

    def again_or_end(self, operation: str, now: datetime, poll: timedelta) -> Outcome:
        """What a question that failed says of the operation that it asked for: nothing, when it may be answered later.

        Nor when it was not let in: that is said of the token, not of the operation.
        """
        not_let_in = self.answer is not None and self.answer.status in NOT_LET_IN
        if not self.is_transient and not not_let_in:
            return self.outcome
        if (
            not_let_in
        ):  # a token that has ended is replaced, and the run goes on meanwhile: giving up is the caller's, by age
            log.warning("%s cannot be looked at: %s", operation, self.outcome.reason)
        asked = self.outcome.until if isinstance(self.outcome, Failed) else None
        return Started(operation=operation, look_again_at=max(asked or now, now + poll))


Meaning = Callable[[Answer], Failed | Unknown]


class RestCalls:
    """One service. ``headers`` are asked for before each call, since a token ends; no reason and no log ever holds one."""

    def __init__(self, name: str, url: str, headers: Headers, timeout_seconds: float) -> None:
        self.name, self.url = name, url.rstrip("/")
        self._headers, self._timeout_seconds = headers, timeout_seconds

    async def get(self, path: str, meaning: Meaning, **query: str) -> Answer:
        """Read. Raises CallError, whose outcome is never ``Unknown``: a read has no effect."""
        try:
            return await self._send("GET", path, meaning, None, query)
        except CallError as problem:
            if isinstance(problem.outcome, Unknown):
                raise CallError(Failed(retryable=True, reason=problem.outcome.reason), problem.answer) from problem
            raise

    async def post(self, path: str, body: Json, meaning: Meaning, **query: str) -> Answer:
        """Ask for an effect. Raises CallError: ``Unknown`` when it may have come about."""
        return await self._send("POST", path, meaning, body, query)

    async def _send(self, method: str, path: str, meaning: Meaning, body: Json | None, query: Json) -> Answer:
        import httpx  # noqa: PLC0415 - as above

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every address at INFO
        headers = {"Content-Type": "application/json", **await self._headers()}
        content = None if body is None else encode(body)
        # httpx bounds each step of a call; a claim has to outlast all of them together.
        steps = httpx.Timeout(self._timeout_seconds, connect=self._timeout_seconds / 2)
        try:
            async with asyncio.timeout(self._timeout_seconds), httpx.AsyncClient(timeout=steps) as client:
                response = await client.request(
                    method, f"{self.url}{path}", params=query, content=content, headers=headers
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as problem:
            why = f"{self.name} was not reached, nothing was sent: {type(problem).__name__}"
            raise CallError(Failed(retryable=True, reason=why)) from problem
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as problem:
            why = f"the address that is set for {self.name} is none"
            raise CallError(Failed(retryable=False, reason=why)) from problem
        except (httpx.TransportError, TimeoutError) as problem:
            why = f"no answer from {self.name} after sending: {type(problem).__name__}"
            raise CallError(Unknown(reason=why)) from problem
        answer = Answer(method, path, response.status_code, response.headers, _object(response.text), response.text)
        if answer.status not in DONE:
            raise CallError(meaning(answer), answer)
        return answer


def _object(text: str) -> Json:

    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
