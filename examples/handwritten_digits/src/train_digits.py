"""The training job: labelled images in; a model folder, its accuracy and the reference profile of its images out.

Owns the estimator and the tags that drift is measured against. It knows nothing of registration.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import mlflow
import numpy as np
from digit_files import is_held_out, read_labelled
from digit_images import STATISTICS, Images, statistics
from sklearn.linear_model import LogisticRegression

PREFIX = "outerloop.reference"
DECILES = np.linspace(0.1, 0.9, 9)


def reference_tags(images: Images) -> dict[str, str]:
    """One tag for each statistic, with its deciles and the counts between them, and one that names them all."""
    tags = {f"{PREFIX}.{name}": _profile(np.array(values)) for name, values in statistics(images).items()}
    return tags | {PREFIX: json.dumps({"rows": len(images), "features": list(STATISTICS)})}


def _profile(values: Any) -> str:
    edges = sorted({round(float(edge), 5) for edge in np.quantile(values, DECILES)})
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return json.dumps({"kind": "numeric", "edges": edges, "counts": counts.tolist(), "nulls": 0})


def main(argv: Sequence[str] | None = None) -> None:
    """Fit outside the hold-out, measure inside, and log to the run that MLflow's environment names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with digits.csv")
    parser.add_argument("--model-output", type=Path, required=True)
    args = parser.parse_args(argv)
    images, labels = read_labelled(args.data)
    held_out = is_held_out(len(images))
    estimator = LogisticRegression(max_iter=300, C=10.0).fit(images[~held_out], labels[~held_out])
    accuracy = float(estimator.score(images[held_out], labels[held_out]))
    args.model_output.mkdir(parents=True, exist_ok=True)
    joblib.dump(estimator, args.model_output / "digits.joblib")
    with mlflow.start_run():
        mlflow.log_metrics({"accuracy_holdout": accuracy, "images": float(len(images))})
        mlflow.set_tags(reference_tags(images[~held_out]))
    print(f"trained on {int((~held_out).sum())} images, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
