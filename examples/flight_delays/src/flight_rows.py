"""Month files and the hold-out.

Owns which rows a job reads and which it must not train on. It knows nothing of models.
"""

import hashlib
from pathlib import Path

import pandas as pd

SUFFIX = ".csv.gz"
HOLDOUT_ONE_IN = 5


def months_in(folder: Path) -> list[str]:
    """The months, as `2013-01`, that have a file in the folder; oldest first. Raises FileNotFoundError if there is none."""
    months = sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
    if not months:
        raise FileNotFoundError(f"no month files (YYYY-MM{SUFFIX}) in {folder}")
    return months


def chosen_months(available: list[str], named: str, newest: int) -> list[str]:
    """The months named as `1,2` or `2013-01,2013-02`; else the newest so many; else (0) all of them."""
    if not named:
        return available[-newest:] if newest else available
    endings = [part.strip().zfill(2) for part in named.split(",")]
    absent = [ending for ending in endings if not any(month.endswith(ending) for month in available)]
    if absent:
        raise ValueError(f"no file for month {', '.join(absent)}; there are {', '.join(available)}")
    return [month for month in available if month.endswith(tuple(endings))]


def read_months(folder: Path, months: list[str]) -> pd.DataFrame:
    """The labelled rows of these months in one frame; only an empty field counts as missing."""
    paths = [folder / f"{month}{SUFFIX}" for month in months]
    frames = [pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in paths]
    return pd.concat(frames, ignore_index=True)


def is_held_out(row_ids: pd.Series) -> pd.Series:
    """True for the fifth of the rows that no training run may see: fixed by a hash of the id, whatever the months."""
    return row_ids.map(_bucket) == 0


def _bucket(row_id: str) -> int:
    return int.from_bytes(hashlib.sha256(row_id.encode()).digest()[:8], "big") % HOLDOUT_ONE_IN
