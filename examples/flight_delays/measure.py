"""Measures the data and the model: the figures in README.md come from here.

Owns nothing that runs on Azure. It trains with the job's own code, on the same month files.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from data import FEATURES, labelled_rows, request_rows

sys.path.insert(0, str(Path(__file__).parent / "src"))

from evaluate import compare
from flight_model import ROW_BY_ROW
from reference_profile import PREFIX, numeric_profile
from train import Trained, train

PSI_ABOVE = 0.2
SHARE_OF_FEATURES = 0.15
SHARE_FLOOR = 1e-4
REQUEST_ROWS = 50
TRAINING_WINDOWS: tuple[tuple[int, ...], ...] = ((1, 2), (3, 4, 5), (4, 5, 6))
SCORED_MONTHS = range(3, 9)


def psi(expected: list[int], found: list[int]) -> float:
    """Population stability index of two histograms over the same bins; an empty bin counts as a share of 1e-4."""
    shares = [np.maximum(np.array(counts) / max(sum(counts), 1), SHARE_FLOOR) for counts in (expected, found)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def feature_psi(profile: dict[str, Any], values: pd.Series) -> float:
    """PSI of the values against a reference profile; missing values are no bin of their own (they are data quality)."""
    if profile["kind"] == "numeric":
        return psi(profile["counts"], numeric_profile(values, profile["edges"])["counts"])
    kept = dict(profile["counts"])
    found = values.where(values.isin(list(kept)), "other").value_counts()
    return psi([*kept.values(), profile["other"]], [int(found.get(name, 0)) for name in [*kept, "other"]])


def drifted(trained: Trained, rows: pd.DataFrame) -> list[str]:
    """The features whose PSI against the training profile is over 0.2."""
    profiles = {name: json.loads(trained.tags[f"{PREFIX}.{name}"]) for name in FEATURES}
    return [name for name in FEATURES if feature_psi(profiles[name], rows[name]) > PSI_ABOVE]


def auc_table(year: pd.DataFrame) -> dict[tuple[int, ...], Trained]:
    """Print the AUC of each training window: on its hold-out, and on the later months."""
    print("## AUC by training window and month\n")
    print("| trained on | rows | hold-out | " + " | ".join(f"2013-{month:02d}" for month in SCORED_MONTHS) + " |")
    print("|---" * (len(SCORED_MONTHS) + 3) + "|")
    trained_on = {}
    for window in TRAINING_WINDOWS:
        names = [f"2013-{month:02d}" for month in window]
        trained = trained_on[window] = train(year[year["month"].isin(names)], names)
        cells = [
            f"{compare(trained.model, None, _month(year, month))['auc']:.3f}" if month > max(window) else ""
            for month in SCORED_MONTHS
        ]
        print(
            f"| {names[0]} to {names[-1]} | {trained.metrics['rows']:.0f} | {trained.metrics['auc_holdout']:.3f} | {' | '.join(cells)} |"
        )
    return trained_on


def drift_count_table(year: pd.DataFrame, trained_on: dict[tuple[int, ...], Trained]) -> None:
    """Print how many features are over the limit in later months, for each training window as the reference."""
    print(f"\n## Features of {len(FEATURES)} with PSI over {PSI_ABOVE}, by reference and month\n")
    print("| reference | " + " | ".join(f"2013-{month:02d}" for month in SCORED_MONTHS) + " |")
    print("|---" * (len(SCORED_MONTHS) + 1) + "|")
    for window, trained in trained_on.items():
        cells = [
            str(len(drifted(trained, _month(year, month)))) if month > max(window) else "" for month in SCORED_MONTHS
        ]
        print(f"| 2013-{window[0]:02d} to 2013-{window[-1]:02d} | {' | '.join(cells)} |")


def drift_table(year: pd.DataFrame, trained: Trained) -> None:
    """Print, for each month, which features drifted from the reference, and how complete its requests are."""
    print(f"\n## PSI over {PSI_ABOVE} against January and February, and gaps\n")
    print("| month | rows | late | drifted | share of 12 | features | prediction PSI | requests of 50 with a gap |")
    print("|---" * 8 + "|")
    prediction = json.loads(trained.tags[f"{PREFIX}.prediction"])
    for month in range(1, 13):
        rows = _month(year, month)
        found = drifted(trained, rows)
        score_psi = feature_psi(prediction, pd.Series(trained.model.scores(rows)))
        print(
            f"| 2013-{month:02d} | {len(rows)} | {rows['label'].mean():.3f} | {len(found)} | {len(found) / len(FEATURES):.2f} "
            f"| {', '.join(found)} | {score_psi:.3f} | {_requests_with_gap(rows):.2f} |"
        )


def false_alarm_table(year: pd.DataFrame, trained: Trained) -> None:
    """Print how many windows inside the training months would be called drifted: each of them is a false alarm."""
    print(f"\n## False alarms inside January and February (share of features over {SHARE_OF_FEATURES})\n")
    print("| window | windows | false alarms |")
    print("|---|---|---|")
    inside = year[year["month"].isin(["2013-01", "2013-02"])]
    day = pd.to_datetime(inside["event_time"]).dt.day_of_year - 1
    days = int(day.max()) + 1
    for name, window, whole in (
        ("7 days", day // 7, days // 7),
        ("14 days", day // 14, days // 14),
        ("1 month", inside["month"], 2),
    ):
        parts = [rows for _, rows in inside.groupby(window)][:whole]
        alarms = sum(len(drifted(trained, rows)) / len(FEATURES) > SHARE_OF_FEATURES for rows in parts)
        print(f"| {name} | {len(parts)} | {alarms} |")


def latency_table(year: pd.DataFrame, trained: Trained) -> None:
    """Print the time of one request of 50 complete rows in both inference modes, without the network."""
    print(f"\n## One request of {REQUEST_ROWS} rows, ms (OMP_NUM_THREADS={os.getenv('OMP_NUM_THREADS', 'unset')})\n")
    print("| inference | p50 | p95 |")
    print("|---|---|---|")
    rows = request_rows(_month(year, 1).dropna().head(REQUEST_ROWS))
    for model in (trained.model, replace(trained.model, inference=ROW_BY_ROW)):
        times = sorted(_milliseconds(model.answer, rows) for _ in range(60))
        print(f"| {model.inference} | {statistics.median(times):.1f} | {times[56]:.1f} |")


def _milliseconds(answer: Callable[[list[dict[str, Any]]], object], rows: list[dict[str, Any]]) -> float:
    started = time.perf_counter()
    answer(rows)
    return (time.perf_counter() - started) * 1000


def _month(year: pd.DataFrame, month: int) -> pd.DataFrame:
    return year[year["month"] == f"2013-{month:02d}"]


def _requests_with_gap(rows: pd.DataFrame) -> float:
    """The share of requests, cut in order of time, in which at least one row misses a value."""
    gaps = rows[FEATURES].isna().any(axis=1).to_numpy()
    return float(np.mean([gaps[start : start + REQUEST_ROWS].any() for start in range(0, len(gaps), REQUEST_ROWS)]))


def main() -> None:
    """Print all tables, as Markdown."""
    year = labelled_rows(range(1, 13))
    year["month"] = year["event_time"].str[:7]
    trained_on = auc_table(year)
    drift_count_table(year, trained_on)
    trained = trained_on[TRAINING_WINDOWS[0]]
    drift_table(year, trained)
    false_alarm_table(year, trained)
    latency_table(year, trained)


if __name__ == "__main__":
    main()
