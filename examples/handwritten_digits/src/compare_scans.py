"""The comparison job: what two versions wrote about the same forms.

Owns how predictions are matched and the metrics that the policy sets limits to. It knows nothing of models or endpoints.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import mlflow

FILE = "predictions.csv"
Predictions = Mapping[tuple[str, str], tuple[str, float]]


def predictions_in(folder: Path) -> dict[tuple[str, str], tuple[str, float]]:
    """Digit and chance by file and line. Raises FileNotFoundError, and ValueError for a row of another form."""
    rows = (line.split(",") for line in (folder / FILE).read_text(encoding="utf-8").splitlines() if line)
    return {(name, number): (digit, float(chance)) for name, number, digit, chance in rows}


def fields_in(folder: Path) -> int:
    """How many fields there are to score in all files."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(1 for path in files for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def compare(fields: int, candidate: Predictions, champion: Predictions | None) -> dict[str, float]:
    """``rows`` and the share of fields without a prediction; beside a champion also how far the two are apart.

    What only one of the two predicted counts as differing. Nothing to score: only that, since no share can be told.
    """
    measured = {"rows": float(len(candidate))}
    if champion is not None:
        measured["rows_champion"] = float(len(champion))
    if not fields:
        return measured
    measured["failed_share"] = 1 - len(candidate) / fields
    if not champion:
        return measured
    both = candidate.keys() & champion.keys()
    alike = [key for key in both if candidate[key][0] == champion[key][0]]
    either = candidate.keys() | champion.keys()
    apart = [abs(candidate[key][1] - champion[key][1]) for key in both]
    return measured | {
        "rows_vs_champion": len(candidate) / len(champion),
        "differing_vs_champion": 1 - len(alike) / len(either),
        "chance_difference_vs_champion": sum(apart) / len(apart) if apart else 1.0,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, and log to the run that MLflow's environment names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the forms")
    parser.add_argument("--candidate", type=Path, required=True, help="what the candidate wrote")
    parser.add_argument("--champion", default="", help="what the champion wrote; empty: there is none")
    args = parser.parse_args(argv)
    champion = predictions_in(Path(args.champion)) if args.champion else None
    measured = compare(fields_in(args.data), predictions_in(args.candidate), champion)
    with mlflow.start_run():
        mlflow.log_metrics(measured)
    print(measured)


if __name__ == "__main__":
    main()
