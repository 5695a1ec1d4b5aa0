"""The scoring script of the deployment, with the `init` and `run` that Azure ML calls.

Owns the request and answer format. It knows nothing of who asks; recording is left to the collector, which never
fails a request.
"""

import json
import logging
import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_features import FEATURES
from flight_model import FlightModel, load

try:
    from outerloop_emitter import Collector
except ImportError:  # the deployment serves without telemetry when its environment leaves the emitter out
    Collector = None

logger = logging.getLogger(__name__)


@dataclass
class Serving:
    """What `init` prepares and `run` uses."""

    model: FlightModel | None = None
    collector: Any = None


serving = Serving()


def init() -> None:
    """Load the model that Azure ML mounted; raises when there is none, which keeps the deployment unhealthy."""
    serving.model = load(Path(os.getenv("AZUREML_MODEL_DIR", "model")))
    if Collector is None:
        logger.warning("outerloop_emitter is not installed: inputs and outputs are not recorded")
        return
    serving.collector = Collector(os.getenv("OUTERLOOP_DEPLOYMENT_ID", ""))


def run(raw_data: str) -> dict[str, list[float]]:
    """Score `{"request_id"?, "rows": [{the 12 features, "event_time"?, "row_id"?}, …]}`; null stands for a missing value.

    A caller that will know what became of the flights sends a `request_id` and keeps it: labels come back under it.
    Answers `{"predictions": [chance of being late, …]}`; raises ValueError, KeyError or RuntimeError otherwise, which
    the server turns into an error status.
    """
    with serving.collector.request() if serving.collector is not None else nullcontext():
        return _answer(raw_data)


def _answer(raw_data: str) -> dict[str, list[float]]:
    if serving.model is None:
        raise RuntimeError("run was called before init")
    request = json.loads(raw_data)
    rows = request["rows"]
    predictions = serving.model.answer(rows)
    if serving.collector is not None:
        _record(rows, predictions, request.get("request_id"))
    return {"predictions": predictions}


def _record(rows: list[dict[str, Any]], predictions: list[float], request_id: Any) -> None:
    features = [{name: row[name] for name in FEATURES} for row in rows]
    timed = all("event_time" in row for row in rows)
    event_times = [row["event_time"] for row in rows] if timed else None
    serving.collector.collect(features, predictions, event_times, request_id)
