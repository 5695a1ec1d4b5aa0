"""The evaluation job: a candidate, and the champion if there is one, on the same rows.

Owns which rows a comparison may use. It scores estimators in batch and knows nothing of endpoints, so it cannot see a
fault of the serving path.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import mlflow
import pandas as pd
from flight_model import FlightModel, load
from flight_rows import is_held_out, months_in, read_months
from sklearn.metrics import roc_auc_score

HOLDOUT = "holdout"
LATER = "later"


def comparison_rows(folder: Path, candidate: FlightModel, champion: FlightModel | None, on: str) -> pd.DataFrame | None:
    """The rows that neither model has seen; None when there are none.

    `holdout`: the held-out fifth of the candidate's training months. `later`: every row of the months after both
    models' training months.
    """
    if on == HOLDOUT:
        rows = read_months(folder, candidate.training_months)
        return rows[is_held_out(rows["row_id"])]
    seen = candidate.training_months + (champion.training_months if champion else [])
    later = [month for month in months_in(folder) if month > max(seen)]
    return read_months(folder, later) if later else None


def compare(candidate: FlightModel, champion: FlightModel | None, rows: pd.DataFrame | None) -> dict[str, float]:
    """`rows` and `auc`; with a champion also `auc_champion` and the difference, `auc_vs_champion`. No rows, no AUC."""
    if rows is None or rows.empty:
        return {"rows": 0.0}
    auc = float(roc_auc_score(rows["label"], candidate.scores(rows)))
    measured = {"rows": float(len(rows)), "auc": auc}
    if champion:
        auc_champion = float(roc_auc_score(rows["label"], champion.scores(rows)))
        measured |= {"auc_champion": auc_champion, "auc_vs_champion": auc - auc_champion}
    return measured


def main(argv: Sequence[str] | None = None) -> None:
    """Compare and log to the run that MLflow's environment names; a champion folder without a model is an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model folder of the candidate")
    parser.add_argument("--champion", default="", help="model folder of the champion; empty: there is none")
    parser.add_argument("--data", type=Path, required=True, help="folder of month files")
    parser.add_argument("--on", choices=[HOLDOUT, LATER], default=HOLDOUT)
    args = parser.parse_args(argv)
    candidate = load(args.model)
    champion = load(Path(args.champion)) if args.champion else None
    measured = compare(candidate, champion, comparison_rows(args.data, candidate, champion, args.on))
    with mlflow.start_run():
        mlflow.log_metrics(measured)
    print(f"{args.on}: {measured}")


if __name__ == "__main__":
    main()
