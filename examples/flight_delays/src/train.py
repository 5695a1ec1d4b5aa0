"""The training job: months of labelled flights in, a model folder, metrics and reference profile out.

Owns the estimator's settings. It knows nothing of registration: the job's output names the model.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
from flight_features import CATEGORICAL, NUMERIC, encode
from flight_model import ROW_BY_ROW, VECTORISED, FlightModel
from flight_rows import chosen_months, is_held_out, months_in, read_months
from reference_profile import reference_tags
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

SEED = 20130101


@dataclass(frozen=True)
class Trained:
    """What one training run has to show."""

    model: FlightModel
    metrics: dict[str, float]
    tags: dict[str, str]


def train(rows: pd.DataFrame, months: list[str], inference: str = VECTORISED) -> Trained:
    """Fit on the rows outside the hold-out and measure on those inside; same rows, same model."""
    held_out = is_held_out(rows["row_id"])
    training, holdout = rows[~held_out], rows[held_out]
    model = _fit(training, months, inference)
    auc = float(roc_auc_score(holdout["label"], model.scores(holdout)))
    tags = reference_tags(training, pd.Series(model.scores(training)))
    return Trained(model, {"auc_holdout": auc, "rows": float(len(training))}, tags)


def _fit(training: pd.DataFrame, months: list[str], inference: str) -> FlightModel:
    categories = {name: sorted(training[name].dropna().unique().tolist()) for name in CATEGORICAL}
    estimator = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=100,
        l2_regularization=1.0,
        categorical_features=list(range(len(NUMERIC), len(NUMERIC) + len(CATEGORICAL))),
        random_state=SEED,
    )
    estimator.fit(encode(training, categories), training["label"])
    return FlightModel(estimator, categories, months, inference)


def main(argv: Sequence[str] | None = None) -> None:
    """Train on the chosen months, write the model folder, and log to the run that MLflow's environment names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of month files")
    parser.add_argument("--months", default="", help="for instance 1,2; wins over --months-newest")
    parser.add_argument("--months-newest", type=int, default=0, help="0: all")
    parser.add_argument("--model-output", type=Path, required=True)
    parser.add_argument("--inference", choices=[VECTORISED, ROW_BY_ROW], default=VECTORISED)
    args = parser.parse_args(argv)
    months = chosen_months(months_in(args.data), args.months, args.months_newest)
    trained = train(read_months(args.data, months), months, args.inference)
    trained.model.save(args.model_output)
    with mlflow.start_run():
        mlflow.log_metrics(trained.metrics)
        mlflow.set_tags(trained.tags)
    print(f"trained on {', '.join(months)}: {trained.metrics}")


if __name__ == "__main__":
    main()
