"""What a policy says under ``retrain:``: who trains, how often, what it costs, and how it is measured whether it helped.

Owns that section's grammar. Judges no signal (``rules.remedy``).
"""

from datetime import timedelta

from pydantic import Field

from shared.domain.policy_section import Section
from shared.domain.policy_texts import Duration, MoneyText
from shared.domain.policy_triggers import Requirements


class AzureMlTraining(Section):
    """Training by a registered component: dispatch uploads nothing."""

    component: str
    data: str
    experiment: str = "retrain"
    inputs: dict[str, str] = {}


class Trainer(Section):
    """Who trains."""

    azure_ml: AzureMlTraining


class Verification(Section):
    """How it is measured whether a remedy helped: both versions on the same rows, later than the training of either."""

    component: str
    data: str
    metric: str = "auc"
    better_by_min: float = 0.0


class Retraining(Section):
    """When and how often a new version may be trained, and when to stop and call a person."""

    trainer: Trainer = Field(alias="with")
    requires: Requirements | None = None
    cooldown: Duration = timedelta(hours=12)
    verify: Verification
    verify_within: Duration = timedelta(days=7)
    give_up_after: int = Field(default=3, ge=1)
    estimated_cost: MoneyText | None = Field(
        default=None, description="of one retraining, such as 40 EUR: what a budget's reserve: is charged with"
    )
