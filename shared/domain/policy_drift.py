"""Rules on what goes into a model and what comes out of it, against the reference profile: drift, and quality of the data.

Owns their grammar. Judges no window (``rules.drift``, ``rules.quality``).
"""

from typing import Literal

from pydantic import Field, model_validator

from shared.domain.policy_section import FaultAtError
from shared.domain.policy_texts import WindowLength
from shared.domain.policy_windows import FeatureRule, Response, WindowRule, in_order

DriftMetric = Literal["psi", "jensen_shannon", "ks", "chi_squared"]
METRICS = "chi_squared by its effect size, Cramér's V, and of categories alone; ks of numbers alone"
SUSPECTED_PSI = 0.1  # the usual reading: from 0.1 on a moderate shift, from 0.2 on a major one


class DataDrift(FeatureRule):
    """Inputs that no longer look like the training data: effect size, persistence and minimum sample."""

    when: Literal["data_drift"]
    metric: DriftMetric = Field(default="psi", description=METRICS)
    window: WindowLength = "1mo"
    above: float = Field(gt=0)
    suspected_above: float | None = Field(
        default=None, gt=0, description="0.1 for psi, else half of above, when it is left out"
    )
    share_of_features: float = Field(gt=0, le=1)
    azure_ml_signals: str = Field(
        default="", description="glob of the names of Azure ML monitor signals that mean the same"
    )
    then: Response = "retrain"

    @property
    def suspected(self) -> float:
        """From where on a feature is suspected."""
        return _suspected(self.metric, self.above, self.suspected_above)

    @model_validator(mode="after")
    def _in_order(self) -> "DataDrift":
        in_order(self.above, self.suspected, "above")
        return self


class PredictionDrift(WindowRule):
    """What the model answers no longer looks like what it answered to the training data."""

    when: Literal["prediction_drift"]
    metric: DriftMetric = Field(default="jensen_shannon", description=METRICS)
    above: float = Field(gt=0)
    suspected_above: float | None = Field(
        default=None, gt=0, description="0.1 for psi, else half of above, when it is left out"
    )
    min_rows: int = Field(default=1000, ge=1, description="a window with fewer says nothing")

    @property
    def suspected(self) -> float:
        """From where on the predictions are suspected."""
        return _suspected(self.metric, self.above, self.suspected_above)

    @model_validator(mode="after")
    def _in_order(self) -> "PredictionDrift":
        in_order(self.above, self.suspected, "above")
        return self


def _suspected(metric: DriftMetric, above: float, written: float | None) -> float:
    if written is not None:
        return written
    return SUSPECTED_PSI if metric == "psi" else above / 2


class DataQuality(FeatureRule):
    """Values that are missing, of the wrong type, or outside of what the training data knew: shares of a feature's rows."""

    when: Literal["data_quality"]
    nulls_above: float | None = Field(default=None, ge=0, lt=1)
    type_errors_above: float | None = Field(default=None, ge=0, lt=1)
    outside_above: float | None = Field(
        default=None, ge=0, lt=1, description="beyond the reference's range, or not among its categories"
    )
    suspected_nulls_above: float | None = Field(default=None, ge=0, lt=1)
    suspected_type_errors_above: float | None = Field(default=None, ge=0, lt=1)
    suspected_outside_above: float | None = Field(default=None, ge=0, lt=1)
    share_of_features: float | None = Field(
        default=None, gt=0, le=1, description="any single feature is enough when it is left out"
    )

    @property
    def limits(self) -> dict[str, float]:
        """The largest share of each fault that is not too much, by its name."""
        every = {"nulls": self.nulls_above, "type_errors": self.type_errors_above, "outside": self.outside_above}
        return {name: limit for name, limit in every.items() if limit is not None}

    @property
    def suspected_limits(self) -> dict[str, float]:
        """From where on each fault is suspected: the limit itself when the policy does not say."""
        written = {
            "nulls": self.suspected_nulls_above,
            "type_errors": self.suspected_type_errors_above,
            "outside": self.suspected_outside_above,
        }
        return self.limits | {name: limit for name, limit in written.items() if limit is not None}

    @model_validator(mode="after")
    def _asks_for_something(self) -> "DataQuality":
        if not self.limits:
            raise ValueError("data_quality needs a limit: nulls_above, type_errors_above or outside_above")
        for name in ("nulls", "type_errors", "outside"):
            if name in self.suspected_limits and name not in self.limits:
                raise FaultAtError(f"suspected_{name}_above needs {name}_above", f"suspected_{name}_above")
            in_order(self.limits.get(name), self.suspected_limits.get(name), "above", f"{name}_")
        return self
