"""Event Hubs messages about the flight-delay endpoint, as bytes, and the reference that its rows are compared with."""

import json
from datetime import timedelta

from shared.domain.observations import DeploymentRef
from tests.unit.services.fakes import NOON
from tests.unit.services.signals import PRODUCTION

TAGS = {
    "outerloop.reference": '{"rows": 100, "features": ["distance"]}',
    "outerloop.reference.distance": '{"kind": "numeric", "edges": [1.0, 2.0], "counts": [30, 40, 30]}',
}
ENDPOINT = f"{PRODUCTION}/onlineEndpoints/flight-delay"


def ref(deployment="version-2"):
    return DeploymentRef(workspace=PRODUCTION, endpoint="flight-delay", deployment=deployment)


def at(seconds):
    return (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def request(seconds=0.0, deployment="version-2", status=200, duration_ms=20):
    """One record of the traffic log."""
    return {
        "time": at(seconds),
        "resourceId": ENDPOINT.upper(),
        "category": "AmlOnlineEndpointTrafficLog",
        "properties": {
            "DeploymentName": deployment,
            "ResponseCode": str(status),
            "ModelStatusCode": str(status),
            "TotalDurationMs": str(duration_ms),
        },
    }


def traffic(*requests):
    return json.dumps({"records": requests or [request()]}).encode()


def rows(count=1, seconds=0.0, deployment="version-2", value=1.5):
    """One event of the data collector."""
    event = {
        "specversion": "1.0",
        "id": "e",
        "source": f"{ENDPOINT}/deployments/{deployment}",
        "type": "azureml.inference.model_inputs",
        "time": at(seconds),
        "data": [{"distance": value}] * count,
        "correlationid": "c",
        "xrequestid": "x",
    }
    return json.dumps(event).encode()
