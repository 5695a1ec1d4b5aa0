"""The rule on an endpoint that refuses requests because there are too many: its grammar.

Owns that grammar. Throttling by Resource Manager needs no rule (``services.throttling``), and requests are counted by ``telemetry``.
"""

from typing import Literal

from pydantic import Field, model_validator

from shared.domain.policy_section import FaultAtError
from shared.domain.policy_texts import WindowLength
from shared.domain.policy_windows import WindowRule, in_order


class EndpointThrottled(WindowRule):
    """Requests that the endpoint refuses with 429 as it has no room for them: a share of a window's, told to people."""

    when: Literal["endpoint_throttled"]
    window: WindowLength = "1h"
    above: float = Field(default=0.01, ge=0, lt=1, description="the largest share of requests refused with 429")
    suspected_above: float | None = Field(
        default=None, ge=0, lt=1, description="from where on it is no recovery yet; the limit itself when left out"
    )
    min_requests: int = Field(default=100, ge=1, description="a window with fewer says nothing")

    @model_validator(mode="after")
    def _is_told(self) -> "EndpointThrottled":
        in_order(self.above, self.suspected_above, "above")
        if self.then != "notify":
            text = (
                f"then: {self.then} gives an endpoint no room; use then: notify here, and scale out by "
                "an infrastructure_alert on its metrics with then: scale_out"
            )
            raise FaultAtError(text, "then")
        return self
