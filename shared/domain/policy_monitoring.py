"""What a policy says under ``monitoring:``: drift of the inputs, and all rules together.

Owns the grammar of the drift rule, the union of all kinds of rules, and the faults between rules of one workload. Judges no signal
(``rules``).
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.domain.facts import WINDOWS_KEPT_MAX
from shared.domain.policy_faults import never_asked
from shared.domain.policy_infrastructure import InfrastructureAlert
from shared.domain.policy_responses import unfit_response
from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import Persistence, WindowLength
from shared.domain.policy_triggers import NewData, Schedule


class DataDrift(Section):
    """Inputs that no longer look like the training data: effect size, persistence and minimum sample."""

    when: Literal["data_drift"]
    metric: Literal["psi"] = "psi"
    window: WindowLength = "1mo"
    above: float = Field(gt=0)
    suspected_above: float = Field(default=0.1, gt=0)
    share_of_features: float = Field(gt=0, le=1)
    persistence: Persistence = Field(default="1 of 1", alias="for")
    min_rows: int = Field(default=1000, ge=1)
    azure_ml_signals: str = Field(
        default="", description="glob of the names of Azure ML monitor signals that mean the same"
    )
    then: Literal["retrain", "notify", "annotate", "investigate"] = "retrain"
    to: str = ""
    override_reason: str = Field(default="", description="why a vision or language model is retrained by itself")
    samples: str = Field(
        default="", description="where its sampled inputs lie; by default where Azure ML collects them"
    )

    @property
    def needed(self) -> int:
        """M of ``M of N``: how many of the last N windows must agree."""
        return int(self.persistence.split(" of ")[0])

    @property
    def considered(self) -> int:
        """N of ``M of N``."""
        return int(self.persistence.split(" of ")[1])

    @model_validator(mode="after")
    def _in_order(self) -> "DataDrift":
        if self.suspected_above > self.above:
            text = f"suspected_above ({self.suspected_above}) must not exceed above ({self.above})"
            raise FaultAtError(text, "suspected_above")
        if self.needed > self.considered:
            raise FaultAtError(f"{self.persistence} can never be met; write M of N with M at most N", "for")
        if self.considered > WINDOWS_KEPT_MAX:
            text = f"{self.persistence} looks too far back; the last {WINDOWS_KEPT_MAX} windows are kept"
            raise FaultAtError(text, "for")
        return self


Monitored = Annotated[DataDrift | InfrastructureAlert | Schedule | NewData, Field(discriminator="when")]


def unfit_rules(task: str, monitoring: Sequence[Monitored], *, may_retrain: bool) -> Iterator[FaultAtError]:
    """Answers that do not fit the task, or that nobody described."""
    for number, rule in enumerate(monitoring):
        place = ("monitoring", number, "then")
        unfit = "" if isinstance(rule, InfrastructureAlert) else unfit_response(task, rule.then, rule.override_reason)
        if unfit:
            yield FaultAtError(unfit, *place)
        elif rule.then == "retrain" and not may_retrain:
            yield FaultAtError("then: retrain needs a retrain: section in this workload", *place)


def rules_in_the_way(monitoring: Sequence[Monitored]) -> Iterator[FaultAtError]:
    """Rules that watch what an earlier one takes."""
    numbered = list(enumerate(monitoring))
    alerts = [(number, rule.rules) for number, rule in numbered if isinstance(rule, InfrastructureAlert)]
    drifts = [(number, rule) for number, rule in numbered if isinstance(rule, DataDrift)]
    times = [(number, rule) for number, rule in numbered if isinstance(rule, Schedule)]
    yield from never_asked(alerts, "rules")
    yield from never_asked(
        ((n, rule.azure_ml_signals) for n, rule in drifts if rule.azure_ml_signals), "azure_ml_signals"
    )
    for at, (number, rule) in enumerate(drifts):
        if any(rule.window == other.window for _, other in drifts[:at]):
            text = f"two rules watch the same window {rule.window}; give each its own"
            yield FaultAtError(text, "monitoring", number, "window")
    for at, (number, time) in enumerate(times):
        if any((time.cron, time.timezone) == (other.cron, other.timezone) for _, other in times[:at]):
            yield FaultAtError("two rules have the same schedule; one of them is enough", "monitoring", number, "cron")
