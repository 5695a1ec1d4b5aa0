"""What to do about each kind of command when nobody knows whether it had its effect.

Owns that table. Knows nothing of how an effect is brought about, or looked for (``services.execute``).
"""

from typing import Literal

from shared.domain.commands import (
    CheckEndpoint,
    Command,
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

OnUnknown = Literal["same_key", "find_mark", "repeat", "escalate"]

# A repeat of the same PUT, or of a job under the same name, or behind the same bookmark, has the effect of one; a repeated notification is a nuisance
# that we accept rather than silence; probing requests change nothing.
ON_UNKNOWN: dict[type[Command], OnUnknown] = {
    ShareModel: "same_key",
    ShareEnvironment: "same_key",
    RecordReference: "repeat",
    ReadCollected: "same_key",
    ReadReferenced: "same_key",
    DeployModel: "same_key",
    RemoveDeployment: "same_key",
    ScaleDeployment: "same_key",
    RestartDeployment: "same_key",
    StopCompute: "same_key",
    CheckEndpoint: "repeat",
    ScoreBatch: "find_mark",
    CompareScores: "same_key",
    RunEvaluation: "same_key",
    Retrain: "same_key",
    RefreshData: "find_mark",
    DispatchTraining: "find_mark",
    DispatchPromotion: "find_mark",
    SetTraffic: "same_key",
    RollBackTraffic: "same_key",
    RequestApproval: "repeat",
    Notify: "repeat",
}
