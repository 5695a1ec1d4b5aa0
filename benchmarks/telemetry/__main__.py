"""`python -m benchmarks.telemetry`: measures, prints the table of goals, and ends with 1 when one is missed without a reason."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from benchmarks.telemetry import closing, memory, models, reading, state, through_worker
from benchmarks.telemetry.peers.environments import STATE, PeerMissingError, install
from benchmarks.telemetry.peers.process import QUIET
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.turns import ROUNDS
from benchmarks.telemetry.verdicts import Reading, conclusion, exit_code, judged, read_goals, table

Measure = Callable[[Run], Iterator[Reading | str]]


class Part:
    """What measures one goal: its title, its measures in order, and the peers that they ask for."""

    def __init__(self, title: str, measures: Sequence[Measure], peers: Sequence[str] = ()) -> None:
        self.title, self.measures, self.peers = title, measures, peers


PARTS: Mapping[int, Part] = {
    1: Part("from bytes to window state", [reading.against_the_floor]),
    2: Part("the same against peers", [reading.against_peers], ["whylogs", "evidently", "river"]),
    3: Part("through Microsoft's worker library", [through_worker.measure], ["functions"]),
    4: Part("the traffic log", [reading.traffic], ["evidently"]),
    5: Part("bytes of state", [state.size], ["river", "whylogs"]),
    6: Part("truth", [state.truth]),
    7: Part("one model to 10,000", [models.growth, memory.slope]),
    8: Part("closing windows", [closing.scores], ["whylogs"]),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the goals that are asked for, print, judge."""
    asked = _parser().parse_args(arguments)
    chosen = sorted(set(asked.goal or PARTS))
    readings: dict[int, list[Reading]] = {}
    with ExitStack() as stack:
        run = Run(stack, asked.rounds, quick=asked.quick, state=asked.peers)
        for number in chosen:
            print(f"\n{number}. {PARTS[number].title}", flush=True)
            try:
                readings[number] = _measured(PARTS[number], run, asked)
            except PeerMissingError as error:
                print(f"goal {number} cannot be measured: {error}", file=sys.stderr)
    verdicts = judged([goal for goal in read_goals() if goal.goal in chosen], readings)
    print("", table(verdicts), "", conclusion(verdicts), sep="\n")
    return exit_code(verdicts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.telemetry", description=main.__doc__)
    parser.add_argument("--goal", type=int, action="append", choices=PARTS, help="only this one (may be repeated)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"at least 7 for a figure to quote ({ROUNDS})")
    parser.add_argument(
        "--quick", action="store_true", help="less data, to see that everything runs; no figure to quote"
    )
    parser.add_argument("--peers", type=Path, default=STATE, help="where the peers' environments are (%(default)s)")
    parser.add_argument("--installed-only", action="store_true", help="install no peer: one that is missing fails")
    return parser


def _measured(part: Part, run: Run, asked: argparse.Namespace) -> list[Reading]:
    for peer in part.peers:
        if not asked.installed_only:
            install(peer, asked.peers)
    found = []
    for told in chain.from_iterable(measure(run) for measure in part.measures):
        if isinstance(told, Reading):
            found.append(told)
        else:
            print(told, flush=True)
    return found


def _with_one_thread() -> None:
    """Start anew with one thread for each library, unless it is so: they read it when they are imported."""
    if any(os.environ.get(name) != value for name, value in QUIET.items()):  # noqa: TID251  # libraries read it there
        os.environ.update(QUIET)  # noqa: TID251
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.telemetry", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    _with_one_thread()
    sys.exit(main())
