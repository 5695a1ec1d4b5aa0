"""What the policy says about telemetry: how rows are counted, and how long late ones are waited for.

Owns that section's grammar. Knows nothing of windows themselves (``telemetry``).
"""

from datetime import timedelta

from pydantic import Field, field_validator

from shared.domain.durations import format_duration
from shared.domain.policy_section import Section
from shared.domain.policy_texts import Duration

COLUMNS_MAX = 64


class ReviewedInputs(Section):
    """Which inputs people may look at: a few rows of each window, and of them only these columns."""

    columns: tuple[str, ...] = Field(min_length=1, max_length=COLUMNS_MAX, description="no other column is ever kept")
    rows: int = Field(default=50, ge=1, le=200, description="of each window, and as many that do not fit the profile")


class TelemetrySettings(Section):
    """How telemetry is cut into windows."""

    traffic_bucket: Duration = timedelta(minutes=1)
    lateness: Duration = timedelta(hours=24)
    idle_after: Duration = Field(
        default=timedelta(hours=24),
        description="a deployment whose rows stopped for so long has its windows closed by the present",
    )

    label: str = Field(
        default="", description="the column of ground_truth that holds the label; label or y_true when it is left out"
    )
    samples: ReviewedInputs | None = Field(
        default=None, description="inputs that are kept for people to look at; none are when it is left out"
    )

    @field_validator("traffic_bucket")
    @classmethod
    def _whole_seconds(cls, bucket: timedelta) -> timedelta:
        if bucket < timedelta(seconds=1) or bucket % timedelta(seconds=1):
            raise ValueError(f"{format_duration(bucket)} is no bucket: write whole seconds, at least 1s")
        if bucket > timedelta(days=1):
            raise ValueError(f"{format_duration(bucket)} is too long for a bucket of traffic: write at most 1d")
        return bucket
