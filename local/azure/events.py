"""What Azure Machine Learning tells Event Grid: model registrations and run events, in the documents' shapes.

Owns the payloads only (samples: Microsoft's Event Grid schema page for Azure Machine Learning). Note what is absent:
v2 endpoints raise no ``ModelDeployed``, and a failed run raises ``RunStatusChanged`` but no ``RunCompleted``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.azure.references import PROVIDER


@dataclass(frozen=True)
class Event:
    """One event, before delivery."""

    topic: str
    event_type: str
    subject: str
    data: dict[str, Any]


@dataclass(frozen=True)
class RunFacts:
    """What a run event says about a run."""

    experiment_id: str
    experiment_name: str
    run_id: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]

    def data(self) -> dict[str, Any]:
        """The data of ``RunCompleted``; ``RunStatusChanged`` adds ``runStatus``."""
        return {
            "experimentId": self.experiment_id,
            "experimentName": self.experiment_name,
            "runId": self.run_id,
            "runType": None,
            "runTags": dict(self.tags),
            "runProperties": dict(self.properties),
        }

    @property
    def subject(self) -> str:
        """The subject of both run events."""
        return f"experiments/{self.experiment_id}/runs/{self.run_id}"


def model_registered(topic: str, name: str, version: str, properties: Mapping[str, Any]) -> Event:
    """``ModelRegistered``; the version is a number when it can be one, as the sample has it."""
    data = {
        "ModelName": name,
        "ModelVersion": int(version) if version.isdigit() else version,
        "ModelTags": dict(properties.get("tags") or {}),
        "ModelProperties": dict(properties.get("properties") or {}),
    }
    return Event(topic, f"{PROVIDER}.ModelRegistered", f"models/{name}:{version}", data)


def run_status_changed(topic: str, run: RunFacts, status: str) -> Event:
    """``RunStatusChanged`` with the new status."""
    return Event(topic, f"{PROVIDER}.RunStatusChanged", run.subject, {**run.data(), "runStatus": status})


def run_completed(topic: str, run: RunFacts) -> Event:
    """``RunCompleted``."""
    return Event(topic, f"{PROVIDER}.RunCompleted", run.subject, run.data())
