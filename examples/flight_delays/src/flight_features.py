"""What the model looks at, and how a row becomes numbers.

Owns the feature names and the encoding that training, evaluation and serving share. It refuses to know where rows come
from, and it does without pandas, so that the endpoint never loads it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMERIC = ("hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
CATEGORICAL = ("carrier", "origin", "dest")
FEATURES = NUMERIC + CATEGORICAL

Matrix = NDArray[np.float64]


def encode(columns: Mapping[str, Iterable[Any]], categories: Mapping[str, list[str]]) -> Matrix:
    """One row of numbers per flight, columns in the order of `FEATURES`.

    Missing numbers and categories that training never saw become NaN, which the estimator handles natively.
    Raises ValueError when a number is no number.
    """
    numeric = [np.array(list(columns[name]), dtype=np.float64) for name in NUMERIC]
    codes = [_codes(columns[name], categories[name]) for name in CATEGORICAL]
    return np.column_stack(numeric + codes)


def _codes(values: Iterable[Any], known: list[str]) -> NDArray[np.float64]:
    code_of = {value: float(code) for code, value in enumerate(known)}
    return np.array([code_of.get(value, np.nan) for value in values], dtype=np.float64)


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn request rows into columns; raises ValueError naming the first feature that a row leaves out."""
    try:
        return {name: [row[name] for row in rows] for name in FEATURES}
    except KeyError as missing:
        raise ValueError(f"a row has no {missing}; every row needs {', '.join(FEATURES)} (null when unknown)") from None
