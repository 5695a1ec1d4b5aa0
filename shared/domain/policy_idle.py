"""The rules on what nobody uses: an endpoint that nobody calls, a compute instance on which nothing runs.

Owns their grammar. Who is idle is found by ``services``, what is done about it said by ``rules.idle`` and ``rules.idle_compute``.
"""

from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, field_validator

from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import Duration

IDLE_MIN = timedelta(hours=1)


class EndpointIdle(Section):
    """The production endpoint serves nobody: people are asked whether to retire it. Nothing is deleted."""

    when: Literal["endpoint_idle"]
    idle_for: Duration = Field(alias="for", description="how long no request may be heard of, such as 14d")
    then: Literal["notify"] = "notify"
    to: str = Field(default="", description="a persona; the owner when it is left out")

    @field_validator("idle_for")
    @classmethod
    def _is_long(cls, value: timedelta) -> timedelta:
        if value < IDLE_MIN:
            raise ValueError(
                "is too short to call an endpoint idle: write 1h or more; silence has when: telemetry_absent"
            )
        return value


class ComputeIdle(Section):
    """Compute instances that run and do nothing are stopped, or people are told. Never a cluster: it scales down by itself."""

    when: Literal["compute_idle"]
    computes: str = Field(min_length=1, description="glob of names of compute instances, in any case")
    environment: Literal["development", "staging", "production"] = Field(
        default="development", description="in whose workspace they are"
    )
    idle_for: Duration = Field(alias="for", description="how long one may run without a job, such as 8h")
    then: Literal["stop", "notify"] = "notify"
    to: str = Field(default="", description="a persona; the owner when it is left out")

    def watches(self, compute: str) -> bool:
        """Whether the rule is about an instance of that name."""
        return fnmatchcase(compute.lower(), self.computes.lower())

    @field_validator("idle_for")
    @classmethod
    def _is_long(cls, value: timedelta) -> timedelta:
        if value < IDLE_MIN:
            raise ValueError("is too short to call a compute idle: write 1h or more")
        return value


def compute_rules(monitoring: Sequence[object]) -> tuple[ComputeIdle, ...]:
    """Those rules of monitoring, in their order: the first that names an instance answers for it."""
    return tuple(rule for rule in monitoring if isinstance(rule, ComputeIdle))


def one_idle_rule(rules: Sequence[tuple[int, EndpointIdle]]) -> list[FaultAtError]:
    """A second rule of this kind: it is told of once."""
    text = "two rules with when: endpoint_idle; one of them is enough"
    return [FaultAtError(text, "monitoring", number, "when") for number, _ in rules[1:]]
