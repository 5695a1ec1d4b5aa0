"""What a rollout needs to be judged by what Azure Monitor measured: where to ask, and bakes that are long enough.

Owns the refusals that span the production environment and the rollout. Asks nobody (``adapters``) and judges nothing (``rules``).
"""

from collections.abc import Iterator
from datetime import timedelta

from shared.domain.durations import format_duration
from shared.domain.policy_environments import Production
from shared.domain.policy_promotion import Rollout
from shared.domain.policy_section import FaultAtError

WHOLE_MINUTES = timedelta(minutes=2)  # lost when a stretch begins and ends within a minute
# Minute by minute, for each deployment and status: more is no answer to wait for. A step that is paused may last longer.
STEP_MAX = timedelta(days=3)
PLACES = {
    "metrics": ("region", "write the region of the workspace, such as westeurope: Azure Monitor answers by region"),
    "logs": (
        "log_analytics",
        "write the Workspace ID of the Log Analytics workspace that the endpoint's traffic log is sent to",
    ),
}


def unfit_source(production: Production, rollout: Rollout) -> Iterator[FaultAtError]:
    """What keeps a rollout from being judged by the source that its analysis names, each at its place."""
    analysis = rollout.analysis
    if analysis.source == "windows":
        if analysis.late is not None:
            text = "windows say themselves when they are complete (telemetry.lateness): leave late out"
            yield FaultAtError(text, "promotion", "rollout", "analysis", "late")
        return
    key, text = PLACES[analysis.source]
    if not getattr(production, key):
        yield FaultAtError(f"analysis.source: {analysis.source} asks there: {text}", "environments", "production", key)
    if rollout.bake < analysis.late_by + WHOLE_MINUTES:
        least = format_duration(analysis.late_by + WHOLE_MINUTES)
        text = (
            f"{analysis.source} are looked at when they are {format_duration(analysis.late_by)} old, and by whole minutes: "
            f"write at least {least}, or a shorter analysis.late"
        )
        yield FaultAtError(text, "promotion", "rollout", "bake")
    if analysis.source == "metrics" and rollout.bake * analysis.bakes_max > STEP_MAX:
        text = (
            f"metrics are read minute by minute, for {format_duration(STEP_MAX)} at most; a step may last "
            f"{analysis.bakes_max} bakes (one more than its largest limit): write a shorter one, or smaller limits"
        )
        yield FaultAtError(text, "promotion", "rollout", "bake")
