"""The model as it is stored: an estimator, and beside it what is needed to feed it.

Owns the two files of a model folder and the two ways to answer a request. It knows nothing of jobs or endpoints.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from flight_features import FEATURES, NUMERIC, Matrix, columns_of, encode
from numpy.typing import NDArray

VECTORISED = "vectorised"
ROW_BY_ROW = "row_by_row"


@dataclass(frozen=True)
class FlightModel:
    """A trained estimator with its categories, its training months and the way it answers requests."""

    estimator: Any
    categories: dict[str, list[str]]
    training_months: list[str]
    inference: str = VECTORISED

    def scores(self, columns: Mapping[str, Iterable[Any]]) -> NDArray[np.float64]:
        """The chance of being late for every row, in one call of the estimator: what training and evaluation use."""
        return _late(self.estimator, encode(columns, self.categories))

    def answer(self, rows: list[dict[str, Any]]) -> list[float]:
        """The chance of being late for each row of a request; raises ValueError for rows that it cannot score."""
        if not rows:
            return []
        matrix = encode(columns_of(rows), self.categories)
        scores = (
            _late_row_by_row(self.estimator, matrix) if self.inference == ROW_BY_ROW else _late(self.estimator, matrix)
        )
        return [float(score) for score in scores]

    def save(self, folder: Path) -> None:
        """Write `model.joblib` and `model.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        joblib.dump(self.estimator, folder / "model.joblib")
        described = {
            "features": list(FEATURES),
            "categories": self.categories,
            "inference": self.inference,
            "training_months": self.training_months,
        }
        (folder / "model.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> FlightModel:
    """Read the model at or below the folder (Azure ML nests it); raises FileNotFoundError, or ValueError for other features."""
    found = sorted(folder.rglob("model.json"))
    if not found:
        raise FileNotFoundError(f"no model.json in or below {folder}")
    described = json.loads(found[0].read_text(encoding="utf-8"))
    if described["features"] != list(FEATURES):
        raise ValueError(f"{found[0]} was trained on other features: {described['features']}")
    estimator = joblib.load(found[0].with_name("model.joblib"))
    return FlightModel(estimator, described["categories"], described["training_months"], described["inference"])


def _late(estimator: Any, matrix: Matrix) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = estimator.predict_proba(matrix)[:, 1]
    return scores


def _late_row_by_row(estimator: Any, matrix: Matrix) -> list[float]:
    """The mistake that version 3 ships: pays the estimator's fixed cost once a row, and turns rows with gaps away."""
    scores = []
    for number, row in enumerate(matrix):
        gaps = [name for name, value in zip(NUMERIC, row, strict=False) if np.isnan(value)]
        if gaps:
            raise ValueError(f"row {number} has no value for {', '.join(gaps)}")
        scores.append(float(_late(estimator, row.reshape(1, -1))[0]))
    return scores
