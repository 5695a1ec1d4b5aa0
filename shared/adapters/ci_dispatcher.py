"""The port ``Dispatcher``: which system runs which pipeline.

Owns the choice, and what is said when a policy names a system that the settings do not know. Speaks no protocol.
"""

import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import assert_never

from shared.adapters.azure_pipelines import AzurePipelines
from shared.adapters.batch_training import BatchTraining
from shared.adapters.github_actions import GithubActions
from shared.adapters.github_failures import TOKEN_SETTING
from shared.adapters.synapse_pipelines import SynapsePipelines
from shared.domain.ci_runs import (
    AzurePipelineRun,
    BatchEndpointRun,
    GithubDispatchRun,
    GithubWorkflowRun,
    SynapseRun,
    where,
)
from shared.domain.effects import Dispatch
from shared.domain.outcomes import Failed, Outcome, Started, Unknown
from shared.ports_dispatch import Earlier

LOOK_AGAIN = timedelta(minutes=1)  # at a run of which nothing could be read
log = logging.getLogger(__name__)


class CiDispatcher:
    """Those systems that the settings name; None for one that they do not."""

    def __init__(
        self,
        github: GithubActions | None,
        pipelines: AzurePipelines,
        synapse: SynapsePipelines,
        batch: BatchTraining,
    ) -> None:
        self._github, self._pipelines, self._synapse, self._batch = github, pipelines, synapse, batch

    async def begin(self, command: Dispatch, now: datetime, earlier: Earlier) -> Outcome:
        """Start the run where the policy says. Raises nothing: every failure is an outcome."""
        match command.start:
            case GithubWorkflowRun() | GithubDispatchRun():
                if self._github is None:
                    return _unset(command)
                return await _answered(self._github.begin(command.start, command.id, now, earlier))
            case AzurePipelineRun():
                return await _answered(self._pipelines.begin(command.start, command.id, now, earlier))
            case SynapseRun():
                return await _answered(self._synapse.begin(command.start, command.id, now, earlier))
            case BatchEndpointRun():
                return await self._batch.begin(command.start, command.id, now, earlier)
            case _:
                assert_never(command.start)

    async def look(self, command: Dispatch, operation: str, now: datetime) -> Outcome:
        """Ask there what became of it."""
        match command.start:
            case GithubWorkflowRun() | GithubDispatchRun():
                if self._github is None:
                    return _unset(command)
                return await _seen(self._github.look(command.start, command.id, operation, now), operation, now)
            case AzurePipelineRun():
                return await _seen(self._pipelines.look(command.start, operation, now), operation, now)
            case SynapseRun():
                return await _seen(self._synapse.look(command.start, operation, now), operation, now)
            case BatchEndpointRun():
                return await self._batch.look(command.start, operation, now)
            case _:
                assert_never(command.start)


def _unset(command: Dispatch) -> Failed:
    return Failed(
        retryable=False, reason=f"{where(command.start)} cannot be started or seen: {TOKEN_SETTING} is not set"
    )


async def _answered(call: Awaitable[Outcome]) -> Outcome:
    """An answer that is not of the documented shape is no reason to believe that nothing happened."""
    try:
        return await call
    except (KeyError, TypeError, ValueError) as problem:
        return Unknown(reason=f"an answer that is not as documented: {type(problem).__name__}: {problem}")


async def _seen(call: Awaitable[Outcome], operation: str, now: datetime) -> Outcome:
    """An answer that is not of the documented shape says nothing of the run."""
    outcome = await _answered(call)
    if not isinstance(outcome, Unknown):
        return outcome
    log.warning("%s cannot be looked at: %s", operation, outcome.reason)
    return Started(operation=operation, look_again_at=now + LOOK_AGAIN)
