"""One thread, virtual time: which coroutine runs next, when an instance dies, when one freezes. Everything from one seed.

Owns the order of things. Every await of the services' ports is a point at which another task may go on; no real clock, no
event loop, no threads. It knows nothing of what the tasks do.
"""

import heapq
import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS_MAX = 400_000  # of one run; beyond it something chases its own tail

Work = Coroutine[Any, Any, Any]


@types.coroutine
def moment(seconds: float = 0.0) -> Generator[float, None, None]:
    """A point at which others may go on; the task itself goes on so many virtual seconds later at the earliest."""
    yield seconds


@dataclass(order=True)
class Due:
    """Work that begins at a moment."""

    at: datetime
    order: int
    begin: Callable[[], None] = field(compare=False)


@dataclass(eq=False)
class Task:
    """One coroutine of one instance; ``wakes`` is when it may go on."""

    work: Work
    instance: str
    wakes: datetime
    failed: Callable[[BaseException], None]


class Scheduler:
    """Runs tasks in an order drawn from the seed, and moves time on when nothing else can happen."""

    def __init__(self, random: Random, crash: Callable[[str], None]) -> None:
        self.random, self.now, self._crash = random, START, crash
        self.tasks: list[Task] = []
        self.freezing = 0.0  # the chance, at each point, that a task stands still for long
        self.crashing = 0.0  # the chance, at each point, that the instance of a task dies
        self.crashes = 0
        self.steps = 0
        self._due: list[Due] = []
        self._order = 0

    def start(self, instance: str, work: Work, failed: Callable[[BaseException], None]) -> None:
        """Begin a task now. ``failed`` hears of an exception that it ends with."""
        self.tasks.append(Task(work, instance, self.now, failed))

    def at(self, when: datetime, begin: Callable[[], None]) -> None:
        """Call something at a moment (now, when that has passed)."""
        self._order += 1
        heapq.heappush(self._due, Due(max(when, self.now), self._order, begin))

    def after(self, seconds: float, begin: Callable[[], None]) -> None:
        """Call something so many seconds from now."""
        self.at(self.now + timedelta(seconds=seconds), begin)

    def kill(self, instance: str) -> int:
        """An instance dies: every task of its ends where it stands; returns how many."""
        dead = [task for task in self.tasks if task.instance == instance]
        self.tasks = [task for task in self.tasks if task.instance != instance]
        for task in dead:
            task.work.close()
        return len(dead)

    def run(self, until: datetime) -> None:
        """Let everything happen that happens before a moment."""
        while self.steps < STEPS_MAX:
            ready = [task for task in self.tasks if task.wakes <= self.now]
            if ready:
                self._go_on(self.random.choice(ready))
            elif not self._move_on(until):
                return
        raise AssertionError(f"no end after {STEPS_MAX} steps: something chases its own tail")

    def _move_on(self, until: datetime) -> bool:
        moments = [task.wakes for task in self.tasks] + [due.at for due in self._due[:1]]
        following = min(moments, default=until)
        if following >= until:
            self.now = max(self.now, until)
            return False
        self.now = max(self.now, following)
        while self._due and self._due[0].at <= self.now:
            heapq.heappop(self._due).begin()
        return True

    def _go_on(self, task: Task) -> None:
        if self.random.random() < self.crashing:
            self.crashes += 1
            self._crash(task.instance)
        else:
            self._step(task)

    def _step(self, task: Task) -> None:
        self.steps += 1
        try:
            seconds = task.work.send(None)
        except StopIteration:
            self.tasks.remove(task)
        except Exception as error:  # noqa: BLE001  # whatever ends a task is told to who began it, who judges it
            self.tasks.remove(task)
            task.failed(error)
        else:
            task.wakes = self.now + timedelta(seconds=seconds or self._frozen())

    def _frozen(self) -> float:
        """How long the task stands still at a point between two calls: a call itself is bounded by its client's time-out."""
        return self.random.uniform(60, 1500) if self.random.random() < self.freezing else 0.0
