"""Pipelines elsewhere, from the order to what came of it.

Owns what a run that ended well has to leave behind: a training leaves a model version that carries its mark. Knows nothing of
claims or retries (``execute``), nor of how a run is started (the port ``Dispatcher``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from shared.domain.commands import DispatchPromotion, DispatchTraining, RefreshData
from shared.domain.effects import Dispatch
from shared.domain.outcomes import LISTED_WITHIN, Failed, Outcome, Started, Succeeded, asked_wait
from shared.domain.values import replace
from shared.ports_dispatch import Dispatcher, Earlier, MarkedModels

LOOK_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Dispatching:
    """Starts and follows runs, and finds what they made."""

    dispatcher: Dispatcher
    models: MarkedModels

    async def begin(self, command: Dispatch, now: datetime, earlier: Earlier) -> Outcome:
        """Start the run, unless one with its mark is there."""
        return await self.dispatcher.begin(command, now, earlier)

    async def look(self, command: Dispatch, operation: str, now: datetime) -> Outcome:
        """What became of the run; of one that ended well, what it made."""
        outcome = await self.dispatcher.look(command, operation, now)
        if not isinstance(outcome, Succeeded):
            return outcome
        match command:
            case DispatchTraining():
                return await self._trained(command, operation, outcome, now)
            case DispatchPromotion() | RefreshData():
                return outcome
            case _:
                assert_never(command)

    async def _trained(self, command: DispatchTraining, operation: str, ended: Succeeded, now: datetime) -> Outcome:
        version = await self.models.version(command.workspace, command.model, command.id)
        again = Started(operation=operation, look_again_at=now + LOOK_AGAIN)
        if isinstance(version, Failed):
            why = f"the run {ended.data['run']} ended well, and which version it made cannot be read: {version.reason}"
            asked = replace(again, look_again_at=now + max(LOOK_AGAIN, asked_wait(version)))
            return asked if version.retryable else replace(version, reason=why, data=ended.data)
        if version:
            return Succeeded(data={**ended.data, "model_version": version})
        waits = now < datetime.fromisoformat(str(ended.data["ended_at"])) + LISTED_WITHIN
        return again if waits else ended
