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

from shared.adapters.retry_after import asked_seconds
from shared.domain.outcomes import Failed, Outcome, Started, Unknown
from shared.domain.values import encode

# 203 is not among them: there a proxy or a sign-in page answers in the service's place.
DONE = frozenset({200, 201, 202, 204})

NOT_LET_IN = frozenset({203, 302, 401, 403})  # by a token that is unknown, has ended or may not; by a sign-in page

THROTTLED_FOR = timedelta(minutes=1)  # where no moment is named

Json = dict[str, Any]
log = logging.getLogger(__name__)
Headers = Callable[[], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered. ``body`` is empty when it is no JSON object. ``is_order``: an effect was asked for."""

    is_order: bool
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

    @property
    def may_be_done(self) -> bool:
        """Whether an order may have been carried out, although this is no good answer: it broke, or took too long."""
        return self.is_order and (self.status >= 500 or self.status == 408)

    @property
    def is_transient(self) -> bool:
        """Whether the same call may be answered otherwise a little later."""
        return self.status >= 500 or self.status in (408, 409)

    def asked_until(self, now: datetime) -> datetime | None:
        """Until when a service asks to be left alone; None when it does not say."""
        wait = asked_seconds(self.headers)
        return None if wait is None else now + timedelta(seconds=wait)

    def again_at(self, now: datetime) -> datetime:
        """When a service that throttles may be asked again: when it says, else a little later."""
        return self.asked_until(now) or now + THROTTLED_FOR

    def listed(self, key: str) -> list[Json]:
        """The list at a key. Raises CallError when there is none, which nobody may take for an empty one."""
        found = self.body.get(key)
        if not isinstance(found, list):
            reason = f"an answer to a read without its list {key!r}: {self.path}"
            raise CallError(Failed(retryable=True, reason=reason), self)
        return found


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
        """Read. Raises CallError, whose outcome is never ``Unknown``, also for an answer without a document."""
        return await self._read("GET", path, meaning, None, query)

    async def ask(self, path: str, body: Json, meaning: Meaning, **query: str) -> Answer:
        """Read what is asked for by POST. Raises as ``get`` does."""
        return await self._read("POST", path, meaning, body, query)

    async def post(self, path: str, body: Json, meaning: Meaning, **query: str) -> Answer:
        """Ask for an effect. Raises CallError: ``Unknown`` when it may have come about."""
        answer = await self._sent("POST", path, body, query, is_order=True)
        if answer.status not in DONE:
            raise CallError(meaning(answer), answer)
        return answer

    async def _read(self, method: str, path: str, meaning: Meaning, body: Json | None, query: Json) -> Answer:
        """A read has no effect that could be unknown; an answer without a document is none."""
        try:
            answer = await self._sent(method, path, body, query, is_order=False)
        except CallError as problem:
            raise CallError(no_effect(problem.outcome), problem.answer) from problem
        if answer.status not in DONE:
            raise CallError(no_effect(meaning(answer)), answer)
        if not answer.body:
            reason = f"{self.name} answered a read without a document: {path}"
            raise CallError(Failed(retryable=True, reason=reason), answer)
        return answer

    async def _sent(self, method: str, path: str, body: Json | None, query: Json, *, is_order: bool) -> Answer:
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
        except (httpx.RequestError, TimeoutError) as problem:
            why = f"no answer from {self.name} after sending: {type(problem).__name__}"
            raise CallError(Unknown(reason=why)) from problem
        return Answer(is_order, path, response.status_code, response.headers, _object(response.text), response.text)


def no_effect(outcome: Failed | Unknown) -> Failed:
    """What it means for a read that it was not answered."""
    return outcome if isinstance(outcome, Failed) else Failed(retryable=True, reason=outcome.reason)


def _object(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
