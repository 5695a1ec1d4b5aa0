"""Tells the loop which of the scored flights were late: an airline's own job, weeks after the flights.

Owns the way from a log of requests to labels. It knows nothing of the model, nor of what is made of the labels. Where they go is
in the environment, as for the scoring script: OUTERLOOP_TELEMETRY_CONNECTION and OUTERLOOP_TELEMETRY_HUB.
"""

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from outerloop_emitter import Collector

FLUSH_SECONDS = 60.0


def delays(files: Iterable[Path]) -> dict[str, int]:
    """1 for each flight of these month files that was late, by `row_id`, and 0 for each other."""
    found = {}
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            found |= {row["row_id"]: int(row["label"]) for row in csv.DictReader(lines)}
    return found


def tell(
    requests: Sequence[Mapping[str, Any]], late: Mapping[str, int], collector_of: Callable[[str], Collector] = Collector
) -> int:
    """Send the labels of each request to the deployment that answered it; returns how many rows the hub did not take.

    A request is what its caller kept of it: `request_id`, `deployment` (the resource id), and `row_ids` and `event_times` in
    the order of its rows. Of a flight whose arrival is not known yet no label is told, and it keeps its place.
    """
    collectors = {name: collector_of(name) for name in dict.fromkeys(request["deployment"] for request in requests)}
    for request in requests:
        labels = [late.get(flight) for flight in request["row_ids"]]
        collectors[request["deployment"]].collect_labels(request["request_id"], labels, request["event_times"])
    for collector in collectors.values():
        collector.flush(FLUSH_SECONDS)
        collector.close()
    return sum(len(request["row_ids"]) for request in requests) - sum(each.sent for each in collectors.values())


def main(argv: Sequence[str] | None = None) -> int:
    """Tell the delays of the requests of a log; returns 0 when the hub took them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=Path, required=True, help="JSON lines: what a caller kept of its requests")
    parser.add_argument("--flights", type=Path, required=True, nargs="+", help="month files, as data.py writes them")
    args = parser.parse_args(argv)
    requests = [json.loads(line) for line in args.requests.read_text(encoding="utf-8").splitlines()]
    untold = tell(requests, delays(args.flights))
    rows = sum(len(request["row_ids"]) for request in requests)
    print(f"{rows - untold} of {rows} flights in {len(requests)} requests were told")
    return 1 if untold else 0


if __name__ == "__main__":
    sys.exit(main())
