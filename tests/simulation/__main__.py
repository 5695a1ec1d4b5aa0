"""``python -m tests.simulation``: play seeds, say what broke, and what was met on the way.

Owns the command line. One seed is replayed with ``--seed``; exit code 1 when an invariant is broken.
"""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.runs import Run, play

SHOWN_MAX = 10


def main() -> int:
    """Play; returns the exit code."""
    options = _options()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    broken: list[Run] = []
    effects, faults, guards = Counter[str](), Counter[str](), Counter[str]()
    started = time.monotonic()
    for number, seed in enumerate(seeds, 1):
        run = play(seed)
        broken += [run] if run.breaches else []
        effects.update(run.effects)
        faults.update(run.faults)
        guards.update(run.reasons)
        if number % 100 == 0:
            print(
                f"{number} seeds, {len(broken)} broken, {(time.monotonic() - started) / number:.3f} s each", flush=True
            )
    for title, counted in (("effects", effects), ("faults", faults), ("reasons", guards)):
        print(f"{title}: " + ", ".join(f"{name} {count}" for name, count in counted.most_common()))
    for run in broken[:SHOWN_MAX]:
        print(f"seed {run.seed}: " + "; ".join(run.breaches[:5]))
    print(f"{len(seeds)} seeds, {len(broken)} broken. Replay one with: python -m tests.simulation --seed N")
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many to play")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="play this one alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
