"""Whether an order that waited is still part of the plan: a stale one must not be begun.

Owns that judgement. A command may wait long for its lease or its queue, and the world moves on: a rollback that pre-empted a
rollout must not be undone by the traffic step that was queued before it.
"""

from typing import assert_never

from shared.domain.commands import (
    CheckEndpoint,
    CompareScores,
    DeployModel,
    DispatchPromotion,
    DispatchTraining,
    Notify,
    ReadCollected,
    ReadReferenced,
    RecordReference,
    RefreshData,
    RemoveDeployment,
    RequestApproval,
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
)
from shared.domain.effects import AnyCommand, Relieving
from shared.domain.facts import Facts
from shared.domain.references import deployment_name

Hearing = ReadCollected | ReadReferenced


def stale(command: AnyCommand, facts: Facts) -> str:
    """Why a command that has not begun must not begin any more; empty when it still is wanted."""
    match command:
        case SetTraffic():
            wanted = facts.rollout is not None and facts.rollout.pending == command.id
            return "" if wanted else "the rollout step that ordered this traffic is over"
        case (
            ShareModel()
            | ShareEnvironment()
            | RecordReference()
            | DispatchPromotion()
            | DeployModel()
            | CheckEndpoint()
            | ScoreBatch()
            | CompareScores()
        ):
            return "" if _awaited(command, facts) else "no version waits for this any more"
        case RunEvaluation():
            measured = any(known.verification == command.id and known.state == "verifying" for known in facts.incidents)
            return "" if measured or _awaited(command, facts) else "nobody waits for this evaluation any more"
        case Retrain() | DispatchTraining() | RefreshData():
            wanted = any(known.remedy == command.id and known.state == "remedying" for known in facts.incidents)
            return "" if wanted or _awaited(command, facts) else "what asked for this training wants it no more"
        case ScaleDeployment() | RestartDeployment():
            return _relieves_nobody(command, facts)
        case StopCompute():
            wanted = any(known.remedy == command.id and known.state == "remedying" for known in facts.incidents)
            return "" if wanted else "it is in use again, or stopped"
        case RemoveDeployment():
            return _in_use(command, facts)
        case RequestApproval():
            return "" if _still_open(command, facts) else "the question is closed"
        case RollBackTraffic() | Notify() | ReadCollected() | ReadReferenced():
            return ""
        case _:
            assert_never(command)


def waits(command: AnyCommand, facts: Facts) -> str:
    """Why a command that has not begun must wait for now; empty when it need not.

    A pause stops everything but rollback and notification, and a question to a person is a notification. What is counted
    is heard, not done: files are read on, as hubs are. A step of a rollout does not wait: it is given back.
    """
    if (
        not facts.paused
        or isinstance(command, RollBackTraffic | Notify | RequestApproval | Hearing)
        or _is_step(command)
    ):
        return ""
    return "the workload is paused"


def given_back(command: AnyCommand, facts: Facts) -> str:
    """Why a command that has not begun is ended, to be ordered anew; empty when it need not be.

    While a step of a rollout waited out a pause, nobody would look at the step that is in force.
    """
    return "the workload is paused" if facts.paused and _is_step(command) else ""


def _is_step(command: AnyCommand) -> bool:
    return isinstance(command, SetTraffic) and command.endpoint_kind != "batch"  # of a batch endpoint nothing bakes


def _awaited(command: AnyCommand, facts: Facts) -> bool:
    return any(command.id in version.awaiting for version in facts.versions.values())


def _relieves_nobody(command: Relieving, facts: Facts) -> str:
    """The trouble has ended meanwhile, or another version has the endpoint by now."""
    if not any(known.remedy == command.id and known.state == "remedying" for known in facts.incidents):
        return "the incident that asked for this is closed"
    served = facts.versions.get(facts.champion)
    if served is None or (served.deployment or deployment_name(served.version)) != command.deployment:
        return f"{command.deployment} is not what serves any more"
    return "a version is taking over: no other write begins" if facts.rollout else ""


def _still_open(command: RequestApproval, facts: Facts) -> bool:
    versions = (version.approval for version in facts.versions.values() if version.state == "awaiting_approval")
    proposals = (proposal.asked for proposal in facts.proposals.values() if not proposal.approved)
    return any(asked is not None and asked.id == command.approval_id for asked in (*versions, *proposals))


def _in_use(command: RemoveDeployment, facts: Facts) -> str:
    """A deployment of a version that serves, stands by or is on its way is not removed from production."""
    busy = {facts.champion, facts.standby, facts.rollout.version if facts.rollout else ""} - {""}
    name = next((version for version in busy if deployment_name(version) == command.deployment), "")
    return f"version {name} is in use" if name and command.production else ""
