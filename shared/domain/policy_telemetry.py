"""What the policy says about telemetry: how rows are counted, and how long late ones are waited for.

Owns that section's grammar. Knows nothing of windows themselves (``telemetry``).
"""

from datetime import timedelta

from pydantic import field_validator

from shared.domain.durations import format_duration
from shared.domain.policy_section import Section
from shared.domain.policy_texts import Duration


class TelemetrySettings(Section):
    """How telemetry is cut into windows."""

    traffic_bucket: Duration = timedelta(minutes=1)
    lateness: Duration = timedelta(hours=24)

    @field_validator("traffic_bucket")
    @classmethod
    def _whole_seconds(cls, bucket: timedelta) -> timedelta:
        if bucket < timedelta(seconds=1) or bucket % timedelta(seconds=1):
            raise ValueError(f"{format_duration(bucket)} is no bucket: write whole seconds, at least 1s")
        return bucket
