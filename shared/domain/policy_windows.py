"""What every rule on telemetry says, whatever it measures: which windows, how often, who is asked, and when it is over.

Owns the part of the grammar that these rules share, and the choice of features. Knows no measure (``policy_drift``,
``policy_performance``).
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator

from shared.domain.facts import WINDOWS_KEPT_MAX
from shared.domain.globs import Globs
from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import Name, Persistence, WindowLength

RUN_MAX = WINDOWS_KEPT_MAX - 1  # windows in a row that can be told from one more
Response = Literal["retrain", "notify", "annotate", "investigate"]


class WindowRule(Section):
    """A rule on windows of telemetry: a verdict on each of them, and an answer when enough agree."""

    when: str
    name: Name | Literal[""] = Field(
        default="", description="tells rules of one kind and window length apart; their kind when it is left out"
    )
    window: WindowLength = "1d"
    persistence: Persistence = Field(default="1 of 1", alias="for", description="so many of the last windows: M of N")
    recovers_after: int = Field(
        default=2,
        ge=1,
        le=RUN_MAX,
        description="windows in a row that pass before what this rule opened is closed; those without data or with an error do not count",
    )
    no_data_limit: int = Field(
        default=6, ge=1, le=RUN_MAX, description="windows in a row without enough data that are told, once"
    )
    error_limit: int = Field(
        default=2, ge=1, le=RUN_MAX, description="windows in a row that could not be judged that are told, once"
    )
    then: Response = "notify"
    to: str = Field(default="", description="a persona; the owner when it is left out")
    override_reason: str = Field(default="", description="why a vision or language model is retrained by itself")
    samples: str = Field(
        default="", description="where its sampled inputs lie; by default where Azure ML collects them"
    )

    @property
    def label(self) -> str:
        """What this rule is called among those of its workload."""
        return self.name or self.when

    @property
    def key(self) -> str:
        """This rule among all of its workload, whatever windows they watch."""
        return f"{self.label} {self.window}"

    @property
    def needed(self) -> int:
        """M of ``M of N``: how many of the last N windows must agree."""
        return int(self.persistence.split(" of ")[0])

    @property
    def considered(self) -> int:
        """N of ``M of N``."""
        return int(self.persistence.split(" of ")[1])

    @model_validator(mode="after")
    def _can_be_met(self) -> "WindowRule":
        if self.needed > self.considered:
            raise FaultAtError(f"{self.persistence} can never be met; write M of N with M at most N", "for")
        if self.considered > WINDOWS_KEPT_MAX:
            text = f"{self.persistence} looks too far back; the last {WINDOWS_KEPT_MAX} windows are kept"
            raise FaultAtError(text, "for")
        return self


class FeatureRule(WindowRule):
    """A rule on windows of rows, with a choice of the features that count."""

    features: tuple[str, ...] = Field(default=("*",), min_length=1, description="globs of the features that count")
    excluding: tuple[str, ...] = Field(default=(), alias="except", description="globs of those that do not")
    min_rows: int = Field(default=1000, ge=1, description="a window with fewer says nothing")

    @cached_property
    def _wanted(self) -> Globs:
        return Globs((glob, number) for number, glob in enumerate(self.features))

    @cached_property
    def _unwanted(self) -> Globs:
        return Globs((glob, number) for number, glob in enumerate(self.excluding))

    def counts(self, feature: str) -> bool:
        """Whether a feature is one of this rule's."""
        return bool(self._wanted.matching(feature)) and not self._unwanted.matching(feature)


def in_order(limit: float | None, suspected: float | None, sense: Literal["above", "below"], suffix: str = "") -> None:
    """Raise FaultAtError when a suspicion would begin beyond the limit itself."""
    if limit is None or suspected is None:
        return
    key, name = f"suspected_{suffix}{sense}", f"{suffix}{sense}"
    if sense == "above" and suspected > limit:
        raise FaultAtError(f"{key} ({suspected}) must not exceed {name} ({limit})", key)
    if sense == "below" and suspected < limit:
        raise FaultAtError(f"{key} ({suspected}) must not be less than {name} ({limit})", key)


def same_rules(rules: Iterable[tuple[int, WindowRule]]) -> Iterator[FaultAtError]:
    """Rules of one kind, window and name: what one of them saw could not be told from what the other did."""
    seen: set[str] = set()
    for number, rule in rules:
        if rule.key in seen:
            text = f"two rules {rule.label} watch the same window {rule.window}; give each its own, or a name:"
            yield FaultAtError(text, "monitoring", number, "window")
        seen.add(rule.key)
