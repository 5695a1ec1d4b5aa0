"""The scoring script of the batch deployment: which digits are on the scanned forms.

Owns the format of a form's file (a line for each field, 64 pixels from 0 to 16) and of a prediction (file, line, digit and how sure
the model is). It knows nothing of who reads the predictions.
"""

import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from digit_images import images_of

serving: dict[str, Any] = {}


def init() -> None:
    """Load the model that Azure ML mounted; raises when there is none, which fails the run."""
    serving["model"] = joblib.load(min(Path(os.getenv("AZUREML_MODEL_DIR", "model")).rglob("digits.joblib")))


def run(mini_batch: list[str]) -> list[str]:
    """A row for each field of these files. Raises ValueError for a file that is no form: its mini-batch counts as failed."""
    return [row for path in mini_batch for row in _rows(Path(path))]


def _rows(path: Path) -> list[str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        return []
    images = images_of([float(pixel) for pixel in line.split(",")] for line in lines)
    chances = serving["model"].predict_proba(images)
    digits = serving["model"].classes_[np.argmax(chances, axis=1)]
    sure = chances.max(axis=1)
    return [
        f"{path.name},{number},{digit},{chance:.6f}"
        for number, (digit, chance) in enumerate(zip(digits, sure, strict=True))
    ]
