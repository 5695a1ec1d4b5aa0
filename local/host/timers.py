"""Timer triggers: waits for the due moment and calls the function, one run at a time.

Owns what is due when the host starts: a run on start-up, or one that was missed while the host was down, which is
told that it is past due (azure-docs functions-bindings-timer). Moments that pass during a run are skipped. Knows
nothing of what the function does.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.host.bindings import Function, IndexingError
from local.host.conversion import decode, document
from local.host.invocation import Invoker
from local.host.schedules import schedule_of
from local.host.state_file import StateFile

WAIT_SECONDS_MAX = 30.0  # the wall clock may be set while we wait


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


class TimerListener:
    """Serves one timer; several share one status file, from one event loop.

    Raises:
        IndexingError: the schedule cannot be read.
    """

    def __init__(
        self, function: Function, status: StateFile, invoker: Invoker, now: Callable[[], datetime] = utc_now
    ) -> None:
        try:
            self._next_after = schedule_of(function.trigger.values["schedule"])
        except ValueError as error:
            raise IndexingError(f"function {function.name}: {error}") from error
        self._function = function
        self._status = status
        self._invoker = invoker
        self._now = now
        self._monitored = function.trigger.values.get("useMonitor") is not False

    async def listen(self) -> None:
        """Run whenever it is due, until cancelled.

        Raises:
            OSError: the status cannot be kept.
        """
        missed = self._missed()
        if missed or self._function.trigger.values.get("runOnStartup"):
            await self._run(self._now(), past_due=missed)
        while True:
            due = self._next_after(self._now())
            self._keep({"Next": due.isoformat()})
            await self._wait(due)
            await self._run(due, past_due=False)

    def _missed(self) -> bool:
        due = self._kept().get("Next")
        return bool(due and datetime.fromisoformat(due) < self._now())

    async def _wait(self, due: datetime) -> None:
        while (seconds := (due - self._now()).total_seconds()) > 0:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(min(seconds, WAIT_SECONDS_MAX))

    async def _run(self, due: datetime, *, past_due: bool) -> None:
        status = {"Last": due.isoformat(), "Next": self._next_after(due).isoformat(), "LastUpdated": due.isoformat()}
        argument = timer_argument(status, past_due=past_due)
        await self._invoker.deliver(self._function, argument, lambda _: self._keep(status))

    def _kept(self) -> dict[str, str]:
        return dict(self._status.read().get(self._function.name, {})) if self._monitored else {}

    def _keep(self, status: dict[str, str]) -> None:
        if self._monitored:
            self._status.write(self._status.read() | {self._function.name: self._kept() | status})


def timer_argument(status: dict[str, str], *, past_due: bool) -> Any:
    """A ``func.TimerRequest`` as the host describes it."""
    about = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
    return decode("timerTrigger", document(about))
