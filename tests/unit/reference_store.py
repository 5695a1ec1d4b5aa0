"""A store that keeps a reference profile and windows counted by it, for whoever asks about production periods."""

from datetime import UTC, datetime

import numpy as np

from shared.domain.observations import DeploymentRef
from shared.ports import Stored
from shared.telemetry.fold import WindowState, encode_window
from shared.telemetry.partials import DataPartial
from shared.telemetry.profiles import CategoricalReference, NumericReference, ReferenceProfile, encode_profile

WORKSPACE = "/subscriptions/s/resourcegroups/mlops/providers/microsoft.machinelearningservices/workspaces/ws"
BLUE = DeploymentRef(workspace=WORKSPACE, endpoint="flights", deployment="blue")
GREEN = DeploymentRef(workspace=WORKSPACE, endpoint="flights", deployment="green")
PROFILE = ReferenceProfile(
    rows=100,
    features={
        "distance": NumericReference(edges=(1.0, 2.0), counts=(50, 30, 20), nulls=4, min=0.0, max=5.0),
        "carrier": CategoricalReference(counts={"AA": 60, "UA": 40}),
    },
)
CARRIER_FIRST = [3, 5, 2, 0, 0, 0]  # AA, UA, others, nulls, type errors, outside


def day(number, month=3):
    return datetime(2026, month, number, tzinfo=UTC)


async def keep_profile(store, ref=BLUE, profile=PROFILE):
    await store.save_document(f"profiles/{ref.key}", encode_profile(profile), "")


async def keep_window(store, start, length="1d", distance=(4, 5, 1), ref=BLUE, profile=PROFILE):
    """A window of ten rows."""
    counts = np.array([*CARRIER_FIRST, *distance, 0, 0, 0], dtype=np.int64)
    partial = DataPartial(
        deployment=ref, start=start, length=length, digest=profile.digest, rows=10, predictions=0, counts=counts
    )
    name = f"data/{ref.key}/{start.isoformat()}/{length}/{profile.digest}"
    await store.save_fold({name: Stored(encode_window(WindowState(partial)))}, [])
