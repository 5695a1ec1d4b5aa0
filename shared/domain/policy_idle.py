"""The rule on an endpoint that nobody calls.

Owns its grammar. Who is idle is found by ``services``, what is done about it said by ``rules.idle``.
"""

from collections.abc import Sequence
from datetime import timedelta
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


def one_idle_rule(rules: Sequence[tuple[int, EndpointIdle]]) -> list[FaultAtError]:
    """A second rule of this kind: it is told of once."""
    text = "two rules with when: endpoint_idle; one of them is enough"
    return [FaultAtError(text, "monitoring", number, "when") for number, _ in rules[1:]]
