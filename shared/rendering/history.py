"""The history of a workload over event time: how far its inputs drifted, how good its predictions were, what was done about it.

Owns the shapes. Reads nothing (``chronicle``) and draws nothing (``plot``).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MarkKind = Literal["serves", "retraining", "rollback"]


@dataclass(frozen=True, slots=True)
class ShownWindow:
    """One window of one version under one rule. ``value``: the share of features beyond the limit, or the measure.

    ``suspected`` is the share beyond where suspicion begins, ``distances`` those of the features, the nearest first;
    ``lower`` and ``upper`` bound a measure with 95 % confidence. None or empty where the signal is no longer kept.
    """

    version: str
    start: datetime
    end: datetime
    verdict: str
    value: float
    suspected: float | None = None
    distances: tuple[float, ...] = ()
    farthest: str = ""
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done, at its place in event time."""

    at: datetime
    kind: MarkKind
    version: str


@dataclass(frozen=True, slots=True)
class DriftPanel:
    """How far the inputs drifted, beside the limits of the rule that watches them."""

    metric: str
    window: str
    above: float
    suspected: float
    share_of_features: float
    windows: tuple[ShownWindow, ...]


@dataclass(frozen=True, slots=True)
class PerformancePanel:
    """How good the predictions were, beside the rule's limit and where suspicion begins."""

    metric: str
    window: str
    limit: float
    suspected: float
    windows: tuple[ShownWindow, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a workload over time. A panel is None when no rule of the policy asks for it."""

    workload: str
    drift: DriftPanel | None = None
    performance: PerformancePanel | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def windows(self) -> tuple[ShownWindow, ...]:
        """Every window that is shown, of both panels."""
        return (*(self.drift.windows if self.drift else ()), *(self.performance.windows if self.performance else ()))
