"""The evaluation job: a candidate, and the champion if there is one, on the images that neither trained on.

Owns the comparison. It knows nothing of endpoints.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import joblib
import mlflow
from digit_files import is_held_out, read_labelled


def accuracies(data: Path, model: Path, champion: str) -> dict[str, float]:
    """``accuracy``, and with a champion also its own and the difference. Raises FileNotFoundError without a model."""
    images, labels = read_labelled(data)
    held_out = is_held_out(len(images))
    measured = {"accuracy": _accuracy(model, images[held_out], labels[held_out])}
    if champion:
        measured["accuracy_champion"] = _accuracy(Path(champion), images[held_out], labels[held_out])
        measured["accuracy_vs_champion"] = measured["accuracy"] - measured["accuracy_champion"]
    return measured


def _accuracy(model: Path, images: object, labels: object) -> float:
    found = sorted(model.rglob("digits.joblib"))
    if not found:
        raise FileNotFoundError(f"no digits.joblib in or below {model}")
    return float(joblib.load(found[0]).score(images, labels))


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, and log to the run that MLflow's environment names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--champion", default="")
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args(argv)
    measured = accuracies(args.data, args.model, args.champion)
    with mlflow.start_run():
        mlflow.log_metrics(measured)
    print(measured)


if __name__ == "__main__":
    main()
