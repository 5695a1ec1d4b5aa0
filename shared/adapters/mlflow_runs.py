"""Runs as the workspace's MLflow tracking server knows them: final metrics, tags, and why a run failed.

Owns the two read-only calls that azure-ai-ml has no method for. Knows nothing of commands.
Wire format: mlflow.org REST API 2.0 ``runs/get`` below the workspace's ``mlFlowTrackingUri``; run history v1.0 beside it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError

from shared.adapters.arm_session import ArmCalls, Json


@dataclass(frozen=True)
class Run:
    """One run. ``metrics`` are the last values logged; those that are not finite are left out: they are no evidence.

    ``seconds`` is from its start to its end; None while it has no end, at ``ended_at``.
    """

    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    seconds: float | None = None
    ended_at: datetime | None = None


def read_run(arm: ArmCalls, workspace: str, run: str) -> Run:
    """A run by its id, which for a job is the job's name.

    Raises:
        HttpResponseError: 404 when the workspace has no such run.
    """
    answer = arm.get(f"{_tracking_url(arm, workspace)}/api/2.0/mlflow/runs/get", api_version=None, run_id=run)
    data: Json = answer["run"].get("data") or {}
    metrics = {metric["key"]: float(metric["value"]) for metric in data.get("metrics") or []}
    return Run(
        metrics={key: value for key, value in metrics.items() if math.isfinite(value)},
        tags={tag["key"]: str(tag["value"]) for tag in data.get("tags") or []},
        seconds=_seconds(answer["run"].get("info") or {}),
        ended_at=_ended(answer["run"].get("info") or {}),
    )


def _seconds(info: Json) -> float | None:
    start, end = info.get("start_time"), info.get("end_time")  # milliseconds since 1970, as numbers or as text
    return (int(end) - int(start)) / 1000 if start and end else None


def _ended(info: Json) -> datetime | None:
    end = info.get("end_time")
    return datetime.fromtimestamp(int(end) / 1000, UTC) if end else None


def failure_of(arm: ArmCalls, workspace: str, run: str) -> str:
    """Why a run failed, in the words of the run history; empty when it does not say."""
    front = urlsplit(_tracking_url(arm, workspace))
    url = f"{front.scheme}://{front.netloc}/history/v1.0{workspace.rstrip('/')}/runs/{run}/details"
    try:
        error = (arm.get(url, api_version=None).get("error") or {}).get("error") or {}
    except AzureError:  # that it failed is known; why is only a help
        return ""
    return str(error.get("message") or "")


def _tracking_url(arm: ArmCalls, workspace: str) -> str:
    uri = str(arm.get(workspace)["properties"]["mlFlowTrackingUri"])
    return uri.replace("azureml://", "https://", 1).rstrip("/")
