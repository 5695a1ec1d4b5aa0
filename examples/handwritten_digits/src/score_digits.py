"""The scoring script: which digit is on each image.

Owns the request and answer format, and that statistics of the images are recorded, not the images. It knows nothing of who asks.
"""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from digit_images import STATISTICS, Images, images_of, statistics

try:
    from outerloop_emitter import Collector
except ImportError:  # the deployment serves without telemetry when its environment leaves the emitter out
    Collector = None

logger = logging.getLogger(__name__)


@dataclass
class Serving:
    """What `init` prepares and `run` uses."""

    model: Any = None
    collector: Any = None


serving = Serving()


def init() -> None:
    """Load the model that Azure ML mounted; raises when there is none, which keeps the deployment unhealthy."""
    serving.model = joblib.load(min(Path(os.getenv("AZUREML_MODEL_DIR", "model")).rglob("digits.joblib")))
    if Collector is None:
        logger.warning("outerloop_emitter is not installed: nothing is recorded")
        return
    serving.collector = Collector(os.getenv("OUTERLOOP_DEPLOYMENT_ID", ""))


def run(raw_data: str) -> dict[str, list[int]]:
    """Read `{"request_id"?, "rows": [{"image": [64 pixels from 0 to 16], "event_time"?}, ...]}`, answer `{"predictions": [digit, ...]}`.

    A caller that will know the true digits sends a `request_id` and keeps it: labels come back under it.
    Raises ValueError, KeyError or RuntimeError otherwise, which the server turns into an error status.
    """
    if serving.model is None:
        raise RuntimeError("run was called before init")
    request = json.loads(raw_data)
    rows = request["rows"]
    images = images_of(row["image"] for row in rows)
    predictions = [int(digit) for digit in serving.model.predict(images)] if rows else []
    if serving.collector is not None and rows:
        _record(images, predictions, rows, request.get("request_id"))
    return {"predictions": predictions}


def _record(images: Images, predictions: list[int], rows: list[dict[str, Any]], request_id: Any) -> None:
    columns = statistics(images)
    features = [{name: columns[name][number] for name in STATISTICS} for number in range(len(images))]
    times = [row["event_time"] for row in rows] if all("event_time" in row for row in rows) else None
    serving.collector.collect(features, [float(digit) for digit in predictions], times, request_id)
