"""The rule on telemetry that does not come.

Owns its grammar. Who is silent is found by ``services``, what is done about it said by ``rules.absence``.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import Duration


class TelemetryAbsent(Section):
    """The champion says nothing any more: an endpoint without traffic, or a collector that broke while requests go on."""

    when: Literal["telemetry_absent"]
    silent_for: Duration = Field(
        alias="for", description="how long nothing, or requests without rows, has to be heard, such as 2h"
    )
    then: Literal["notify"] = "notify"
    to: str = Field(default="", description="a persona; the owner when it is left out")


def one_is_enough(rules: Sequence[tuple[int, TelemetryAbsent]]) -> list[FaultAtError]:
    """A second rule of this kind: a silence is told of once."""
    text = "two rules with when: telemetry_absent; one of them is enough"
    return [FaultAtError(text, "monitoring", number, "when") for number, _ in rules[1:]]
