"""What a policy says about the platform around a model: whose alerts matter, what answers them, who hears of security.

Owns the grammar of these sections, and the order of severities. Judges no signal (``rules.infrastructure``, ``rules.security``).
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from shared.domain.policy_section import Section
from shared.domain.policy_texts import Duration

SEVERITIES = ("informational", "low", "medium", "high", "critical")
Severity = Literal["informational", "low", "medium", "high", "critical"]


def rank(severity: str) -> int:
    """How severe; what we do not know is as bad as it gets, so that nobody sleeps through it."""
    return SEVERITIES.index(severity.lower()) if severity.lower() in SEVERITIES else len(SEVERITIES)


class InfrastructureAlert(Section):
    """Alerts of the platform about this workload's workspaces: one incident for each alert rule and target."""

    when: Literal["infrastructure_alert"]
    rules: str = Field(
        default="*",
        min_length=1,
        description="glob of names of alert rules, in any case; changes of health are named service_health, resource_health and maintenance",
    )
    attribute_within: Duration = timedelta(hours=1)
    then: Literal["rollback_or_notify", "notify"] = "notify"
    to: str = Field(default="", description="a persona; the owner when it is left out")


class Security(Section):
    """Who hears of security alerts and vulnerabilities, from which severity on."""

    notify_from: Severity = "medium"
    to: str = Field(default="", description="a persona; the owner when it is left out")
