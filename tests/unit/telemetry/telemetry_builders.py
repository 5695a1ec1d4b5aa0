"""Deployments, profiles and messages that the telemetry tests speak about."""

from datetime import UTC, datetime

from hypothesis import settings

from shared.domain.observations import DeploymentRef, RequestServed, RowsCollected, RowsRefused, Telemetry
from shared.telemetry.profiles import CategoricalReference, NumericReference, ReferenceProfile

steady = settings(deadline=None, derandomize=True)  # the same examples each time, however busy the machine

WORKSPACE = "/subscriptions/s/resourcegroups/mlops/providers/microsoft.machinelearningservices/workspaces/ws"
BLUE = DeploymentRef(workspace=WORKSPACE, endpoint="flights", deployment="blue")
GREEN = DeploymentRef(workspace=WORKSPACE, endpoint="flights", deployment="green")
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)

PROFILE = ReferenceProfile(
    rows=100,
    features={
        "distance": NumericReference(edges=(1.0, 2.0, 3.0), counts=(25, 25, 25, 25), min=0.0, max=5.0),
        "carrier": CategoricalReference(counts={"AA": 60, "UA": 40}),
        "prediction": NumericReference(edges=(0.25, 0.5, 0.75), counts=(40, 30, 20, 10)),
    },
)


def collected(*rows, at=NOON, collection="model_inputs", deployment=BLUE):
    """One collector event that holds the rows."""
    return RowsCollected(deployment=deployment, at=at, collection=collection, correlation_id="c", rows=list(rows))


def inputs(*rows, at=NOON, deployment=BLUE):
    """One message with rows of model inputs."""
    return Telemetry(rows=(collected(*rows, at=at, deployment=deployment),))


def outputs(*rows, at=NOON, deployment=BLUE):
    """One message with rows of model outputs."""
    return Telemetry(rows=(collected(*rows, at=at, deployment=deployment, collection="model_outputs"),))


def served(duration_ms=20.0, *, failed=False, at=NOON, deployment=BLUE):
    """One request."""
    status = 500 if failed else 200
    return RequestServed(
        deployment=deployment, at=at, status_code=status, model_status_code=None, duration_ms=duration_ms, failed=failed
    )


def traffic(*requests):
    """One message with requests."""
    return Telemetry(requests=requests)


def refused(reason, count=1):
    """One message of which some rows could not be read."""
    return Telemetry(refused=(RowsRefused(reason=reason, detail="", count=count),))
