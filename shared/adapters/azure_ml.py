"""Azure Machine Learning behind the port ``Workspace``: which call carries out which command, and nothing escapes.

Owns the dispatch, the threads and the catch-all. Every command costs a few calls that are awaited to their first answer
only; what Azure then works on is asked for by ``look``. Knows nothing of policies, leases or retries.
Importing this module does not import azure.ai.ml, which costs a second: a job does, when it is built.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import assert_never

from azure.core.credentials import TokenCredential

from shared.adapters import azure_ml_computes as computes
from shared.adapters import azure_ml_deployments as deployments
from shared.adapters import azure_ml_endpoints as endpoints
from shared.adapters import azure_ml_failures as failures
from shared.adapters import azure_ml_instances as instances
from shared.adapters import azure_ml_jobs as jobs
from shared.adapters import azure_ml_registry as registry
from shared.adapters import batch_runs
from shared.adapters.arm_names import asset_id
from shared.adapters.azure_ml_client import Attempt, AzureMlClients
from shared.adapters.mlflow_runs import read_run
from shared.domain.commands import (
    Command,
    CompareScores,
    DeployModel,
    RecordReference,
    RemoveDeployment,
    RestartDeployment,
    Retrain,
    RollBackTraffic,
    RunEvaluation,
    ScaleDeployment,
    ScoreBatch,
    SetTraffic,
    ShareEnvironment,
    ShareModel,
    StopCompute,
    kind_of,
)
from shared.domain.effects import WorkspaceCommand
from shared.domain.outcomes import Failed, Outcome, Unknown, dated

REFERENCE_TAGS = "outerloop.reference"

log = logging.getLogger(__name__)


class AzureMachineLearning:
    """The port ``Workspace`` over real Azure, or over anything that speaks its wire protocol.

    ``cloud`` has azure-ai-ml's ``cloud_metadata`` keys (None: public Azure). ``poll_seconds`` is how long a started
    operation is left alone. ``call_timeout_seconds`` bounds all calls of one traffic or deployment command together.
    """

    def __init__(
        self,
        credential_factory: Callable[[], TokenCredential],
        cloud: Mapping[str, str] | None,
        poll_seconds: float,
        call_timeout_seconds: float,
    ) -> None:
        self.clients = AzureMlClients(credential_factory, cloud, call_timeout_seconds)
        self._poll_seconds = poll_seconds

    async def begin(self, command: WorkspaceCommand, now: datetime) -> Outcome:
        """Order the effect and return at once. Raises nothing: every failure is an outcome."""
        return await asyncio.to_thread(self._begin, command, now)

    async def look(self, command: WorkspaceCommand, operation: str, now: datetime) -> Outcome:
        """Ask what became of a started operation. That the question failed says nothing of the answer: ``Started`` again."""
        return await asyncio.to_thread(self._look, command, operation, now)

    async def read_reference(self, command: RecordReference) -> Mapping[str, str] | Failed:
        """The tags ``outerloop.reference*`` of the job that made the version; empty when it left none."""
        return await asyncio.to_thread(self._read_reference, command)

    def _begin(self, command: WorkspaceCommand, now: datetime) -> Outcome:
        try:
            return _begin(command, self._attempt(now))
        except Exception as problem:  # noqa: BLE001 - the port promises an outcome for whatever went wrong
            return _recorded(problem, command, now)

    def _look(self, command: WorkspaceCommand, operation: str, now: datetime) -> Outcome:
        attempt = self._attempt(now)
        try:
            return _look(command, operation, attempt)
        except Exception as problem:  # noqa: BLE001 - as above
            outcome = _recorded(problem, command, now)
            spared = isinstance(command, Retrain) and failures.is_refused(problem)
            if not failures.is_transient(problem) and not spared:
                return outcome  # a training goes on, and costs, whoever may ask for it: only its own end ends it
            wait = max(failures.retry_after_seconds(problem) or 0.0, self._poll_seconds)
            return Attempt(attempt.clients, attempt.arm, now, now + timedelta(seconds=wait)).started(operation)

    def _read_reference(self, command: RecordReference) -> Mapping[str, str] | Failed:
        arm = self.clients.calls()
        try:
            model = arm.get(asset_id(command.workspace, "models", command.model, command.version))
            job = model["properties"].get("jobName")
            if not job:
                return Failed(retryable=False, reason=f"{command.model}:{command.version} was not registered by a job")
            tags = read_run(arm, command.workspace, job).tags
        except Exception as problem:  # noqa: BLE001 - as above
            return failures.failed_read(problem, f"the reference of {command.model}:{command.version}")
        return {key: value for key, value in tags.items() if key.startswith(REFERENCE_TAGS)}

    def _attempt(self, now: datetime) -> Attempt:
        return Attempt(self.clients, self.clients.calls(), now, now + timedelta(seconds=self._poll_seconds))


def _begin(command: WorkspaceCommand, attempt: Attempt) -> Outcome:
    match command:
        case ShareModel() | ShareEnvironment():
            return registry.begin_share(command, attempt)
        case RunEvaluation() | CompareScores() | Retrain():
            return jobs.begin_job(command, attempt)
        case ScoreBatch():
            return batch_runs.begin_scoring(command, attempt)
        case DeployModel():
            return deployments.begin_deploy(command, attempt)
        case RemoveDeployment():
            return deployments.begin_removal(command, attempt)
        case ScaleDeployment() | RestartDeployment():
            return instances.begin_relief(command, attempt)
        case StopCompute():
            return computes.begin_stop(command, attempt)
        case SetTraffic() | RollBackTraffic():
            return endpoints.begin_traffic(command, attempt)
        case _:
            assert_never(command)


def _look(command: WorkspaceCommand, operation: str, attempt: Attempt) -> Outcome:
    match command:
        case ShareModel() | ShareEnvironment():
            return registry.look_share(command, operation, attempt)
        case RunEvaluation() | CompareScores() | Retrain():
            return jobs.look_job(command, operation, attempt)
        case ScoreBatch():
            return batch_runs.look_scoring(command, operation, attempt)
        case DeployModel():
            return deployments.look_deploy(command, operation, attempt)
        case RemoveDeployment():
            return deployments.look_removal(command, operation, attempt)
        case ScaleDeployment() | RestartDeployment():
            return instances.look_relief(command, operation, attempt)
        case StopCompute():
            return computes.look_stop(command, operation, attempt)
        case SetTraffic() | RollBackTraffic():
            return endpoints.look_traffic(command, operation, attempt)
        case _:
            assert_never(command)


def _recorded(problem: Exception, command: Command, now: datetime) -> Failed | Unknown:
    outcome = failures.classify(problem, command)
    if isinstance(outcome, Unknown):
        log.error("%s %s: effect unknown", kind_of(command), command.id, exc_info=problem)
        return outcome
    log.warning("%s %s failed: %s", kind_of(command), command.id, outcome.reason)
    return dated(outcome, now)
