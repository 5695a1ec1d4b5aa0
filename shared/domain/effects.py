"""Which commands go to which kind of target: the closed unions that the ports promise to carry out.

Owns the grouping only; an execution service dispatches on it, and a type checker proves that none is forgotten.
"""

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

Relieving = ScaleDeployment | RestartDeployment
EndpointWrite = DeployModel | RemoveDeployment | SetTraffic | RollBackTraffic | Relieving
WorkspaceCommand = (
    ShareModel | ShareEnvironment | RunEvaluation | ScoreBatch | CompareScores | Retrain | StopCompute | EndpointWrite
)
Dispatch = RefreshData | DispatchTraining | DispatchPromotion
Message = RequestApproval | Notify
AnyCommand = WorkspaceCommand | Dispatch | RecordReference | ReadCollected | ReadReferenced | CheckEndpoint | Message
