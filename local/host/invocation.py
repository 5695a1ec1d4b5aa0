"""Calls functions: async ones in the event loop, the others in a thread pool, as Microsoft's worker does.

Owns the invocation context, the rule about return values, retries under a policy, and letting work that was begun
come to its end when the host stops. Knows no trigger.
"""

import asyncio
import contextvars
import inspect
import logging
import threading
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import azure.functions as func

from local.host.bindings import Function

T = TypeVar("T")
logger = logging.getLogger(__name__)


class ReturnError(Exception):
    """A function without a return binding returned something: in Azure that fails the invocation."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often this delivery was tried before, and how often it may be tried again (-1: without end)."""

    retry_count: int
    max_retry_count: int
    exception: None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """No trace reaches the local host."""

    Traceparent: str = ""
    Tracestate: str = ""
    Attributes: dict[str, str] = field(default_factory=dict)


class Context(func.Context):
    """What a function may ask about its own invocation."""

    def __init__(self, function_name: str, retries: Retries) -> None:
        self._function_name = function_name
        self._retries = retries
        self._invocation_id = str(uuid.uuid4())

    @property
    def invocation_id(self) -> str:
        """Fresh for each try."""
        return self._invocation_id

    @property
    def function_name(self) -> str:
        """The name in the index."""
        return self._function_name

    @property
    def function_directory(self) -> str:
        """Unknown here, and of no use to a function."""
        return ""

    @property
    def thread_local_storage(self) -> Any:
        """A fresh one; nothing reads it here."""
        return threading.local()

    @property
    def trace_context(self) -> Any:
        """An empty ``Trace``."""
        return Trace()

    @property
    def retry_context(self) -> Any:
        """The ``Retries`` of this try."""
        return self._retries


class Invoker:
    """Calls functions and keeps track of the work around the calls; use it from one event loop."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._work: set[asyncio.Task[Any]] = set()

    async def invoke(self, function: Function, argument: Any, retries: int = 0) -> Any:
        """Call once and give what it returned.

        Raises:
            ReturnError: it returned something that no binding takes.
            Exception: whatever the function raised.
        """
        arguments = {function.trigger.argument: argument}
        if function.takes_context:
            allowed = function.retry.count_max if function.retry else 0
            arguments["context"] = Context(function.name, Retries(retries, allowed))
        result = await self._call(function, arguments)
        if result is not None and not function.returns:
            raise ReturnError(f"{function.name} has no return binding and returned a {type(result).__name__}")
        return result

    async def succeeds(self, function: Function, argument: Any, retries: int = 0) -> bool:
        """Call once; whatever it raises is logged, and is False."""
        try:
            await self.invoke(function, argument, retries)
        except Exception:
            logger.exception("%s failed", function.name)
            return False
        return True

    async def deliver(self, function: Function, argument: Any, settle: Callable[[bool], None]) -> None:
        """Call, and again while the retry policy allows; then ``settle(succeeded)``, which belongs to the last call.

        The caller waits: that is how a partition is paused. When the host stops, waiting is given up, a call is not.
        """
        retries = 0
        while (delay_seconds := await self.finish(self._try(function, argument, retries, settle))) is not None:
            retries += 1
            await asyncio.sleep(delay_seconds)

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work that is not to be torn apart: it goes on when the caller is cancelled, until ``drain``."""
        return await asyncio.shield(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start such work and do not wait for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def drain(self, grace_seconds: float) -> None:
        """Wait for the work under way, and cancel what has not ended in time. Nothing may be begun meanwhile."""
        if not self._work:
            return
        _, late = await asyncio.wait(set(self._work), timeout=grace_seconds)
        for task in late:
            logger.warning("gave up work that did not end within %s s of the stop", grace_seconds)
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _try(
        self, function: Function, argument: Any, retries: int, settle: Callable[[bool], None]
    ) -> float | None:
        """One call. None when it was the last one and is settled, otherwise the seconds until the next."""
        succeeded = await self.succeeds(function, argument, retries)
        policy = None if succeeded else function.retry
        delay_seconds = policy.delay_seconds(retries) if policy else None
        if delay_seconds is None:
            settle(succeeded)
        return delay_seconds

    async def _call(self, function: Function, arguments: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(function.call):
            return await function.call(**arguments)
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: context.run(function.call, **arguments)
        )
