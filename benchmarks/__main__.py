"""`python -m benchmarks [decisions|signals]`: measures, prints one table, and ends with 1 when a goal is missed."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping

from benchmarks.decisions import measure as decisions
from benchmarks.report import HEADER, Line
from benchmarks.signals import measure as signals
from local.azurite import AzuriteError

BENCHMARKS: Mapping[str, Callable[[], Iterator[Line]]] = {"decisions": decisions.measure, "signals": signals.measure}


def main() -> int:
    """Measure, print, judge. A figure that cannot be taken is a goal that is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("benchmark", nargs="*", choices=[[], *BENCHMARKS], default=[])
    chosen = parser.parse_args().benchmark or list(BENCHMARKS)
    missed = 0
    print(HEADER)
    try:
        for line in (line for name in chosen for line in BENCHMARKS[name]()):
            print(*line.rows, sep="\n", flush=True)
            missed += not line.met
    except AzuriteError as error:
        print(error, file=sys.stderr)
        missed += 1
    print(f"\n{missed} goals missed" if missed else "\nall goals met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
