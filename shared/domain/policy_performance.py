"""Rules on how good a model's predictions were once their labels came, and on how differently it treats groups of people.

Owns their grammar, and which way each measure is better. Judges nothing (``rules.performance``, ``rules.fairness``).
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from shared.domain.policy_section import FaultAtError
from shared.domain.policy_texts import Duration, WindowLength, window_days
from shared.domain.policy_windows import WindowRule, in_order

PerformanceMetric = Literal["auc", "accuracy", "precision", "recall", "f1", "r2", "mae", "rmse", "brier", "log_loss"]
Disparity = Literal[
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "selection_rate_difference",
    "accuracy_difference",
    "mean_prediction_difference",
    "mae_difference",
    "bias_difference",
]
MORE_IS_BETTER = frozenset({"auc", "accuracy", "precision", "recall", "f1", "r2", "demographic_parity_ratio"})
WINDOWS_WAITING_MAX = 56  # of the 64 whose samples are kept: some more wait for late rows
SAME_AS = {"selection_rate_difference": "demographic_parity_difference"}  # two names of one measure


class LabelledRule(WindowRule):
    """A rule on predictions that met their labels: one limit, above or below, whichever is the worse side."""

    metric: str
    window: WindowLength = "1mo"
    below: float | None = Field(default=None, description="for measures of which more is better")
    above: float | None = Field(default=None, description="for measures of which less is better")
    suspected_below: float | None = None
    suspected_above: float | None = None
    labels_within: Duration = Field(
        default=timedelta(days=30), description="how long labels are waited for after the window's end"
    )

    @property
    def sense(self) -> Literal["above", "below"]:
        """On which side of its limit the measure is bad."""
        return "below" if self.metric in MORE_IS_BETTER else "above"

    @property
    def limit(self) -> float:
        """The last value that is not bad."""
        written = self.below if self.sense == "below" else self.above
        return written if written is not None else 0.0  # never: a rule without its limit is no rule

    @property
    def suspected(self) -> float:
        """From where on it is suspected: the limit itself when the policy does not say."""
        written = self.suspected_below if self.sense == "below" else self.suspected_above
        return self.limit if written is None else written

    def beyond(self, value: float, limit: float) -> bool:
        """Whether a value is on the bad side of a limit."""
        return value < limit if self.sense == "below" else value > limit

    @model_validator(mode="after")
    def _by_its_sense(self) -> "LabelledRule":
        right, wrong = ("below", "above") if self.sense == "below" else ("above", "below")
        for key in (wrong, f"suspected_{wrong}"):
            if getattr(self, key) is not None:
                more = "more" if right == "below" else "less"
                raise FaultAtError(f"of {self.metric} {more} is better: write {right}: instead", key)
        if getattr(self, right) is None:
            raise FaultAtError(f"{self.metric} needs a limit: write {right}:", "metric")
        in_order(self.limit, self.suspected, self.sense)
        waiting = self.labels_within / timedelta(days=window_days(self.window))
        if waiting > WINDOWS_WAITING_MAX:
            text = f"{waiting:.0f} windows of {self.window} would wait for labels at once, at most {WINDOWS_WAITING_MAX} can"
            raise FaultAtError(f"{text}: write a longer window, or a shorter labels_within", "labels_within")
        return self


class ModelPerformance(LabelledRule):
    """Predictions that are worse than they may be, by their confidence bound: a small sample convicts nobody."""

    when: Literal["model_performance"]
    metric: PerformanceMetric
    min_pairs: int = Field(
        default=500, ge=1, description="a window with fewer predictions that met their label says nothing"
    )


class Fairness(LabelledRule):
    """A model that treats groups of people more differently than it may, by a column that the policy calls sensitive."""

    when: Literal["fairness"]
    sensitive: str = Field(min_length=1, description="the column whose values are the groups; one for each workload")
    metric: Disparity
    min_rows_per_group: int = Field(
        default=100, ge=1, description="a group with fewer counts for nothing, and two at least must be there"
    )


def sensitive_columns(rules: list[tuple[int, Fairness]]) -> list[FaultAtError]:
    """A second column: predictions are kept with the values of one."""
    first = rules[0][1].sensitive if rules else ""
    text = f"the rules of a workload share one sensitive column, and an earlier one names {first!r}"
    return [FaultAtError(text, "monitoring", number, "sensitive") for number, rule in rules if rule.sensitive != first]
