"""The reference profile: what the training data looked like, small enough for run tags.

Owns the shape of the `outerloop.reference` tags that drift is measured against. It knows nothing of models or months.
"""

import json
from typing import Any

import numpy as np
import pandas as pd
from flight_features import CATEGORICAL, FEATURES, NUMERIC

PREFIX = "outerloop.reference"
TAG_CHARACTERS_MAX = 999
CATEGORIES_MAX = 30
DECILES = np.linspace(0.1, 0.9, 9)


def reference_tags(rows: pd.DataFrame, predictions: pd.Series) -> dict[str, str]:
    """One tag per feature, one for `prediction`, and one that says how many rows and which features there are.

    Raises ValueError when a tag would be longer than a workspace keeps.
    """
    profiles: dict[str, Any] = {name: numeric_profile(rows[name], _quantiles(rows[name])) for name in NUMERIC}
    profiles |= {name: categorical_profile(rows[name]) for name in CATEGORICAL}
    profiles["prediction"] = numeric_profile(predictions, [round(float(edge), 1) for edge in DECILES])
    tags = {f"{PREFIX}.{name}": _compact(profile) for name, profile in profiles.items()}
    tags[PREFIX] = _compact({"rows": len(rows), "features": list(FEATURES)})
    too_long = [name for name, text in tags.items() if len(text) > TAG_CHARACTERS_MAX]
    if too_long:
        raise ValueError(f"longer than {TAG_CHARACTERS_MAX} characters: {', '.join(too_long)}")
    return tags


def numeric_profile(values: pd.Series, edges: list[float]) -> dict[str, Any]:
    """Counts between the edges, each bin including its upper edge; the first and the last bin are open."""
    present = values.dropna().to_numpy(dtype=float)
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return {
        "kind": "numeric",
        "edges": edges,
        "counts": counts.tolist(),
        "nulls": int(values.isna().sum()),
        "min": round(float(present.min()), 4) if len(present) else None,
        "max": round(float(present.max()), 4) if len(present) else None,
    }


def categorical_profile(values: pd.Series) -> dict[str, Any]:
    """Counts of the most frequent values; what is left over is in `other`."""
    counted = values.value_counts()
    kept = counted.head(CATEGORIES_MAX)
    return {
        "kind": "categorical",
        "counts": {str(value): int(count) for value, count in kept.items()},
        "other": int(counted.sum() - kept.sum()),
        "nulls": int(values.isna().sum()),
    }


def _quantiles(values: pd.Series) -> list[float]:
    """The deciles, once each; one that equals the maximum goes, since the bin above it would be empty for ever."""
    edges = sorted({round(float(edge), 4) for edge in values.dropna().quantile(DECILES)})
    return [edge for edge in edges if edge < values.max()]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
