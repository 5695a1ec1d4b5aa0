"""evidently and pandas: a drift report of a window from JSON, and frames of the traffic log."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

from benchmarks.telemetry.peers.serve import Abilities, read_messages
from benchmarks.telemetry.peers.with_json import rows_of

ENVELOPES = 4  # of a turn


def frame_of(messages: list[bytes]) -> pd.DataFrame:
    """All rows of some packed messages."""
    return pd.DataFrame([row for message in messages for row in rows_of(message)])


def report(messages: list[bytes], reference: pd.DataFrame, **options: Any) -> int:
    """One report of all columns of a window against the reference."""
    window = frame_of(messages)
    Report([DataDriftPreset(**options)]).run(window, reference).dict()
    return len(window)


def normalised(envelopes: list[bytes]) -> int:
    """Requests, failures and latencies of each deployment, by frames."""
    count = 0
    for envelope in envelopes:
        frame = pd.json_normalize(json.loads(envelope)["records"])
        codes = frame["properties.ResponseCode"].astype(int)
        frame = frame.assign(failed=codes >= 400, minute=frame["time"].str.slice(0, 16))
        groups = frame.groupby(["resourceId", "properties.DeploymentName", "minute"])
        groups.agg({"failed": "sum", "properties.TotalDurationMs": [list, "sum", "size"]})
        count += len(frame)
    return count


def prepare(folder: Path) -> Abilities:
    """What can be asked."""
    messages, envelopes = read_messages(folder / "packed"), read_messages(folder / "traffic")[:ENVELOPES]
    reference = frame_of(read_messages(folder / "reference"))
    return Abilities(
        {
            "psi": partial(report, messages, reference, num_method="psi", cat_method="psi"),
            "preset": partial(report, messages, reference),
            "json_normalize": partial(normalised, envelopes),
        }
    )
