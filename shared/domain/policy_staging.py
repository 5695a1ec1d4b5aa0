"""When a candidate may be retrained in staging: which tasks, which workspaces, and who promotes; and where trainings cost what.

Owns what spans sections of a workload. The grammar of the section is ``policy_retraining``'s.
"""

from collections.abc import Iterator

from shared.domain.policy_environments import Environments
from shared.domain.policy_promotion import Promotion
from shared.domain.policy_reserves import Price
from shared.domain.policy_retraining import Retraining
from shared.domain.policy_section import FaultAtError

PLACE = ("promotion", "staging", "retrain")


def unfit_staging_training(task: str, environments: Environments, promotion: Promotion) -> Iterator[FaultAtError]:
    """Why what the policy says about retraining in staging cannot be, each fault at its place; nothing when it says nothing."""
    training = promotion.staging.retrain
    if training is None:
        return
    if task == "vision" and not training.override_reason.strip():
        text = "a vision model is tested as it was registered; leave retrain out, or say in override_reason: why it is trained anew"
        yield FaultAtError(text, *PLACE)
    staging = environments.staging.workspace.lower()
    if staging in (environments.development.workspace.lower(), environments.production.workspace.lower()):
        text = (
            "what is retrained is registered in the staging workspace, which is also another environment's here: "
            "give staging a workspace of its own, or leave retrain out"
        )
        yield FaultAtError(text, *PLACE)
    if promotion.promoter != "azure_ml":
        text = "promotion.with names a pipeline that brings candidates to staging: let that train them anew, or leave retrain out"
        yield FaultAtError(text, *PLACE)


def prices_of(
    number: int, environments: Environments, retrain: Retraining | None, promotion: Promotion
) -> Iterator[Price]:
    """What each kind of training of the workload with this number costs, and in which workspace it runs."""
    if retrain:
        yield Price(("workloads", number, "retrain"), environments.development.workspace, retrain.estimated_cost)
    training = promotion.staging.retrain
    if training:
        yield Price(("workloads", number, *PLACE), environments.staging.workspace, training.estimated_cost)
