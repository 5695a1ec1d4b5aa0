"""Payloads of ``tests/events``, and one event of each envelope to vary."""

from pathlib import Path

import pytest

EVENTS = Path(__file__).resolve().parents[2] / "events"


@pytest.fixture(scope="session")
def payload():
    """Reads a payload file as bytes."""
    return lambda name: (EVENTS / name).read_bytes()


@pytest.fixture
def event():
    """Builds an Event Grid event of Azure ML with the given type and data."""

    def build(event_type, data, **changes):
        return {
            "topic": "/subscriptions/S1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/Ws",
            "subject": "some/subject",
            "eventType": event_type,
            "eventTime": "2024-03-05T18:16:25.1234567Z",
            "id": "e-1",
            "data": data,
            "dataVersion": "2",
            "metadataVersion": "1",
        } | changes

    return build
