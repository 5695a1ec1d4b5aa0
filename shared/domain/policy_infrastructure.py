"""What a policy says about the platform around a model: whose alerts matter, what answers them, who hears of security.

Owns the grammar of these sections, the bounds of remedies, and the order of severities. Judges no signal (``rules.infrastructure``, ``rules.security``).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import Duration

SEVERITIES = ("informational", "low", "medium", "high", "critical")
RELIEVING = ("scale_out", "restart")
Severity = Literal["informational", "low", "medium", "high", "critical"]


def rank(severity: str) -> int:
    """How severe; what we do not know is as bad as it gets, so that nobody sleeps through it."""
    return SEVERITIES.index(severity.lower()) if severity.lower() in SEVERITIES else len(SEVERITIES)


class Relief(Section):
    """How far a remedy for the deployment that serves may go, how often, and when its effect has to show."""

    add: int = Field(default=1, ge=1, le=10, description="instances, with then: scale_out")
    instances_max: int | None = Field(default=None, ge=2, le=50, description="of the deployment, with then: scale_out")
    cooldown: Duration = timedelta(minutes=30)
    within: Duration = Field(
        default=timedelta(minutes=30), description="from when it is in force until the alert has to be over"
    )
    give_up_after: int = Field(default=2, ge=1, description="so many remedies in a row without effect")


class InfrastructureAlert(Section):
    """Alerts of the platform about this workload's workspaces: one incident for each alert rule and target."""

    when: Literal["infrastructure_alert"]
    rules: str = Field(
        default="*",
        min_length=1,
        description="glob of names of alert rules, in any case; changes of health are named service_health, resource_health, maintenance and throttling",
    )
    attribute_within: Duration = timedelta(hours=1)
    then: Literal["rollback_or_notify", "notify", "scale_out", "restart"] = "notify"
    relief: Relief | None = Field(default=None, description="the limits of then: scale_out and then: restart")
    to: str = Field(default="", description="a persona; the owner when it is left out")

    @property
    def relieves(self) -> Relief | None:
        """The limits of its remedy, if it has one."""
        return (self.relief or Relief()) if self.then in RELIEVING else None

    @model_validator(mode="after")
    def _is_bounded(self) -> "InfrastructureAlert":
        if self.relief and self.then not in RELIEVING:
            raise FaultAtError(f"relief bounds then: {' and then: '.join(RELIEVING)}; leave it out", "relief")
        if self.then == "scale_out" and (self.relief is None or self.relief.instances_max is None):
            raise FaultAtError("then: scale_out needs its limit: relief: {instances_max: …}", "then")
        return self


def unfit_reliefs(monitoring: Sequence[object], kind: str, instances: int) -> Iterator[FaultAtError]:
    """Remedies that the production endpoint cannot have, or that could never be taken."""
    for number, rule in enumerate(monitoring):
        if not isinstance(rule, InfrastructureAlert) or rule.relieves is None:
            continue
        if not kind.endswith("_online"):
            text = f"then: {rule.then} is for the instances of an online endpoint; a batch deployment has a cluster"
            yield FaultAtError(text, "monitoring", number, "then")
        most = rule.relieves.instances_max
        if rule.then == "scale_out" and most is not None and most <= instances:
            text = f"{most} is no more than instance_count, {instances}: nothing could be added"
            yield FaultAtError(text, "monitoring", number, "relief", "instances_max")


class Security(Section):
    """Who hears of security alerts and vulnerabilities, from which severity on."""

    notify_from: Severity = "medium"
    to: str = Field(default="", description="a persona; the owner when it is left out")
