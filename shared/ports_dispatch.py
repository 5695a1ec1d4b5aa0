"""What the services need of systems that run pipelines elsewhere, as Protocols.

Owns the promises. Knows no system by name.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.effects import Dispatch
from shared.domain.outcomes import Failed, Outcome


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of earlier tries of an order: since when there may have been one, and whether there was."""

    since: datetime
    tried: bool


class Dispatcher(Protocol):
    """Starts pipelines, each with the mark of its command, and follows them. Raises nothing: every failure is an outcome."""

    async def begin(self, command: Dispatch, now: datetime, earlier: Earlier) -> Outcome:
        """Start the run and return at once. When it was tried before, the run with the mark is looked for first,
        and none is started when nobody can tell whether there is one.
        """
        ...

    async def look(self, command: Dispatch, operation: str, now: datetime) -> Outcome:
        """Ask what became of the run: ``Started`` as long as it is under way or cannot be seen.

        ``Succeeded`` holds ``run``, its address for a person, and ``ended_at``. ``Failed`` is said of the run, never of the question.
        """
        ...


class MarkedModels(Protocol):
    """Model versions by the mark that a pipeline left on them."""

    async def version(self, workspace: str, model: str, mark: str) -> str | Failed:
        """The version that carries the mark, empty when none does. Raises nothing."""
        ...
